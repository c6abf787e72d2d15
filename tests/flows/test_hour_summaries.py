"""Hour summaries: a day's report is made of its hours, so what a run reads does not grow with the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from builders import World, make_chunk, make_event
from chalicelib.core import hour_summary
from chalicelib.core.chunk import Chunk
from chalicelib.core.windows import Window
from chalicelib.errors import ProcessingFailed
from turns import Crash

DAY = Window("acme", "day", "2015-05-17")
ALL_OVER = datetime(2015, 5, 18, tzinfo=UTC)


def _die() -> None:
    raise Crash


def hour_window(hour: int) -> Window:
    return Window("acme", "hour", f"2015-05-17T{hour:02}")


def one(event_id: str, hour: int, user: str = "u1") -> Chunk:
    return make_chunk(make_event(event_id, at=f"2015-05-17T{hour:02}:05:00Z", user=user, page="/"))


def aggregated(world: World, now: datetime = ALL_OVER) -> int:
    """How many records a run reads."""
    before = world.commits.reads
    world.aggregate(now)
    return world.commits.reads - before


def test_what_a_run_reads_does_not_grow_with_the_day() -> None:
    world = World()
    read = []
    for hour in range(24):
        for number in range(3):
            world.take(one(f"{hour} {number}", hour, user=f"u{number}"))
        read.append(aggregated(world, datetime(2015, 5, 17, hour, 30, tzinfo=UTC)))
    # Three records of the running hour, and once more those of the hour that is over.
    assert read == [3] + [6] * 23
    assert aggregated(world) == 3
    content = world.reports.reports[DAY].content
    assert (content["events"], content["unique_users"], content["complete"]) == (72, 3, True)
    assert content["top"] == {"page": [{"value": "/", "count": 72}]}
    assert aggregated(world) == 0


def test_a_late_event_reads_its_hour_alone() -> None:
    world = World()
    world.take(*(one(f"e{hour}", hour) for hour in range(24)))
    aggregated(world)
    world.take(one("late", 3, user="u2"))
    assert aggregated(world) == 2
    content = world.reports.reports[DAY].content
    assert (content["events"], content["unique_users"]) == (25, 2)


def test_a_summary_that_is_missing_is_made_anew_without_a_new_version_of_the_hour() -> None:
    world = World()
    world.take(one("e1", 10), one("e2", 11))
    aggregated(world)
    kept = world.hour_summaries.kept[hour_window(10)]
    del world.hour_summaries.kept[hour_window(10)]  # it has expired
    world.take(one("e3", 11))
    aggregated(world)
    assert world.hour_summaries.kept[hour_window(10)] == kept
    assert world.reports.reports[hour_window(10)].version == 1
    assert world.reports.reports[DAY].content["events"] == 3


def test_the_hours_of_a_stage_that_is_older_than_hour_summaries_get_theirs() -> None:
    world = World()
    world.take(one("e1", 10), one("e2", 11))
    aggregated(world)
    world.hour_summaries.kept.clear()
    for window, report in world.reports.reports.items():
        world.reports.reports[window] = replace(report, fingerprint=None)
    world.take(one("e3", 11))
    aggregated(world)
    assert set(world.hour_summaries.kept) == {hour_window(10), hour_window(11)}
    assert world.reports.reports[DAY].content["events"] == 3
    assert aggregated(world) == 1  # the hour that was made anew for its day
    assert aggregated(world) == 0


def test_an_hour_whose_records_have_expired_is_in_its_day_as_its_counters_say() -> None:
    world = World()
    world.take(one("e1", 10))
    aggregated(world)
    world.commits.records_by_id.clear()
    world.hour_summaries.kept.clear()
    world.take(one("e2", 11))
    aggregated(world)
    assert world.reports.reports[hour_window(10)].content["events"] == 1
    content = world.reports.reports[DAY].content
    assert (content["events"], content["records_expired"]) == (2, True)


def test_a_run_that_ends_between_an_hour_and_its_day_leaves_the_day_to_the_next() -> None:
    world = World()
    world.take(one("e1", 10))
    world.hour_summaries.meanwhile = [lambda: world.take(one("e2", 10)), _die]
    world.aggregate(ALL_OVER)
    with pytest.raises(Crash):
        world.aggregate(ALL_OVER)
    events = [world.reports.reports[window].content["events"] for window in (hour_window(10), DAY)]
    assert events == [2, 1]
    world.aggregate(ALL_OVER)
    assert world.reports.reports[DAY].content["events"] == 2
    assert world.marks.tokens == {}


def test_an_hour_that_changes_while_its_day_is_made_is_in_the_day_after_the_next_run() -> None:
    world = World()
    world.take(one("e1", 10))

    def rival_makes_the_hour_and_dies() -> None:
        world.take(one("late", 10))
        world.commits.unreadable = set()
        world.hour_summaries.meanwhile = [_die]
        with pytest.raises(Crash):
            world.aggregate(ALL_OVER)

    world.hour_summaries.meanwhile = [rival_makes_the_hour_and_dies]
    world.aggregate(ALL_OVER)
    assert set(world.marks.tokens) == {("acme", hour_window(10).name)}
    world.aggregate(ALL_OVER)
    assert world.reports.reports[DAY].content["events"] == 2


def test_a_day_waits_for_an_hour_whose_summary_cannot_be_made() -> None:
    world = World()
    world.take(one("e1", 10))
    aggregated(world)
    world.hour_summaries.kept.clear()
    world.commits.unreadable = {("acme", hour_window(10).name)}
    world.take(one("e2", 11))
    with pytest.raises(ProcessingFailed):
        aggregated(world)
    assert world.reports.reports[DAY].content["events"] == 1
    world.commits.unreadable = set()
    aggregated(world)
    assert world.reports.reports[DAY].content["events"] == 2


def test_the_fingerprint_of_an_hour_is_that_of_its_summary() -> None:
    world = World()
    world.take(one("e1", 10))
    aggregated(world)
    version, kept = world.hour_summaries.kept[hour_window(10)]
    report = world.reports.reports[hour_window(10)]
    assert (report.version, report.fingerprint) == (version, hour_summary.fingerprint(kept))
    assert world.reports.reports[DAY].fingerprint is None
    assert "summary" not in report.to_json()
