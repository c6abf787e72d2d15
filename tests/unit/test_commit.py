"""Commit records: what they keep, what they add, and how many a transaction takes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import make_event
from chalicelib.core import commit, limits
from chalicelib.core.chunk import Chunk, Sender, pack
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.commit import CommitRecord, OwnedEvent
from chalicelib.core.event import Event, EventRef

RECEIVED = datetime(2024, 3, 1, 12, tzinfo=UTC)
SENDER = Sender("default", RECEIVED)
HOUR = "2015-05-17T10"


def event(number: int, event_type: str = "view", time: str = f"{HOUR}:05:03.000000Z", **properties: Any) -> Event:
    return make_event(f"e{number}", at=time, user="u", event_type=event_type, **properties)


def chunk_id(number: int, hour: str = HOUR) -> str:
    return mint_chunk_id(RECEIVED, f"{hour}:05", number.to_bytes(10, "big"))


def record(number: int, project: str = "p", hour: str = HOUR, types: int = 1, events: int = 1) -> CommitRecord:
    ref = EventRef(f"{hour}:05:03.000000Z", "u", f"e{number}")
    owned = tuple(OwnedEvent(ref, f"t{at % types}") for at in range(events))
    return CommitRecord(project, chunk_id(number, hour), events, owned, {}, "name" if owned else None, ref.time)


def transaction_items(records: list[CommitRecord]) -> int:
    kept = [(each.project, each.hour, event.event_type) for each in records for event in each.owned]
    return (
        len(records)
        + len(set(kept))
        + len({each[:2] for each in kept})
        + len({(each[0], each[1][:10]) for each in kept})
    )


def test_a_duplicate_adds_nothing_to_any_sum() -> None:
    counted = replace(record(1), value_counts={"page": {"/": 1}})
    duplicate = commit.as_duplicate(counted)
    assert (duplicate.accepted, duplicate.owned, duplicate.value_counts) == (1, (), {})


hours = st.sampled_from([HOUR, "2015-05-17T11", "2015-05-18T00"])
kinds = st.tuples(st.sampled_from("pq"), hours, st.sampled_from([1, 2, 40, 90]), st.sampled_from([0, 1, 90]))


@given(st.lists(kinds, max_size=60), st.integers(1, 4))
def test_groups_keep_every_record_once_and_fit_a_transaction(rows: list[tuple[str, str, int, int]], times: int) -> None:
    records = [record(number, *row) for number, row in enumerate(rows * times)]
    groups = commit.group(records)
    assert limits.MAX_COMMIT_ITEMS <= 100  # AWS's limit for a transaction
    assert [each for group in groups for each in group] == sorted(records, key=lambda each: (each.project, each.hour))
    assert all(1 <= transaction_items(group) <= limits.MAX_COMMIT_ITEMS for group in groups)


@pytest.mark.parametrize(
    ("records", "sizes"),
    [
        ([record(number) for number in range(96)], [96]),
        ([record(number) for number in range(97)], [96, 1]),
        ([record(number, events=0) for number in range(100)], [99, 1]),
        ([record(1, types=90, events=90), record(2)], [2]),
        ([record(1, "p"), record(2, "q"), record(3, "p")], [3]),
    ],
)
def test_records_share_a_transaction_as_long_as_they_fit(records: list[CommitRecord], sizes: list[int]) -> None:
    assert [len(group) for group in commit.group(records)] == sizes


def test_groups_of_large_records_stay_below_the_bytes_of_a_transaction() -> None:
    noise = hashlib.shake_256().hexdigest(90_000)
    large = replace(record(0), value_counts={"page": {noise: 1}})
    groups = commit.group([replace(large, chunk_id=chunk_id(number)) for number in range(40)])
    sizes = [sum(len(commit.pack_summary(each)) for each in group) for group in groups]
    assert sum(sizes) > limits.MAX_COMMIT_BYTES
    assert max(sizes) <= limits.MAX_COMMIT_BYTES
    assert len(groups) < 40


@pytest.mark.parametrize(
    "events",
    [
        [event(number, f"t{number % 90}") for number in range(500)],
        [event(number, page=hashlib.shake_256(bytes([number])).hexdigest(16_000)) for number in range(6)],
        [event(number, page="é" * 16_000) for number in range(6)],
    ],
)
def test_the_largest_chunks_can_be_committed_alone(events: list[Event]) -> None:
    packed = pack(events, sender=SENDER, repeats={}, mint=lambda hour: chunk_id(1, hour))
    for number, (chunk, _) in enumerate(packed):
        made = commit.make_record(chunk, chunk.events, f"object-{number}", ["page"])
        assert transaction_items([made]) <= limits.MAX_COMMIT_ITEMS
        assert len(commit.pack_summary(made)) < 390_000


def test_a_record_tells_owned_events_from_duplicates() -> None:
    chunk = Chunk(chunk_id(1), SENDER, (event(1), event(2), event(3)), repeats=4)
    made = commit.make_record(chunk, [event(2, page="/a")], "object", ["page"])
    assert (made.accepted, made.stored, made.duplicates, made.hour) == (7, 1, 6, HOUR)
    assert made.owned == (OwnedEvent(EventRef(f"{HOUR}:05:03.000000Z", "u", "e2"), "view"),)
    assert (made.value_counts, made.archive_object) == ({"page": {"/a": 1}}, "object")
    assert made.received == "2024-03-01T12:00:00.000000Z"


def test_a_record_that_owns_nothing_names_no_archive_object_and_changes_no_report() -> None:
    made = commit.make_record(Chunk(chunk_id(1), SENDER, (event(1),)), [], "object", ["page"])
    assert made.archive_object is None
    assert commit.marked_hours([made]) == []
    assert commit.increments([made]) == {}


def test_increments_are_the_owned_events_by_project_hour_type_and_minute() -> None:
    refs = [EventRef(f"{HOUR}:{minute}:00.000000Z", "u", minute) for minute in ("05", "05", "59")]
    one = replace(record(1), owned=tuple(OwnedEvent(ref, "view") for ref in refs))
    assert commit.increments([one, record(2), record(3, "q"), record(4, hour="2015-05-17T11")]) == {
        ("p", HOUR, "view"): {"05": 2, "59": 1},
        ("p", HOUR, "t0"): {"05": 1},
        ("q", HOUR, "t0"): {"05": 1},
        ("p", "2015-05-17T11", "t0"): {"05": 1},
    }


def test_hours_to_mark_are_named_once() -> None:
    records = [record(1, "q"), record(2), record(3), record(4, "r", events=0)]
    assert commit.marked_hours(records) == [("p", HOUR), ("q", HOUR)]


def test_only_text_numbers_and_booleans_are_tallied() -> None:
    values = ["/a", "/a", 1, True, None, [1], {"a": 1}, "é" * 300]
    events = [event(number, page=value, other="x") for number, value in enumerate(values)]
    report_properties = {"/a": 2, "1": 1, "true": 1, "é" * limits.MAX_TOP_VALUE_LENGTH: 1}
    assert commit.count_values(events, ["page", "absent"]) == {"page": report_properties}


names = st.text(min_size=1, max_size=5)
owned_events = st.builds(OwnedEvent, st.builds(EventRef, names, names, names), st.sampled_from(["a", "b", "é#"]))
value_counts = st.dictionaries(names, st.dictionaries(st.text(), st.integers(1), min_size=1, max_size=3), max_size=3)


@given(st.lists(owned_events, max_size=8), value_counts)
def test_a_summary_gives_back_what_went_in(owned: list[OwnedEvent], value_counts: dict[str, dict[str, int]]) -> None:
    packed = commit.pack_summary(replace(record(1), owned=tuple(owned), value_counts=value_counts))
    unpacked, unpacked_counts = commit.unpack_summary(packed)
    assert sorted(unpacked, key=repr) == sorted(owned, key=repr)
    assert unpacked_counts == value_counts


def test_records_of_many_projects_share_transactions_as_those_of_one_do() -> None:
    """1,000 chunks of 100 projects, as they come: one after the other."""
    records = [record(number, project=f"p{number % 100}") for number in range(1000)]
    groups = commit.group(records)
    assert sorted(each.chunk_id for group in groups for each in group) == sorted(each.chunk_id for each in records)
    assert len(groups) <= 16


def test_names_of_projects_and_types_are_not_taken_for_other_items() -> None:
    """A project of the name "ledger" or "shared" has counters of its own."""
    names = ["ledger", "shared", "mark", "day", "counter", "event"]
    records = [record(number, project=name) for number, name in enumerate(names)]
    items = [commit._other_items(each) for each in records]  # noqa: SLF001
    assert len(set.union(*items)) == 3 * len(names) + 1  # the ledger's is shared
