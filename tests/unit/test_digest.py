"""Digests: parts add up to the whole, and what is kept comes back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import digest
from chalicelib.core.commit import CommitRecord, OwnedEvent
from chalicelib.core.digest import Digest
from chalicelib.core.keys import EventRef

HOUR = "2015-05-17T10"
TIME = f"{HOUR}:05:03.000000Z"


def record(owned: list[tuple[str, str]], tallies: dict[str, dict[str, int]]) -> CommitRecord:
    refs = tuple(OwnedEvent(EventRef(TIME, user, "e"), event_type) for user, event_type in owned)
    return CommitRecord("p", f"01ARZ3NDEKTSV4RRFFQ69G5FAV-{HOUR}", len(refs), refs, tallies, "object", TIME)


few = st.sampled_from(["a", "b", "ä\n", "1"])
tallies = st.dictionaries(few, st.dictionaries(st.text(max_size=2), st.integers(1, 3), min_size=1), max_size=2)
records = st.lists(st.builds(record, st.lists(st.tuples(few, few), max_size=4), tallies), max_size=5)


@given(st.lists(records, max_size=5))
def test_the_digests_of_parts_merge_into_the_digest_of_the_whole(parts: list[list[CommitRecord]]) -> None:
    whole = digest.of(each for part in parts for each in part)
    assert digest.merge(digest.of(part) for part in parts) == whole


@given(st.lists(records, max_size=3))
def test_merging_changes_none_of_the_parts(parts: list[list[CommitRecord]]) -> None:
    digests = [digest.of(part) for part in parts]
    digest.merge(digests)
    assert digests == [digest.of(part) for part in parts]


@given(records.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_records_makes_no_difference(orders: tuple[list[CommitRecord], list[CommitRecord]]) -> None:
    one, other = (digest.of(each) for each in orders)
    assert digest.pack(one) == digest.pack(other)
    assert digest.fingerprint(one) == digest.fingerprint(other)


@given(records)
def test_a_packed_digest_comes_back_whole(some: list[CommitRecord]) -> None:
    assert digest.unpack(digest.pack(digest.of(some))) == digest.of(some)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Digest(Counter(view=2), {"ann"}, {}), id="count"),
        pytest.param(Digest(Counter(click=1), {"ann"}, {}), id="type"),
        pytest.param(Digest(Counter(view=1), {"bob"}, {}), id="user"),
        pytest.param(Digest(Counter(view=1), {"ann"}, {"page": Counter({"/": 1})}), id="tally"),
    ],
)
def test_another_digest_has_another_fingerprint(other: Digest) -> None:
    assert digest.fingerprint(other) != digest.fingerprint(Digest(Counter(view=1), {"ann"}, {}))
