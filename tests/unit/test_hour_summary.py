"""Hour summaries: parts add up to the whole, and what is kept comes back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import hour_summary
from chalicelib.core.commit import CommitRecord, OwnedEvent
from chalicelib.core.event import EventRef
from chalicelib.core.hour_summary import HourSummary

HOUR = "2015-05-17T10"
TIME = f"{HOUR}:05:03.000000Z"


def record(owned: list[tuple[str, str]], value_counts: dict[str, dict[str, int]]) -> CommitRecord:
    refs = tuple(OwnedEvent(EventRef(TIME, user, "e"), event_type) for user, event_type in owned)
    return CommitRecord("p", f"01ARZ3NDEKTSV4RRFFQ69G5FAV-{HOUR}", len(refs), refs, value_counts, "object", TIME)


few = st.sampled_from(["a", "b", "ä\n", "1"])
value_counts = st.dictionaries(few, st.dictionaries(st.text(max_size=2), st.integers(1, 3), min_size=1), max_size=2)
records = st.lists(st.builds(record, st.lists(st.tuples(few, few), max_size=4), value_counts), max_size=5)


@given(st.lists(records, max_size=5))
def test_the_hour_summaries_of_parts_merge_into_the_summary_of_the_whole(parts: list[list[CommitRecord]]) -> None:
    whole = hour_summary.of(each for part in parts for each in part)
    assert hour_summary.merge(hour_summary.of(part) for part in parts) == whole


@given(st.lists(records, max_size=3))
def test_merging_changes_none_of_the_parts(parts: list[list[CommitRecord]]) -> None:
    hour_summaries = [hour_summary.of(part) for part in parts]
    hour_summary.merge(hour_summaries)
    assert hour_summaries == [hour_summary.of(part) for part in parts]


@given(records.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_records_makes_no_difference(orders: tuple[list[CommitRecord], list[CommitRecord]]) -> None:
    one, other = (hour_summary.of(each) for each in orders)
    assert hour_summary.pack(one) == hour_summary.pack(other)
    assert hour_summary.fingerprint(one) == hour_summary.fingerprint(other)


@given(records)
def test_a_packed_summary_comes_back_whole(some: list[CommitRecord]) -> None:
    assert hour_summary.unpack(hour_summary.pack(hour_summary.of(some))) == hour_summary.of(some)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(HourSummary(Counter(view=2), {"ann"}, {}), id="count"),
        pytest.param(HourSummary(Counter(click=1), {"ann"}, {}), id="type"),
        pytest.param(HourSummary(Counter(view=1), {"bob"}, {}), id="user"),
        pytest.param(HourSummary(Counter(view=1), {"ann"}, {"page": Counter({"/": 1})}), id="value counts"),
    ],
)
def test_another_summary_has_another_fingerprint(other: HourSummary) -> None:
    assert hour_summary.fingerprint(other) != hour_summary.fingerprint(HourSummary(Counter(view=1), {"ann"}, {}))
