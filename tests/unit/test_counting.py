"""Counters summed into windows, held against a model that walks the minutes one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.counting import HourCounter, pack_totals, sum_windows
from chalicelib.core.timestamps import parse
from chalicelib.core.windows import DAY, GRAINS, HOUR, Span

TEN, ELEVEN = parse("2015-05-17T10:00:00Z"), parse("2015-05-17T11:00:00Z")
MINUTE = timedelta(minutes=1)
FORMATS = {"minute": "%Y-%m-%dT%H:%M:00Z", "hour": "%Y-%m-%dT%H:00:00Z", "day": "%Y-%m-%dT00:00:00Z"}

counters = st.builds(
    HourCounter,
    st.sampled_from(["2015-05-16T23", "2015-05-17T00", "2015-05-17T10"]),
    st.sampled_from(["view", "click"]),
    st.dictionaries(st.sampled_from(["00", "01", "30", "59"]), st.integers(1, 5), max_size=4),
)
edges = st.builds(
    lambda hour, minute, part: datetime.fromisoformat(f"{hour}:{minute}:{part}+00:00"),
    st.sampled_from(["2015-05-16T23", "2015-05-17T00", "2015-05-17T10"]),
    st.sampled_from(["00", "01", "02", "30", "59"]),
    st.sampled_from(["00.000000", "00.000001", "30.000000", "59.999999"]),
)
Ends = tuple[datetime | None, datetime | None]


def are_in_order(ends: Ends) -> bool:
    first, after = ends
    return not (first and after) or first < after


spans = st.tuples(st.none() | edges, st.none() | edges).filter(are_in_order)


@given(st.lists(counters, max_size=6), st.sampled_from(list(FORMATS)), spans)
def test_sums_are_those_of_the_minutes_that_meet_the_span(counters: list[HourCounter], grain: str, ends: Ends) -> None:
    first, after = ends[0] or datetime.min.replace(tzinfo=UTC), ends[1] or datetime.max.replace(tzinfo=UTC)
    expected: Counter[tuple[str, str]] = Counter()
    for counter in counters:
        for minute, count in counter.minutes.items():
            start = datetime.fromisoformat(f"{counter.hour}:{minute}+00:00")
            if start < after and first < start + MINUTE:
                expected[start.strftime(FORMATS[grain]), counter.event_type] += count
    rows = sum_windows(counters, GRAINS[grain], Span(*ends))
    assert [(row["start"], row["event_type"]) for row in rows] == sorted(expected)
    assert all(row["count"] == expected[row["start"], row["event_type"]] for row in rows)


def test_spans_that_follow_each_other_count_no_minute_twice() -> None:
    counter = HourCounter("2015-05-17T10", "view", {"00": 1, "30": 2})
    assert sum_windows([counter], HOUR, Span(end=TEN)) == []
    assert sum_windows([counter], HOUR, Span(TEN, ELEVEN)) == [
        {"start": "2015-05-17T10:00:00Z", "event_type": "view", "count": 3}
    ]


def test_a_minute_in_which_a_span_starts_or_ends_counts_whole() -> None:
    counter = HourCounter("2015-05-17T10", "view", {"00": 1, "01": 2, "02": 4, "03": 8})
    span = Span(parse("2015-05-17T10:01:59Z"), parse("2015-05-17T10:02:01Z"))
    assert [row["count"] for row in sum_windows([counter], DAY, span)] == [6]


def test_the_totals_of_a_day_are_packed_unless_it_has_more_hours_of_types_than_are_read() -> None:
    read: list[int] = []

    def counters(number_of: int) -> Iterator[HourCounter]:
        for number in range(number_of):
            read.append(number)
            yield HourCounter("2015-05-17T10", f"type {number // 2}", {"00": 1})

    assert pack_totals(counters(10), at_most=5)
    read.clear()
    assert pack_totals(counters(1_000_000), at_most=5) is None
    assert len(read) == 11
