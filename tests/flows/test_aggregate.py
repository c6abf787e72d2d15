"""The aggregator: reports say what the commit records say, and every version reaches subscribers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from builders import NOW, World, make_chunk, make_event
from chalicelib.core.chunk import Chunk
from chalicelib.core.windows import Window
from chalicelib.errors import NotApplied, ProcessingFailed, StoreFailed
from fakes import FakeAgenda, FakeCommitLog, FakeCounters

OPEN = NOW  # the hour of the events still runs
HOUR_OVER = datetime(2015, 5, 17, 11, tzinfo=UTC)
ALL_OVER = datetime(2015, 5, 18, tzinfo=UTC)
HOUR = Window("acme", "hour", "2015-05-17T10")
DAY = Window("acme", "day", "2015-05-17")
NEXT_HOUR = Window("acme", "hour", "2015-05-17T11")


def one(event_id: str, *, hour: str = "10", project: str = "acme", **event: Any) -> Chunk:
    return make_chunk(make_event(event_id, at=f"2015-05-17T{hour}:05:00Z", **event), project=project)


def world_with(*chunks: Chunk) -> World:
    world = World()
    world.take(*(chunks or (one("e1"),)))
    return world


def versions(world: World) -> list[tuple[str, int, int, bool]]:
    """What subscribers got, in order: grain, version, events, complete."""
    documents = [json.loads(message["document"]) for message in world.topic.published]
    return [(each["grain"], each["version"], each["events"], each["complete"]) for each in documents]


def events_in(world: World, window: Window) -> int:
    return int(world.reports.reports[window].content["events"])


def test_without_events_there_is_nothing_to_report() -> None:
    world = World()
    assert world.aggregate() == {"refreshed": 0, "published": 0}
    assert (world.reports.reports, world.topic.published, world.reports.archived) == ({}, [], {})


def test_a_report_counts_types_users_and_top_values_of_its_window() -> None:
    world = world_with(
        make_chunk(make_event("e1", page="/"), make_event("e2", user="u2", page="/"), make_event("e3", page="/a")),
        one("e1"),  # a duplicate
        one("e4", event_type="click"),
        one("e5", hour="11", user="u3"),
    )
    assert world.aggregate(ALL_OVER) == {"refreshed": 3, "published": 3}
    top = {"page": [{"value": "/", "count": 2}, {"value": "/a", "count": 1}]}
    hour = {"complete": True, "events": 4, "unique_users": 2, "counts": {"click": 1, "page_view": 3}, "top": top}
    assert world.reports.reports[HOUR].content == hour
    day = {"complete": True, "events": 5, "unique_users": 3, "counts": {"click": 1, "page_view": 4}, "top": top}
    assert world.reports.reports[DAY].content == day


def test_what_is_published_is_the_report_for_programs_and_people_and_is_archived() -> None:
    world = world_with()
    world.aggregate(ALL_OVER)
    for window, message in zip((DAY, HOUR), world.topic.published, strict=True):
        report = world.reports.reports[window]
        assert json.loads(message["document"]) == report.to_json()
        assert message["attributes"] == {"project": "acme", "grain": window.grain, "complete": "true"}
        assert "1 events" in message["text"]
        assert world.reports.archived[window, 1] == message["document"]


def test_running_again_gives_the_same_report_and_publishes_once() -> None:
    world = world_with()
    world.aggregate(ALL_OVER)
    before = dict(world.reports.reports)
    assert world.aggregate(ALL_OVER) == {"refreshed": 0, "published": 0}
    assert (world.reports.reports, len(world.topic.published)) == (before, 2)
    assert (world.marks.tokens, world.reports.listed) == ({}, {})


def test_a_run_that_lost_its_place_makes_no_new_version() -> None:
    world = world_with()
    marks = dict(world.marks.tokens)
    world.aggregate(ALL_OVER)
    world.marks.tokens = marks  # as if the run had ended before the marks were removed
    assert world.aggregate(ALL_OVER) == {"refreshed": 2, "published": 0}
    assert [report.version for report in world.reports.reports.values()] == [1, 1]


def test_a_late_event_gives_a_new_version_and_a_duplicate_gives_none() -> None:
    world = world_with()
    world.aggregate(ALL_OVER)
    world.take(one("e1"))
    world.aggregate(ALL_OVER)
    assert len(world.topic.published) == 2
    world.take(one("late"))
    world.aggregate(ALL_OVER)
    assert versions(world)[2:] == [("day", 2, 2, True), ("hour", 2, 2, True)]


def test_an_open_window_is_published_as_not_complete_and_again_as_complete_when_it_is_over() -> None:
    world = world_with()
    world.aggregate(OPEN)
    assert versions(world) == [("day", 1, 1, False), ("hour", 1, 1, False)]
    world.aggregate(OPEN)
    assert len(versions(world)) == 2
    world.aggregate(HOUR_OVER)
    assert versions(world)[2:] == [("hour", 2, 1, True)]
    world.aggregate(ALL_OVER)
    assert versions(world)[3:] == [("day", 2, 1, True)]
    assert world.topic.published[-1]["attributes"]["complete"] == "true"
    assert world.reports.listed == {}


def test_projects_have_reports_of_their_own() -> None:
    world = world_with(one("e1"), one("e1", project="other"), one("e2", project="other"))
    world.aggregate(ALL_OVER)
    assert (events_in(world, HOUR), events_in(world, Window("other", "hour", HOUR.name))) == (1, 2)


@pytest.mark.parametrize("broken", ["topic", "reports"])
def test_what_could_not_be_published_is_published_by_the_next_run_without_a_new_version(broken: str) -> None:
    world = world_with()
    getattr(world, broken).fails = True
    with pytest.raises(ProcessingFailed):
        world.aggregate(ALL_OVER)
    assert versions(world) == []
    getattr(world, broken).fails = False
    assert world.aggregate(ALL_OVER) == {"refreshed": 2, "published": 2}
    assert versions(world) == [("day", 1, 1, True), ("hour", 1, 1, True)]
    world.aggregate(ALL_OVER)
    assert len(versions(world)) == 2


def test_a_mark_that_cannot_be_removed_costs_the_others_nothing_and_is_looked_at_again() -> None:
    world = world_with(one("e1"), one("e2", hour="11"), one("e3", project="other"))
    world.marks.unremovable = {NEXT_HOUR.name}
    with pytest.raises(ProcessingFailed):
        world.aggregate(ALL_OVER)
    assert set(world.marks.tokens) == {("acme", NEXT_HOUR.name)}
    assert len(world.topic.published) == 5
    world.marks.unremovable = set()
    assert world.aggregate(ALL_OVER) == {"refreshed": 2, "published": 0}
    assert world.marks.tokens == {}


@pytest.mark.parametrize("broken", [HOUR, NEXT_HOUR], ids=lambda window: window.name)
def test_an_hour_that_fails_keeps_back_its_day_alone_and_is_looked_at_again(broken: Window) -> None:
    world = world_with(one("e1"), one("e2", hour="11"), one("e3", project="other"))
    world.commits.unreadable = {("acme", broken.name)}
    with pytest.raises(ProcessingFailed):
        world.aggregate(ALL_OVER)
    theirs = {Window("other", "hour", HOUR.name), Window("other", "day", DAY.name)}
    assert set(world.reports.reports) == {HOUR, NEXT_HOUR, *theirs} - {broken}
    assert len(world.topic.published) == 3
    world.commits.unreadable = set()
    world.aggregate(ALL_OVER)
    assert [events_in(world, window) for window in (HOUR, NEXT_HOUR, DAY)] == [1, 1, 2]
    assert len(world.topic.published) == 5
    assert world.marks.tokens == {}


def test_a_window_that_is_over_for_more_than_seven_days_goes_to_the_archive_and_to_no_subscriber() -> None:
    world, now = World(), datetime(2015, 5, 25, 10, 59, tzinfo=UTC)
    just, long_ago = ("2015-05-18T10:30:00Z", "2015-05-18T09:30:00Z")
    for number, at in enumerate((just, long_ago, "2001-01-01T00:00:00Z")):
        world.take(make_chunk(make_event(f"e{number}", at=at), received=now))
    world.aggregate(now)
    told = {json.loads(message["document"])["start"] for message in world.topic.published}
    assert told == {"2015-05-18T10:00:00Z", "2015-05-18T00:00:00Z"}
    assert len(world.reports.archived) == 5
    assert (world.marks.tokens, list(world.reports.unfinished())) == ({}, [])
    assert world.aggregate(now) == {"refreshed": 0, "published": 0}


def test_a_turn_that_cannot_be_noted_is_taken_all_the_same() -> None:
    class Forgetful(FakeAgenda):
        def begin_turn(self, project: str) -> None:
            raise StoreFailed(f"nobody notes the turn of {project}")

    world = World()
    world.take(make_chunk(make_event("e1")))
    world.agenda = Forgetful(world.marks, world.reports)
    world.aggregate()
    assert (len(world.reports.reports), world.marks.tokens) == (2, {})


def test_another_aggregator_that_sums_up_the_same_day_is_no_failure() -> None:
    class SummedUp(FakeCounters):
        def sum_up(self, project: str, day: str) -> None:
            raise NotApplied(f"another aggregator has summed up {project} {day}")

    world = World(commits=FakeCommitLog(counters=SummedUp()))
    world.take(make_chunk(make_event("e1")))
    world.aggregate(datetime(2015, 5, 18, tzinfo=UTC))
    assert world.marks.tokens  # the next run sums it up
