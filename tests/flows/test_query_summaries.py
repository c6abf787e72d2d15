"""Counts against rows counted by hand, receipts of every state, and reports in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    LIFETIMES,
    NOW,
    World,
    make_chunk,
    make_event,
    make_quarantined,
    make_report,
    make_row,
    read_pages,
    world_of_rows,
)
from chalicelib.core.failures import Failure
from chalicelib.core.report import Report
from chalicelib.core.windows import Window
from chalicelib.errors import Problem
from fakes import FakeReportStore

OLDEST = NOW - LIFETIMES.settled
SECOND = timedelta(seconds=1)


@pytest.fixture
def world() -> World:
    return world_of_rows()


def span(first: str, after: str) -> dict[str, str]:
    return {"from": f"2015-05-{first}", "to": f"2015-05-{after}"}


COUNTS = [
    pytest.param({}, "16T23 view 1, 17T10 click 2, 17T10 view 2, 17T11 view 1, 18T00 view 1", id="hours"),
    pytest.param({"grain": "day"}, "16 view 1, 17 click 2, 17 view 3, 18 view 1", id="days"),
    pytest.param({"grain": "day", "event_type": "click"}, "17 click 2", id="a type"),
    pytest.param(
        {"grain": "minute", "from": "2015-05-17"},
        "17T10:05 click 1, 17T10:05 view 2, 17T10:59 click 1, 17T11:00 view 1, 18T00:00 view 1",
        id="minutes",
    ),
    pytest.param(span("17T10:06:00Z", "17T11:01:00Z"), "17T10 click 1, 17T11 view 1", id="a span"),
    pytest.param(span("17T10:06:00Z", "17T11:00:00Z"), "17T10 click 1", id="to is excluded"),
    pytest.param(span("17", "18"), "17T10 click 2, 17T10 view 2, 17T11 view 1", id="a day's end is excluded"),
    pytest.param(span("18", "17"), "", id="a span that ends before it starts"),
    pytest.param({"event_type": "none"}, "", id="an unknown type"),
]


@pytest.mark.parametrize(("parameters", "rows"), COUNTS)
def test_counts_are_those_of_the_distinct_events(world: World, parameters: dict[str, str], rows: str) -> None:
    expected: list[dict[str, Any]] = []
    for window, event_type, number in (each.split() for each in rows.split(", ") if each):
        start = "2015-05-" + window + "00T00:00:00Z"[len(window) :]
        expected.append({"start": start, "event_type": event_type, "count": int(number)})
    assert world.count(parameters) == expected


def test_counts_agree_with_the_events_that_are_found(world: World) -> None:
    for project, total in (("acme", 7), ("other", 2), ("third", 0)):
        counted: Counter[str] = Counter()
        for each in world.count({"grain": "minute"}, project=project):
            counted[each["event_type"]] += each["count"]
        found = Counter(event["event_type"] for event in world.find_events({}, project=project)["events"])
        assert counted == found
        assert counted.total() == total


INSIDE_A_MINUTE = ["2015-05-17T10:05:30Z", "2015-05-17T10:05:00.001Z", "2015-05-17T10:59:59.999999Z", "1431857103"]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("time", INSIDE_A_MINUTE)
def test_a_span_that_starts_or_ends_inside_a_minute_cannot_be_counted(world: World, name: str, time: str) -> None:
    with pytest.raises(Problem) as caught:
        world.count({name: time})
    assert caught.value.code == "bad_parameter"


@given(
    st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(["view", "click"])), max_size=12),
    st.tuples(st.integers(0, 7200), st.integers(0, 7200)),
    st.sampled_from(["minute", "hour", "day"]),
)
def test_every_span_has_as_many_events_as_are_counted_or_is_refused(
    plan: list[tuple[int, str]], ends: tuple[int, int], grain: str
) -> None:
    world, start = World(), NOW.replace(minute=0)
    for number, (second, event_type) in enumerate(plan):
        at = (start + timedelta(seconds=second)).isoformat()
        world.take(make_chunk(make_event(f"e{number}", at=at, event_type=event_type)))
    times = dict(
        zip(("from", "to"), ((start + timedelta(seconds=end)).isoformat() for end in sorted(ends)), strict=True)
    )
    found = Counter(event["event_type"] for event in world.find_events(times)["events"])
    counted: Counter[str] = Counter()
    try:
        for row in world.count(times | {"grain": grain}):
            counted[row["event_type"]] += row["count"]
    except Problem:
        assert any(end % 60 for end in ends)
        return
    assert counted == found


def test_more_windows_than_an_answer_holds_are_refused_and_a_week_of_minutes_is_not() -> None:
    world = World()
    world.take(*(make_chunk(make_event(at=f"2015-05-0{day}T12:00:00Z")) for day in range(1, 9)))
    with pytest.raises(Problem) as caught:
        world.count({"grain": "minute"})
    assert caught.value.code == "range_too_wide"
    assert len(world.count({"grain": "minute"} | span("01", "08"))) == 7
    assert len(world.count({"grain": "hour"})) == 8


def receipt(world: World, chunk_id: str, project: str = "acme") -> dict[str, Any]:
    return world.receipt(chunk_id, project=project)


def test_a_receipt_follows_its_chunk_from_in_flight_to_committed(world: World) -> None:
    chunk = make_chunk(make_row("b"), make_row("c"), make_event("new"), repeats=2)
    assert receipt(world, chunk.chunk_id) == {"chunk_id": chunk.chunk_id, "status": "in_flight"}
    world.take(chunk)
    done = {"status": "committed", "accepted": 5, "stored": 1, "duplicates": 4}
    assert receipt(world, chunk.chunk_id) == {"chunk_id": chunk.chunk_id, **done}


def test_the_receipt_of_a_quarantined_chunk_has_the_code(world: World) -> None:
    chunk_id = (chunk := make_chunk(received=OLDEST - SECOND)).chunk_id
    world.quarantine.add(make_quarantined(chunk), "")
    assert receipt(world, chunk_id) == {"chunk_id": chunk_id, "status": "quarantined", "code": "too_old"}


def test_the_receipt_of_a_chunk_that_keeps_failing_says_why(world: World) -> None:
    chunk = make_chunk()
    world.failure_notes.save(chunk, Failure("commit_failed", "2015-05-17T10:40:00.000000Z", 3))
    failure = {"code": "commit_failed", "at": "2015-05-17T10:40:00Z", "deliveries": 3}
    in_flight = {"chunk_id": chunk.chunk_id, "status": "in_flight"}
    assert receipt(world, chunk.chunk_id) == in_flight | {"last_failure": failure}
    assert receipt(world, chunk.chunk_id, "other") == in_flight
    world.take(chunk)
    assert "last_failure" not in receipt(world, chunk.chunk_id)


def test_a_receipt_tells_another_project_nothing_of_what_became_of_the_chunk(world: World) -> None:
    done, quarantined = make_chunk(), make_chunk()
    world.take(done)
    world.quarantine.add(make_quarantined(quarantined), "")
    for chunk in (done, quarantined):
        assert receipt(world, chunk.chunk_id, "other") == {"chunk_id": chunk.chunk_id, "status": "in_flight"}


IMPOSSIBLE = {
    "of next year": make_chunk(received=NOW + timedelta(days=365)).chunk_id,
    "of the next hour": make_chunk(received=NOW + timedelta(hours=1)).chunk_id,
    "old and without a trace": make_chunk(received=OLDEST - SECOND).chunk_id,
    "empty": "",
    "no hour": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "after the end of time": "7ZZZZZZZZZZZZZZZZZZZZZZZZZ-2015-05-17T10",
}


@pytest.mark.parametrize("chunk_id", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_chunk_that_cannot_be_on_its_way_is_not_found(world: World, chunk_id: str) -> None:
    with pytest.raises(Problem) as caught:
        receipt(world, chunk_id)
    assert caught.value.code == "no_such_chunk"


@pytest.fixture
def reported() -> World:
    """Reports whose number of events is their hour, 99 for the day."""
    world = World()
    for hour in range(10, 17):
        world.reports.save(make_report(Window("acme", "hour", f"2015-05-17T{hour}"), events=hour))
    world.reports.save(make_report(Window("acme", "day", "2015-05-17"), events=99))
    world.reports.save(make_report(Window("other", "hour", "2015-05-17T10"), events=1))
    return world


def numbers(*answers: dict[str, Any]) -> list[int]:
    return [report["events"] for answer in answers for report in answer["reports"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_paging_gives_each_report_exactly_once_newest_first(reported: World, limit: int) -> None:
    pages = read_pages(reported.find_reports, {"limit": str(limit)})
    newest_first = list(range(16, 9, -1))
    assert [numbers(page) for page in pages] == [newest_first[start : start + limit] for start in range(0, 7, limit)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"from": "2015-05-17T14:30:00Z"}, [16, 15, 14], id="from inside a window"),
        pytest.param({"to": "2015-05-17T11:30:00Z"}, [11, 10], id="to inside a window"),
        pytest.param({"to": "2015-05-17T11:00:00Z"}, [10], id="to is excluded"),
        pytest.param({"grain": "day", "from": "2015-05-17T14:30:00Z"}, [99], id="the day of a time"),
        pytest.param({"grain": "day", "to": "2015-05-17"}, [], id="a day's start is excluded"),
    ],
)
def test_reports_are_chosen_by_grain_and_span(reported: World, parameters: dict[str, str], expected: list[int]) -> None:
    assert numbers(reported.find_reports(parameters)) == expected


def test_another_projects_reports_are_not_found(reported: World) -> None:
    assert numbers(reported.find_reports({}, project="other")) == [1]


def test_no_more_reports_are_read_than_an_answer_holds() -> None:
    read: list[Report] = []

    class Counting(FakeReportStore):
        def between(self, project: str, grain: str, **span: Any) -> Iterator[Report]:
            for report in super().between(project, grain, **span):
                read.append(report)
                yield report

    world = World()
    world.reports = Counting()
    for hour in range(24):
        world.reports.save(
            replace(make_report(Window("acme", "hour", f"2015-05-17T{hour:02}")), content={"x": "y" * 1_000_000})
        )
    pages = read_pages(world.find_reports, {"limit": "24"})
    assert sum(len(page["reports"]) for page in pages) == 24
    assert len(read) == 24 + len(pages) - 1


@pytest.mark.parametrize("grain", ["week", "HOUR", "minutes"])
def test_a_grain_that_is_not_offered_is_refused(world: World, grain: str) -> None:
    with pytest.raises(Problem) as caught:
        world.count({"grain": grain})
    assert caught.value.code == "bad_parameter"


def test_reports_have_no_minutes(reported: World) -> None:
    with pytest.raises(Problem) as caught:
        reported.find_reports({"grain": "minute"})
    assert caught.value.code == "bad_parameter"


def test_a_day_that_a_zone_starts_before_all_time_is_refused_and_every_other_is_not(world: World) -> None:
    with pytest.raises(Problem) as caught:
        world.count({"from": "0001-01-01", "tz": "Asia/Tokyo"})
    assert caught.value.code == "bad_parameter"
    for first, zone in (("0001-01-01", "America/New_York"), ("9999-12-31", "Asia/Tokyo"), ("9999-12-31", "UTC")):
        assert (world.count({"from": first, "tz": zone, "grain": "day"}) == []) == (first == "9999-12-31")


@pytest.mark.parametrize("change", [{"grain": "day"}, {"to": "2016-01-01"}], ids=["grain", "span"])
def test_a_cursor_of_reports_is_refused_by_every_other_query(reported: World, change: dict[str, str]) -> None:
    cursor = {"cursor": reported.find_reports({"limit": "2"})["next"]}
    asks: list[Callable[[], object]] = [
        lambda: reported.find_reports(cursor | change),
        lambda: reported.find_reports(cursor, project="other"),
        lambda: reported.find_events(cursor),
    ]
    for ask in asks:
        with pytest.raises(Problem) as caught:
            ask()
        assert caught.value.code == "bad_cursor"
