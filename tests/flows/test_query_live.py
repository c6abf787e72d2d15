"""The project's events, newest first: in order however chunks lie over the hour, and read no further than needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

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
    assert world.commits.reads == 21  # the last minute, and the record that shows that it is over


def busy_hour(spans: int = 1) -> World:
    """3,000 events of one hour in chunks of 20, each of which reaches over so many minutes."""
    world = World()
    for number in range(150):
        minutes = [max(0, 59 - number * 60 // 150 - each % spans) for each in range(20)]
        events = [make_event(f"{number}-{n}", at=f"2015-05-17T10:{m:02}:{n:02}Z") for n, m in enumerate(minutes)]
        world.take(make_chunk(*events))
    return world


@pytest.mark.parametrize("spans", [1, 5])
def test_a_page_deep_in_an_hour_reads_no_more_than_one_at_its_begin(spans: int) -> None:
    world, reads, shown = busy_hour(spans), list[int](), list[str]()

    def ask(parameters: Mapping[str, str]) -> dict[str, Any]:
        before = world.commits.reads
        page = world.find_events(parameters)
        reads.append(world.commits.reads - before)
        times = [event["timestamp"] for event in page["events"]]
        assert times == sorted(times, reverse=True)
        shown.extend(event["event_id"] for event in page["events"])
        return page

    assert len(read_pages(ask, {"limit": "100"})) == 30
    assert (len(shown), len(set(shown))) == (3000, 3000)
    shown_by_a_page = 100 // 20
    again = limits.SORTED_EVENTS // 20
    assert max(reads) <= again + shown_by_a_page + 2
    assert max(reads[-15:]) <= shown_by_a_page + 2  # where order is given up, nothing is read again


def test_the_newest_events_of_a_large_hour_come_in_the_order_of_their_times() -> None:
    world = busy_hour(spans=5)
    pages = read_pages(world.find_events, {"limit": "100"})
    times = [event["timestamp"] for page in pages[:7] for event in page["events"]]
    assert times == sorted(times, reverse=True)
    newest = [max(event["timestamp"] for event in page["events"]) for page in pages]
    assert all(later[:16] <= sooner[:16] for sooner, later in zip(newest, newest[4:], strict=False))


def test_an_hour_that_becomes_large_between_two_pages_hides_and_repeats_none() -> None:
    world = World()
    few = [make_event(f"few-{n}", at=f"2015-05-17T10:30:{n:02}Z") for n in range(60)]
    world.take(make_chunk(*few))
    first = world.find_events({"limit": "20"})
    for number in range(70):
        events = [make_event(f"{number}-{n}", at=f"2015-05-17T10:{45 - n:02}:30Z") for n in range(20)]
        world.take(make_chunk(*events))
    pages = read_pages(world.find_events, {"limit": "100", "cursor": first["next"]})
    shown = [event["event_id"] for page in [first, *pages] for event in page["events"]]
    older = {
        event["event_id"]
        for page in read_pages(world.find_events, {"to": "2015-05-17T10:30:40Z"})
        for event in page["events"]
    }
    assert (len(shown), set(shown)) == (len(set(shown)), older | {event.event_id for event in few})


@pytest.mark.parametrize("event_type", [None, "view"])
def test_days_whose_commit_records_have_expired_are_not_walked(event_type: str | None) -> None:
    class Walked(FakeCommitLog):
        walked: ClassVar[list[str]] = []

        def newest(self, project: str, day: str, **span: Any) -> Iterator[CommitRecord]:
            self.walked.append(day)
            return super().newest(project, day, **span)

    world = World(commits=Walked())
    days_of(world, {}, days=100)
    world.counters.without_records = {f"{date(2014, 1, 1) + timedelta(days=day)}" for day in range(99)}
    page = world.find_events({"event_type": event_type} if event_type else {})
    assert ([event["event_id"] for event in page["events"]], page["next"]) == (["e099"], None)
    assert Walked.walked == ["2014-04-10"]


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
    world, expected = World(), list[str]()
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
    an_hour = 6  # chunks: it is read to its end
    assert max(reads) <= 2 * an_hour + at_most // 21
