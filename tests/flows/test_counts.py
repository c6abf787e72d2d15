"""Counts: exact whenever they are asked, from the totals of finished days where there are some, and bounded."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import World, make_chunk, make_event
from chalicelib.core import limits
from chalicelib.errors import Problem, StoreFailed
from fakes import FakeCounters

FIRST = datetime(2014, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def take(world: World, *times: datetime, event_type: str = "view") -> None:
    for number, at in enumerate(times):
        event = make_event(f"{at.isoformat()} {number} {event_type}", at=at.isoformat(), event_type=event_type)
        world.take(make_chunk(event, received=at))


def days(number: int, hour: int = 10) -> list[datetime]:
    return [FIRST + timedelta(days=day, hours=hour) for day in range(number)]


def counted(world: World, **asked: str) -> int:
    """How many days an answer counts from their counters."""
    before = world.counters.counted
    world.count(asked)
    return world.counters.counted - before


def refusal(world: World, **asked: str) -> dict[str, Any]:
    with pytest.raises(Problem) as caught:
        world.count(asked)
    assert (caught.value.status, caught.value.code) == (400, "range_too_wide")
    return dict(caught.value.extra)


def test_finished_days_are_read_from_their_totals_and_the_others_are_counted() -> None:
    world = World()
    take(world, *days(300))
    world.aggregate(LATER)
    today = LATER + timedelta(hours=1)
    take(world, today)
    world.aggregate(today)
    assert counted(world, grain="day") == 1
    assert [row["count"] for row in world.count({"grain": "day"})] == [1] * 301
    assert counted(world, grain="day", tz="Europe/Berlin") == 1 + 2  # the days on which its clocks change
    assert counted(world, **{"grain": "hour", "from": "2014-02-01T10:15:00Z", "to": "2014-03-01T09:50:00Z"}) == 1
    assert counted(world, **{"grain": "minute", "from": "2014-02-01", "to": "2014-02-03"}) == 2


def test_a_late_event_counts_at_once_and_its_day_is_summed_up_again() -> None:
    world = World()
    take(world, *days(3))
    world.aggregate(LATER)
    late = FIRST + DAY + timedelta(hours=9)
    take(world, late)
    assert [row["count"] for row in world.count({"grain": "day"})] == [1, 2, 1]
    assert counted(world, grain="day") == 1
    world.aggregate(LATER)
    assert [row["count"] for row in world.count({"grain": "day"})] == [1, 2, 1]
    assert counted(world, grain="day") == 0


def test_a_mark_stays_as_long_as_its_day_is_not_summed_up() -> None:
    class Failing(FakeCounters):
        fails = True

        def sum_up(self, project: str, day: str) -> None:
            if self.fails:
                raise StoreFailed("another aggregator has summed up the same day")
            super().sum_up(project, day)

    world, counters = World(), Failing()
    world.commits.counters = counters
    take(world, *days(1))
    with pytest.raises(Exception, match="could not be refreshed"):
        world.aggregate(LATER)
    assert len(world.marks.tokens) == 1
    counters.fails = False
    world.aggregate(LATER)
    assert (world.marks.tokens, set(counters.packed)) == ({}, {("acme", "2014-01-01")})


moments = st.builds(lambda minutes: FIRST + timedelta(minutes=minutes), st.integers(0, 5 * 24 * 60 - 1))
zones = st.sampled_from(
    ["", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Etc/GMT+12"]
)


@given(
    st.lists(st.tuples(moments, st.sampled_from("ab")), min_size=1, max_size=12),
    st.integers(0, 12),
    st.sampled_from(["minute", "hour", "day"]),
    st.tuples(moments, moments).map(sorted),
    zones,
)
def test_totals_change_no_answer(
    events: list[tuple[datetime, str]], early: int, grain: str, span: list[datetime], zone: str
) -> None:
    world, plain = World(), World()
    for number, (at, event_type) in enumerate(events):
        for each in (world, plain):
            take(each, at, event_type=f"{event_type}{number % 2}")
        if number == early:
            world.aggregate(FIRST + 3 * DAY)
    whole = {"grain": grain} | ({"tz": zone} if zone else {})
    asked = whole | {"from": span[0].isoformat(), "to": span[1].isoformat()}
    assert world.count(asked) == plain.count(asked)
    world.aggregate(LATER)
    assert world.count(asked) == plain.count(asked)
    assert world.count(whole) == plain.count(whole)


@pytest.mark.parametrize("is_summed", [False, True])
def test_a_question_that_is_too_wide_is_told_the_largest_span_that_is_answered(is_summed: bool) -> None:
    world = World()
    take(world, *days(limits.MAX_COUNTED_DAYS + 7))
    if is_summed:
        world.aggregate(LATER)
        assert len(world.count({"grain": "day"})) == limits.MAX_COUNTED_DAYS + 7
        return
    largest = refusal(world, grain="day")["largest"]
    assert largest == {"from": "2014-01-08T00:00:00Z", "to": None}
    assert len(world.count({"grain": "day", "from": largest["from"]})) == limits.MAX_COUNTED_DAYS
    before = {"grain": "day", "to": largest["from"]}
    assert len(world.count(before)) == 7


def test_the_largest_span_of_an_answer_with_too_many_rows_is_its_newest_windows_that_fit() -> None:
    world = World()
    types = [f"{number} " + "x" * 80 for number in range(20_000)]
    world.counters.add({("acme", f"{at:%Y-%m-%dT%H}", each): Counter({"00": 1}) for at in days(3) for each in types})
    largest = refusal(world, grain="day")["largest"]
    assert largest["from"] == "2014-01-03T00:00:00Z"
    assert len(world.count({"grain": "day", "from": largest["from"]})) == 20_000


def test_days_without_end_are_not_read() -> None:
    """One person with a write key may make events in any number of days."""
    world = World()
    world.counters.add({("acme", f"{at:%Y-%m-%dT%H}", "view"): Counter({"00": 1}) for at in days(2000)})
    for day in world.counters.days("acme"):
        world.counters.sum_up("acme", day)
    before = world.counters.counted
    largest = refusal(world, grain="day")["largest"]
    assert world.counters.counted == before
    assert len(world.count({"grain": "day", "from": largest["from"]})) == limits.MAX_COUNT_DAYS
