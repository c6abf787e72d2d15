"""A commit record: the item that proves that a chunk's effects are done, and lists them.

It prevents double effects, lists the events of the archive object, is the index by time, and is the input of reports.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from chalicelib.core import limits, summary, timestamps, windows
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import chunk_hash, hour_of, minted_at, newest_minute_of, single_ref, sum_of
from chalicelib.core.event import Event, EventRef
from chalicelib.core.ledger import Committed
from chalicelib.core.windows import DAY, HOUR, minute_of_hour

_ROUNDING = timedelta(milliseconds=2)


class OwnedEvent(NamedTuple):
    """The part of an owned event that its chunk's commit record stores."""

    ref: EventRef
    event_type: str


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """A commit record.

    `archive_object`: None if the chunk owns no event, since all were duplicates.
    `value_counts`: how often each value of a reported property occurred, as {"page": {"/home": 2}}.
    `erased`: how many of the events that the chunk owned were erased.
    `body`: for a single-event chunk that is not known to be a duplicate, the event that the commit inserts.
    `waits_for`: old uncommitted chunks that own events of this chunk. These events are counted when those chunks are
    committed.
    """

    project: str
    chunk_id: str
    accepted: int
    owned: tuple[OwnedEvent, ...]
    value_counts: dict[str, dict[str, int]]
    archive_object: str | None
    received: str
    erased: int = 0
    body: bytes | None = None
    waits_for: tuple[str, ...] = ()

    @property
    def hour(self) -> str:
        return hour_of(self.chunk_id)

    @property
    def stored(self) -> int:
        return len(self.owned)

    @property
    def duplicates(self) -> int:
        return self.accepted - self.stored - self.erased


class Outcome(NamedTuple):
    """The result of an attempt to commit, or of `CommitLog.look`, as far as it is known. Chunks are named by chunk_id.

    `committed`: chunks that are committed, now or earlier. `duplicates`: single-event chunks that proved to be
    duplicates and are not committed yet. `owners`: for each duplicate, the owner of its event, unless the owner is
    known to be committed. `unknown`: chunks whose items could not be read.
    """

    committed: set[str]
    duplicates: set[str] = set()  # noqa: RUF012 - never changed
    owners: Mapping[str, str] = {}
    unknown: set[str] = set()  # noqa: RUF012


def make_record(
    chunk: Chunk,
    owned: Sequence[Event],
    archive_object: str | None,
    report_properties: Collection[str],
    *,
    body: bytes | None = None,
    waits_for: Collection[str] = (),
) -> CommitRecord:
    """Return the record of a chunk. `owned`: those of its events that it owns."""
    return CommitRecord(
        project=chunk.project,
        chunk_id=chunk.chunk_id,
        accepted=chunk.accepted,
        owned=tuple(OwnedEvent(event.ref, event.event_type) for event in owned),
        value_counts=count_values(owned, report_properties),
        archive_object=archive_object if owned else None,
        received=chunk.sender.received_at,
        body=body,
        waits_for=tuple(sorted(waits_for)),
    )


def as_duplicate(record: CommitRecord) -> CommitRecord:
    """Return the record of a single-event chunk whose event belongs to another chunk."""
    return replace(record, owned=(), value_counts={}, archive_object=None, body=None)


def share(singles: Iterable[CommitRecord], mint: Callable[[str], str]) -> list[tuple[CommitRecord, list[CommitRecord]]]:
    """Return the shared records of single-event chunks that are committed together, each with the records it replaces.

    There is one for each project, hour and archive object. `mint`: makes the id of a shared record for the minute of
    its newest event.
    """
    together: dict[tuple[str, str, str | None], list[CommitRecord]] = {}
    for record in singles:
        together.setdefault((record.project, record.hour, record.archive_object), []).append(record)
    return [
        (
            CommitRecord(
                project=project,
                chunk_id=mint(windows.join_minute(hour, max(newest_minute_of(record.chunk_id) for record in records))),
                accepted=len(records),
                owned=tuple(event for record in records for event in record.owned),
                value_counts=_sum_value_counts(records),
                archive_object=archive_object,
                received=max(record.received for record in records),
            ),
            records,
        )
        for (project, hour, archive_object), records in together.items()
    ]


def share_of(record: CommitRecord, chunk_id: str) -> CommitRecord:
    """Return the part of a shared record that belongs to one single-event chunk, as a record."""
    owned = tuple(event for event in record.owned if event.ref == single_ref(chunk_id))
    return replace(record, chunk_id=chunk_id, accepted=1, owned=owned, value_counts={}, erased=1 - len(owned))


def _sum_value_counts(records: Iterable[CommitRecord]) -> dict[str, dict[str, int]]:
    sums: dict[str, Counter[str]] = {}
    for record in records:
        for name, counts in record.value_counts.items():
            sums.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in sums.items()}


def count_values(events: Iterable[Event], names: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how often each value of the named properties occurs. Only texts, numbers and booleans are counted."""
    value_counts: dict[str, dict[str, int]] = {}
    for event in events:
        for name in names:
            value = event.properties.get(name)
            if isinstance(value, str | int | float):
                text = (value if isinstance(value, str) else json.dumps(value))[: limits.MAX_TOP_VALUE_LENGTH]
                counts = value_counts.setdefault(name, {})
                counts[text] = counts.get(text, 0) + 1
    return value_counts


def without(record: CommitRecord, events: Sequence[Event]) -> CommitRecord:
    """Return a record after an erasure. The record neither refers to the erased events nor counts their values."""
    refs = {event.ref for event in events}
    left = tuple(each for each in record.owned if each.ref not in refs)
    value_counts = {name: Counter(counts) for name, counts in record.value_counts.items()}
    for name, counts in count_values(events, record.value_counts).items():
        value_counts[name] -= Counter(counts)
    return replace(
        record,
        owned=left,
        value_counts={name: dict(counts) for name, counts in value_counts.items() if counts},
        erased=record.erased + record.stored - len(left),
    )


def decrements(before: CommitRecord, after: CommitRecord) -> dict[tuple[str, str, str], Counter[str]]:
    """Return the negative increments of the events that a record lost, in the form of `increments`."""
    left = {each.ref for each in after.owned}
    lost = replace(before, owned=tuple(each for each in before.owned if each.ref not in left))
    return {
        counter: Counter({minute: -count for minute, count in minutes.items()})
        for counter, minutes in increments([lost]).items()
    }


def increments(records: Iterable[CommitRecord]) -> dict[tuple[str, str, str], Counter[str]]:
    """Map (project, hour, event_type) to the increments of its counters: the number of events by minute ("05")."""
    sums: dict[tuple[str, str, str], Counter[str]] = {}
    for record in records:
        for event in record.owned:
            counter = (record.project, record.hour, event.event_type)
            sums.setdefault(counter, Counter())[minute_of_hour(event.ref.time)] += 1
    return sums


def marked_hours(records: Iterable[CommitRecord]) -> list[tuple[str, str]]:
    """Return (project, hour) of each hour that gains an event. The reports of these hours are out of date."""
    return sorted({(record.project, record.hour) for record in records if record.owned})


def in_ledger(chunks: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Select the chunks that the ledger counts: takes (time of receipt, chunk_id), returns (hour of receipt, chunk_id).

    Replayed chunks are not counted. They are recognised by their id, which is younger than the receipt of their events.
    """
    return [
        (HOUR.name_of(received), chunk_id)
        for received, chunk_id in chunks
        if abs(minted_at(chunk_id) - timestamps.parse(received)) <= _ROUNDING
    ]


def received_hours(records: Iterable[CommitRecord]) -> dict[str, Committed]:
    """Return the records' increments of the ledger: chunks and events by hour of receipt.

    Replayed chunks are left out: ingestion did not count them, and received their events long ago.
    """
    sums: dict[str, Committed] = {}
    for record in records:
        for hour, chunk_id in in_ledger([(record.received, record.chunk_id)]):
            sums[hour] = sums.get(hour, Committed()) + Committed(
                1, record.accepted, record.stored, sum_of([chunk_hash(chunk_id)])
            )
    return sums


def group(records: Iterable[CommitRecord]) -> list[list[CommitRecord]]:
    """Cut records into groups that fit one transaction, by its number of items and bytes.

    Records of the same project and hour share a group, since they write the same counters, mark and day.
    """
    groups: list[list[CommitRecord]] = []
    items, size = set[tuple[str, ...]](), 0
    for record in sorted(records, key=lambda record: (record.project, record.hour)):
        own, more = _own_item(record), _other_items(record)
        more.add(own)
        record_size = _most_bytes(record)
        # Two single-event chunks may hold the same event, and a transaction may write an item only once.
        fits = own not in items and len(items | more) <= limits.MAX_COMMIT_ITEMS
        if groups and fits and size + record_size <= limits.MAX_COMMIT_BYTES:
            groups[-1].append(record)
            items |= more
            size += record_size
        else:
            groups.append([record])
            items, size = more, record_size
    return groups


def _own_item(record: CommitRecord) -> tuple[str, ...]:
    """Return the name of the item that proves this chunk's commit. No other chunk writes it."""
    return (record.chunk_id,) if record.body is None else ("event", record.project, *record.owned[0].ref)


def _other_items(record: CommitRecord) -> set[tuple[str, ...]]:
    """Return the names of the other items that the commit writes. Other records may write them as well."""
    received_hour = HOUR.name_of(record.received)
    items: set[tuple[str, ...]] = {("ledger", received_hour)}
    if record.owned:
        items |= {("mark", record.project, record.hour), ("days", record.project, DAY.name_of(record.hour))}
        items |= {("counter", record.project, record.hour, event.event_type) for event in record.owned}
    if record.body is not None:
        items.add(("shared", record.project, record.hour))
    return items


def _most_bytes(record: CommitRecord) -> int:
    """Return the largest size of a record: its summary uncompressed, or the event of a single-event chunk."""
    if record.body is not None:
        return 2000 + len(record.body)
    return 1000 + summary.most_bytes(_by_type(record), record.value_counts)  # 1000 for the other attributes


def pack_summary(record: CommitRecord) -> bytes:
    """Return the compressed part of a record: references by type, and value counts."""
    return summary.pack(_by_type(record), record.value_counts)


def _by_type(record: CommitRecord) -> dict[str, list[EventRef]]:
    by_type: dict[str, list[EventRef]] = {}
    for event in record.owned:
        by_type.setdefault(event.event_type, []).append(event.ref)
    return by_type


def unpack_summary(packed: bytes) -> tuple[tuple[OwnedEvent, ...], dict[str, dict[str, int]]]:
    """Return the contents of a packed summary; the inverse of `pack_summary`. Events are ordered by type."""
    by_type, value_counts = summary.unpack(packed)
    return tuple(OwnedEvent(ref, event_type) for event_type, refs in by_type.items() for ref in refs), value_counts
