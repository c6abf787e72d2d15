"""A grain that is added to the table of grains has reports and counts, with nothing else changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from builders import NOW, World, make_chunk, make_event
from chalicelib.core.report import Report
from chalicelib.core.windows import GRAINS, Window
from chalicelib.errors import ProcessingFailed, StoreFailed
from fakes import FakeReportStore
from more_grains import WEEK
from time_limit import Limited, TimeIsUp

MONDAY = datetime(2015, 5, 11, 10, 30, tzinfo=UTC)
ALL_OVER = datetime(2015, 5, 25, tzinfo=UTC)
THE_WEEK = Window("acme", "week", "2015-05-11")


@pytest.fixture(autouse=True)
def weeks() -> Iterator[None]:
    GRAINS[WEEK.name] = WEEK
    yield
    del GRAINS[WEEK.name]


@dataclass
class WeeksFail(FakeReportStore):
    """Takes no report of a week while it `fails`."""

    fails: bool = True

    def save(self, report: Report) -> bool:
        if self.fails and report.window.grain == WEEK.name:
            raise StoreFailed("no weeks")
        return super().save(report)


def take(world: World, *days: int, user: str = "u1") -> World:
    """An event on each of these days, counted from a Monday."""
    for day in days:
        at = (MONDAY + timedelta(days=day)).isoformat()
        world.take(make_chunk(make_event(f"e{day}-{user}", at=at, user=user), received=NOW + timedelta(days=14)))
    return world


def test_weeks_are_made_of_their_days_and_published() -> None:
    world = take(take(World(), 0, 3, 6, 7), 3, user="u2")
    world.aggregate(ALL_OVER)
    weeks = {window.name: each.content for window, each in world.reports.reports.items() if window.grain == "week"}
    assert {name: (each["events"], each["unique_users"]) for name, each in weeks.items()} == {
        "2015-05-11": (4, 2),
        "2015-05-18": (1, 1),
    }
    told = [json.loads(message["document"]) for message in world.topic.published]
    newest = {each["start"]: each["events"] for each in told if each["grain"] == "week"}
    assert newest == {"2015-05-18T00:00:00Z": 1}  # the other is over for more than seven days
    assert (THE_WEEK, 3) in world.reports.archived
    assert (world.marks.tokens, world.reports.listed) == ({}, {})


def test_weeks_are_asked_for_like_other_grains() -> None:
    world = take(World(), 0, 3, 6, 7)
    world.aggregate(ALL_OVER)
    (found,) = world.find_reports({"grain": "week", "to": "2015-05-12"})["reports"]
    assert (found["grain"], found["start"], found["events"]) == ("week", "2015-05-11T00:00:00Z", 3)
    counted = [(row["start"], row["count"]) for row in world.count({"grain": "week"})]
    assert counted == [("2015-05-11T00:00:00Z", 3), ("2015-05-18T00:00:00Z", 1)]
    in_berlin = world.count({"grain": "week", "tz": "Europe/Berlin"})
    assert in_berlin[0]["start"] == "2015-05-11T00:00:00+02:00"


def test_a_late_event_gives_its_week_a_new_version_and_a_week_is_complete_when_it_is_over() -> None:
    world = take(World(), 0)
    world.aggregate(MONDAY + timedelta(days=6))
    assert world.reports.reports[THE_WEEK].content["complete"] is False
    take(world, 3)
    world.aggregate(ALL_OVER)
    report = world.reports.reports[THE_WEEK]
    assert (report.version, report.content["events"], report.content["complete"]) == (2, 2, True)


def test_a_mark_stays_until_its_week_is_made() -> None:
    reports = WeeksFail()
    world = take(World(reports=reports), 0, 3)
    marks = dict(world.marks.tokens)
    with pytest.raises(ProcessingFailed):
        world.aggregate(ALL_OVER)
    assert world.marks.tokens == marks
    assert {window.grain for window in reports.reports} == {"hour", "day"}
    reports.fails = False
    world.aggregate(ALL_OVER)
    assert world.marks.tokens == {}
    assert reports.reports[THE_WEEK].content["events"] == 2


def test_an_hour_that_fails_keeps_back_its_day_and_its_week() -> None:
    world = take(World(), 3)
    world.commits.unreadable = {("acme", "2015-05-14T10")}
    with pytest.raises(ProcessingFailed):
        world.aggregate(ALL_OVER)
    assert world.reports.reports == {}


def test_a_backfill_of_weeks_ends_in_some_runs() -> None:
    commits = Limited()
    world = World(commits=commits)
    for hour in range(24 * 9):
        at = (MONDAY + timedelta(hours=hour)).isoformat()
        world.take(make_chunk(make_event(f"e{hour}", at=at), received=NOW + timedelta(days=14)))
    for _ in range(10):
        commits.left = iter(range(30))
        with suppress(TimeIsUp):
            world.aggregate(ALL_OVER)
    assert world.marks.tokens == {}
    assert world.reports.reports[THE_WEEK].content["events"] == 24 * 7 - 10
