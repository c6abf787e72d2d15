"""The project's events, newest first: in order however chunks lie over the hour, and read no further than needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import World, make_chunk, make_event, make_single, read_pages
from chalicelib.core import limits
from chalicelib.core.commit import CommitRecord
from chalicelib.core.counting import HourCounter
from chalicelib.core.event import Event
from fakes import FakeCommitLog, FakeCounters

minutes = st.integers(0, 59)
# Chunks that lie over the hour as they like, of two types; singles among them.
chunks = st.lists(st.lists(st.tuples(minutes, st.sampled_from(["view", "click"])), min_size=1, max_size=4), max_size=8)


def world_of(plan: list[list[tuple[int, str]]]) -> tuple[World, list[Event]]:
    world, events = World(), []
    for number, group in enumerate(plan):
        together = [
            make_event(f"e{number}-{place}", at=f"2015-05-17T10:{minute:02}:00Z", event_type=event_type)
            for place, (minute, event_type) in enumerate(group)
        ]
        world.take(make_single(together[0]) if len(together) == 1 and number % 2 else make_chunk(*together))
        events += together
    return world, sorted(events, key=lambda event: event.ref, reverse=True)


@given(chunks, st.integers(1, 5), st.sampled_from([None, "view"]), st.tuples(minutes, minutes))
def test_pages_hold_every_event_once_in_order(
    plan: list[list[tuple[int, str]]], limit: int, event_type: str | None, between: tuple[int, int]
) -> None:
    world, events = world_of(plan)
    first, last = sorted(between)
    parameters = {"limit": str(limit), "from": f"2015-05-17T10:{first:02}:00Z", "to": f"2015-05-17T10:{last:02}:30Z"}
    if event_type:
        parameters["event_type"] = event_type
    found = [event["event_id"] for page in read_pages(world.find_events, parameters) for event in page["events"]]
    assert found == [
        event.event_id
        for event in events
        if event_type in (None, event.event_type) and first <= int(event.time[14:16]) <= last
    ]


@pytest.mark.parametrize("single", [True, False])
def test_the_newest_events_of_a_busy_hour_cost_no_look_at_the_others(single: bool) -> None:
    world = World()
    for minute in range(48, 60):
        for number in range(20):
            event = make_event(f"e{number}", at=f"2015-05-17T10:{minute:02}:00Z")
            world.take(make_single(event) if single else make_chunk(event))
    world.commits.reads = 0
    page = world.find_events({"limit": "10"})
    assert {event["timestamp"] for event in page["events"]} == {"2015-05-17T10:59:00Z"}
    assert world.commits.reads == limits.DEFAULT_PAGE


def days_of(world: World, kinds: dict[int, str], days: int) -> None:
    for day in range(days):
        at = f"{date(2014, 1, 1) + timedelta(days=day)}T10:00:00Z"
        world.take(make_chunk(make_event(f"e{day:03}", at=at, event_type=kinds.get(day, "view"))))


class CountingCounters(FakeCounters):
    days_read = 0

    def of_days(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        asked = list(days)
        self.days_read += len(asked)
        return super().of_days(project, asked)


@pytest.mark.parametrize(("event_type", "expected"), [("rare", ["e150", "e000"]), ("unknown", [])])
def test_a_rare_type_is_searched_for_in_some_days_at_a_time_until_none_is_left(
    event_type: str, expected: list[str]
) -> None:
    counters = CountingCounters()
    world = World(commits=FakeCommitLog(counters=counters))
    days_of(world, {0: "rare", 150: "rare"}, days=200)
    read = []

    def ask(parameters: Mapping[str, str]) -> dict[str, Any]:
        counters.days_read = 0
        page = world.find_events(parameters)
        read.append(counters.days_read)
        return page

    pages = read_pages(ask, {"event_type": event_type, "limit": "10"})
    assert [event["event_id"] for page in pages for event in page["events"]] == expected
    assert max(read) <= limits.MAX_SEARCHED_DAYS
    assert sum(read) == 200


@pytest.mark.parametrize("limit", ["1", "7", "1000"])
@pytest.mark.parametrize("at_most", [0, 5, 50])
def test_a_rare_type_in_busy_hours_is_searched_for_among_some_events_at_a_time(limit: str, at_most: int) -> None:
    world, expected = World(commits=Counting()), list[str]()
    for hour in range(10, 16):
        for minute in range(0, 60, 10):
            events = [make_event(f"e{hour}{minute}-{n}", at=f"2015-05-17T{hour}:{minute:02}:00Z") for n in range(20)]
            rare = make_event(f"r{hour}{minute:02}", at=f"2015-05-17T{hour}:{minute:02}:30Z", event_type="rare")
            world.take(make_chunk(*events, rare))
            expected.insert(0, rare.event_id)
    world.commits.reads = 0
    reads = []

    def ask(parameters: Mapping[str, str]) -> dict[str, Any]:
        before = world.commits.reads
        page = world.find_events(parameters, at_most=at_most)
        reads.append(world.commits.reads - before)
        return page

    pages = read_pages(ask, {"event_type": "rare", "limit": limit})
    assert [event["event_id"] for page in pages for event in page["events"]] == expected
    an_hour = 6  # chunks: a step may need all of its hour
    assert max(reads) <= 2 * an_hour + at_most // 21 + an_hour


class Counting(FakeCommitLog):
    looks = 0

    def newest(self, project: str, hour: str, first: str, last: str) -> list[CommitRecord]:
        self.looks += 1
        return super().newest(project, hour, first, last)


def test_an_hour_whose_records_have_expired_is_not_read_minute_by_minute() -> None:
    world = World(commits=Counting())
    for minute in range(50, 60):
        world.take(make_chunk(*(make_event(f"e{n}", at=f"2015-05-17T10:{minute:02}:00Z") for n in range(100))))
    world.commits.records_by_id.clear()
    assert world.find_events({}) == {"events": [], "next": None}
    assert isinstance(world.commits, Counting)
    assert world.commits.looks == 2
