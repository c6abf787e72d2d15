"""The commit log: writes commit records in one transaction with the counters, days, marks and ledger sums.

Other modules define the items: record_item.py (commit records), event_item.py (events of single-event chunks),
counters.py (counters and days), marks.py (marks) and ledger_sums.py (sums).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from chalicelib.adapters.counters import ListedDay, counter_parts, day_parts, days_of
from chalicelib.adapters.event_item import event_item
from chalicelib.adapters.items import Item, put_part, read_item, text
from chalicelib.adapters.ledger_sums import sum_parts
from chalicelib.adapters.marks import mark_parts
from chalicelib.adapters.record_item import is_committed, is_record_of, record_item, record_of, sums_of
from chalicelib.adapters.table import Table
from chalicelib.core import commit, limits, retries, table_keys, windows
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import mint_chunk_id, single_ref
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.summary import RecordSums
from chalicelib.core.table_keys import Key
from chalicelib.errors import StoreFailed

# A worker may stall for a day between reading its clock and writing, and clocks differ.
_MARGIN = 2 * Lifetimes.worker_stalls
# A table that was restored, or emptied and brought up again, may lack a day that this process has listed. Both take
# longer: `millrace upgrade` alone waits 80 seconds.
_REMEMBERED_SECONDS = 60
_MAX_REMEMBERED_DAYS = 10_000


class CommitLog:
    """`lifetimes`: how long a record is stored after its chunk was minted, received or replayed."""

    def __init__(self, table: Table, *, lifetimes: Callable[[], History]) -> None:
        self._table = table
        self._lifetimes = lifetimes
        self._listed = set[ListedDay]()
        self._forget_at = 0.0

    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        """Try once to commit all records. Return the outcome.

        Nothing is applied if some records were committed before, or if single-event chunks prove to be duplicates. The
        outcome names them. An empty outcome means that nothing is known. The counters are computed from `records` at
        each call, so nothing is added twice.
        """
        if attempt:
            self._table.back_off(attempt, retries.COMMIT)
        marked = commit.marked_hours(records)
        try:
            days = days_of(marked, datetime.now(UTC) + self._lifetimes().longest + _MARGIN) - self._listed_lately()
            taken = self._table.transact(self._transaction(records, marked, days))
        except StoreFailed:
            return Outcome(set())
        if taken:
            # The first parts of the transaction put one item for each record, in the order of the records.
            return self._outcome(records[position] for position in sorted(taken))
        self._listed.update(days)
        return Outcome({record.chunk_id for record in records})

    def _retention(self) -> timedelta:
        return self._lifetimes().current.events

    def _listed_lately(self) -> set[ListedDay]:
        """Return the days that this process has listed in the last minute. It need not list them again yet."""
        if time.time() >= self._forget_at or len(self._listed) > _MAX_REMEMBERED_DAYS:
            self._listed.clear()
            self._forget_at = time.time() + _REMEMBERED_SECONDS
        return self._listed

    def _outcome(self, taken: Iterable[CommitRecord]) -> Outcome:
        """Return the outcome of records whose own items exist already."""
        committed, singles = set[str](), dict[str, Key]()
        for record in taken:
            if record.body is None:
                committed.add(record.chunk_id)
            else:
                singles[record.chunk_id] = table_keys.event_item(record.project, record.owned[0].ref)
        with suppress(StoreFailed):  # if this read fails, the single-event chunks are tried again
            known = self._known(singles)
            return known._replace(committed=committed | known.committed)
        return Outcome(committed)

    def _known(self, wanted: dict[str, Key]) -> Outcome:
        """Read the chunks' own items. Return which chunks are committed, are duplicates, or are unknown."""
        items, unanswered = self._table.get_answered(list(wanted.values()), attributes="pk, sk, c, i, z")
        there = {chunk_id: items[key] for chunk_id, key in wanted.items() if key in items}
        committed = {chunk_id for chunk_id, item in there.items() if is_committed(chunk_id, item)}
        unknown = {chunk_id for chunk_id, key in wanted.items() if key in unanswered}
        duplicates = there.keys() - committed
        # An erased event has no owner. An event with `i` belongs to a committed single-event chunk.
        owners = {each: there[each]["c"]["S"] for each in duplicates if not there[each].keys() & {"i", "z"}}
        return Outcome(committed, duplicates, owners, unknown)

    def _transaction(
        self, records: Sequence[CommitRecord], marked: Sequence[tuple[str, str]], days: Iterable[ListedDay]
    ) -> list[Item]:
        """Return the parts of the transaction. The parts that prove each commit come first."""
        # A random shard for each attempt, so that two workers rarely write the same counter at once.
        shard = random.randrange(table_keys.SHARDS)  # noqa: S311 - spreads load, no secret
        shared = commit.share([record for record in records if record.body is not None], _fresh_id)
        shared_by = {record.chunk_id: each.chunk_id for each, singles in shared for record in singles}
        return [
            *(self._put_own(record, shared_by) for record in records),
            *(put_part(record_item(record, self._retention())) for record, _ in shared),
            *counter_parts(commit.increments(records), shard),
            *mark_parts(marked, shard),
            *day_parts(days, shard),
            *sum_parts(commit.received_hours(records), shard, self._retention()),
        ]

    def _put_own(self, record: CommitRecord, shared_by: dict[str, str]) -> Item:
        """Return the part that proves a commit. It puts the record, or the event of a single-event chunk."""
        if record.body is None:
            item = record_item(record, self._retention())
        else:
            event = record.owned[0]
            key = table_keys.event_item(record.project, event.ref)
            item = event_item(key, record.chunk_id, event.event_type, record.body, self._retention())
            item["i"] = text(shared_by[record.chunk_id])
        return put_part(item, "attribute_not_exists(pk)")

    def look(self, chunks: Iterable[Chunk]) -> Outcome:
        """Return the known outcome of chunks before a commit is tried. Raises StoreFailed if the read fails."""
        wanted: dict[str, Key] = {}
        for chunk in chunks:
            single = table_keys.event_item(chunk.project, chunk.events[0].ref) if chunk.is_single else None
            wanted[chunk.chunk_id] = single or table_keys.commit_record(chunk.project, chunk.chunk_id)
        return self._known(wanted)

    def committed(self, chunks: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the chunks (project, chunk_id) that are committed."""
        return set(self._evidence(chunks))

    def record(self, project: str, chunk_id: str) -> CommitRecord | None:
        """Return the record of a chunk, or None. The record of a single-event chunk may hold other chunks' events."""
        item = self._table.get(table_keys.commit_record(project, chunk_id))
        if item and not is_record_of(chunk_id, item):
            return None
        ref = single_ref(chunk_id)
        event = self._table.get(table_keys.event_item(project, ref)) if ref and item is None else None
        if event and is_committed(chunk_id, event):
            item = self._table.get(table_keys.commit_record(project, event["i"]["S"]))
        return read_item(item, record_of) if item else None

    def _evidence(self, chunks: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Map each committed chunk (project, chunk_id) to the item that proves it: its record, or its event."""
        asked = list(chunks)
        refs = {chunk: ref for chunk in asked if (ref := single_ref(chunk[1]))}
        own = {chunk: table_keys.event_item(chunk[0], ref) for chunk, ref in refs.items()}
        records = {chunk: table_keys.commit_record(*chunk) for chunk in asked}
        found = self._table.get_many([*own.values(), *records.values()], attributes="pk, sk, c, d, i, o")
        evidence = {}
        for chunk in asked:
            if records[chunk] in found and is_record_of(chunk[1], found[records[chunk]]):
                evidence[chunk] = found[records[chunk]]
            elif chunk in own and own[chunk] in found and is_committed(chunk[1], found[own[chunk]]):
                evidence[chunk] = found[own[chunk]]
        return evidence

    def sums(self, project: str, hour: str) -> Iterator[RecordSums]:
        """Yield the sums of each commit record of an hour. Pages are read as the caller goes on."""
        wanted = table_keys.commit_records_of(hour)
        for pk in table_keys.day_partitions(project, windows.DAY.name_of(hour)):
            for item in self._table.query(pk, first=wanted.first, after=wanted.after):
                yield read_item(item, sums_of)

    def newest(
        self, project: str, day: str, *, first: str = "", after: str = "~", page_items: int = 100
    ) -> Iterator[CommitRecord]:
        """Yield the commit records of a day with first <= place < after, newest first.

        `table_keys.place_of_record` returns the place of a record.

        Records are read as the caller asks for them: at first `page_items` of each shard, then twice as many, up to
        MAX_PAGE_RECORDS.
        """
        pks, wanted = table_keys.day_partitions(project, day), table_keys.commit_records_between(first, after)
        most = limits.MAX_PAGE_RECORDS
        items = self._table.newest(pks, wanted, page_items=min(page_items, most), most_page_items=most)
        return (read_item(item, record_of) for item in items)

    def archived_in(self, chunks: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        """Map chunk_ids to the archive object that their commit record names, or None. Chunks without a record are
        left out. `chunks`: (project, chunk_id).
        """
        evidence = self._evidence(chunks)
        shared = {
            chunk: table_keys.commit_record(chunk[0], item["i"]["S"]) for chunk, item in evidence.items() if "i" in item
        }
        records = self._table.get_many(list(shared.values()), attributes="pk, sk, o")
        # A chunk is left out if the record that it shares has expired, since its archive object is unknown.
        named = {chunk: records.get(shared[chunk]) if chunk in shared else item for chunk, item in evidence.items()}
        return {chunk_id: item["o"]["S"] if "o" in item else None for (_, chunk_id), item in named.items() if item}


def _fresh_id(minute: str) -> str:
    """Return a new id for a shared record. No id is reused, since a retry may put other chunks into its record."""
    return mint_chunk_id(datetime.now(UTC), minute, os.urandom(10))
