"""The commit log: commit records, and what one transaction keeps in step with them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.event_item import event_item
from chalicelib.adapters.record_item import (
    counter_of,
    fresh_token,
    is_committed,
    quarantine_item,
    quarantined_of,
    record_item,
    record_of,
)
from chalicelib.adapters.table import Item, Table, add, key_item, number, text
from chalicelib.core import commit, table_keys, timestamps
from chalicelib.core.chunk import Chunk, mint_chunk_id, single_ref
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.counting import HourCounter
from chalicelib.core.failures import Failure, Quarantined
from chalicelib.core.ledger import Committed
from chalicelib.core.table_keys import Key, Mark
from chalicelib.errors import StoreFailed

# Longer than a message can lie in the dead-letter queue after it failed: 14 days.
_NOTE_RETENTION = timedelta(days=30)


class CommitLog:
    """`retention`: how long a record is kept after its chunk was minted, when it was received or replayed."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        """Try once to commit all records. If some were committed before, or are singles that turn out to be
        duplicates, the outcome says so, and then nothing of this attempt was applied.

        The counters are computed from `records` at each call, so what was done before is not added again.
        """
        if attempt:
            self._table.back_off(attempt)
        try:
            self._table.client.transact_write_items(TransactItems=self._transaction(records))
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            return self._outcome(
                record
                for record, reason in zip(records, reasons, strict=False)  # their own items come first
                if reason.get("Code") == "ConditionalCheckFailed"
            )
        except BotoCoreError:
            return Outcome(set())
        return Outcome({record.chunk_id for record in records})

    def _outcome(self, taken: Iterable[CommitRecord]) -> Outcome:
        """What it means that the items which these records would have put are there."""
        committed, singles = set[str](), dict[str, Key]()
        for record in taken:
            if record.body is None:
                committed.add(record.chunk_id)
            else:
                singles[record.chunk_id] = table_keys.event_item(record.project, record.owned[0].ref)
        with suppress(StoreFailed):  # not known, they are tried again
            known = self._known(singles)
            return Outcome(committed | known.committed, known.duplicates)
        return Outcome(committed)

    def _known(self, wanted: dict[str, Key]) -> Outcome:
        """What the items say that chunks would put, by chunk_id: committed, or another's."""
        items = self._table.get_many(list(wanted.values()), attributes="pk, sk, c, i")
        there = {chunk_id: items[key] for chunk_id, key in wanted.items() if key in items}
        committed = {chunk_id for chunk_id, item in there.items() if is_committed(chunk_id, item)}
        return Outcome(committed, there.keys() - committed)

    def _transaction(self, records: Sequence[CommitRecord]) -> list[Item]:
        # A shard of its own for each attempt: two workers rarely write the same counter at once.
        shard = random.randrange(table_keys.SHARDS)  # noqa: S311 - spreads load, no secret
        marked = commit.marked_hours(records)
        days = sorted({(project, hour[:10]) for project, hour in marked})
        increments = commit.increments(records)
        token = fresh_token()
        shared = commit.share([record for record in records if record.body is not None], _fresh_id)
        shared_by = {record.chunk_id: each.chunk_id for each, singles in shared for record in singles}
        return [
            *(self._put_own(record, shared_by) for record in records),
            *(self._put(record_item(record, self._retention)) for record, _ in shared),
            *(self._add(table_keys.counter(*counter, shard), minutes) for counter, minutes in increments.items()),
            *(self._put(key_item(table_keys.mark(project, hour, shard)) | token) for project, hour in marked),
            *(self._put(key_item(table_keys.day(project, day, shard))) for project, day in days),
            *(self._add_to_ledger(*entry, shard, sums) for entry, sums in commit.received_hours(records).items()),
        ]

    def _put(self, item: Item) -> Item:
        return {"Put": {"TableName": self._table.name, "Item": item}}

    def _put_own(self, record: CommitRecord, shared_by: dict[str, str]) -> Item:
        """Put what says that a chunk is committed, if it is not there: its record, or a single's event."""
        if record.body is None:
            item = record_item(record, self._retention)
        else:
            event = record.owned[0]
            key = table_keys.event_item(record.project, event.ref)
            item = event_item(key, record.chunk_id, event.event_type, record.body, self._retention)
            item["i"] = text(shared_by[record.chunk_id])
        put = self._put(item)
        put["Put"]["ConditionExpression"] = "attribute_not_exists(pk)"
        return put

    def _add(self, key: Key, minutes: dict[str, int]) -> Item:
        return add(self._table.name, key, {f"m{minute}": count for minute, count in minutes.items()})

    def _add_to_ledger(self, received_hour: str, project: str, shard: int, sums: Committed) -> Item:
        added = {"c": sums.chunks, "n": sums.accepted, "k": sums.stored}
        expiry = int((timestamps.parse(timestamps.window_start(received_hour)) + self._retention).timestamp())
        return add(self._table.name, table_keys.ledger(received_hour, project, shard), added, expiry)

    def look(self, chunks: Iterable[Chunk]) -> Outcome:
        """What is known of chunks before anything is tried. Raises StoreFailed."""
        wanted: dict[str, Key] = {}
        for chunk in chunks:
            single = table_keys.event_item(chunk.project, chunk.events[0].ref) if chunk.is_single else None
            wanted[chunk.chunk_id] = single or table_keys.commit_record(chunk.project, chunk.chunk_id)
        return self._known(wanted)

    def committed(self, chunks: Iterable[Chunk]) -> set[str]:
        """The chunk_ids, of those given, that are committed."""
        return {chunk_id for _, chunk_id in self._evidence((chunk.project, chunk.chunk_id) for chunk in chunks)}

    def record(self, project: str, chunk_id: str) -> CommitRecord | None:
        """The record of a chunk; of a single the one that it shares with others, unless it was a duplicate."""
        item = self._table.get(table_keys.commit_record(project, chunk_id))
        ref = single_ref(chunk_id)
        event = self._table.get(table_keys.event_item(project, ref)) if ref and item is None else None
        if event and is_committed(chunk_id, event):
            item = self._table.get(table_keys.commit_record(project, event["i"]["S"]))
        return record_of(item) if item else None

    def _evidence(self, chunks: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """What says that a chunk is committed, of those that are, by (project, chunk_id): its record, or a single's
        event.
        """
        asked = list(chunks)
        refs = {chunk: ref for chunk in asked if (ref := single_ref(chunk[1]))}
        own = {chunk: table_keys.event_item(chunk[0], ref) for chunk, ref in refs.items()}
        records = {chunk: table_keys.commit_record(*chunk) for chunk in asked}
        found = self._table.get_many([*own.values(), *records.values()], attributes="pk, sk, c, i, o")
        evidence = {}
        for chunk in asked:
            if records[chunk] in found:
                evidence[chunk] = found[records[chunk]]
            elif chunk in own and own[chunk] in found and is_committed(chunk[1], found[own[chunk]]):
                evidence[chunk] = found[own[chunk]]
        return evidence

    def records(self, project: str, window: str) -> list[CommitRecord]:
        """Every commit record of an hour (2015-05-17T10) or a day (2015-05-17)."""
        day, hour = window[:10], window[11:13]
        pks = [table_keys.day_partition(project, day, shard) for shard in range(table_keys.SHARDS)]
        return [record_of(item) for item in self._table.query_each(pks, first=f"c#{hour}", after=f"c#{hour}~")]

    def newest(self, project: str, hour: str, first: str, last: str) -> list[CommitRecord]:
        """The commit records of an hour whose newest events are of minutes with first <= minute <= last."""
        pks = [table_keys.day_partition(project, hour[:10], shard) for shard in range(table_keys.SHARDS)]
        start = f"c#{hour[11:13]}"
        return [record_of(item) for item in self._table.query_each(pks, first=start + first, after=f"{start}{last}~")]

    def archived_in(self, chunks: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        """The archive object that each chunk's commit record names, by chunk_id; without those that have no
        record. `chunks` are (project, chunk_id).
        """
        evidence = self._evidence(chunks)
        shared = {
            chunk: table_keys.commit_record(chunk[0], item["i"]["S"]) for chunk, item in evidence.items() if "i" in item
        }
        records = self._table.get_many(list(shared.values()), attributes="pk, sk, o")
        # Of a record that has expired nobody can say what it named.
        named = {chunk: records.get(shared[chunk]) if chunk in shared else item for chunk, item in evidence.items()}
        return {chunk_id: item["o"]["S"] if "o" in item else None for (_, chunk_id), item in named.items() if item}

    def days(self, project: str) -> list[str]:
        """The days that have events, oldest first."""
        return sorted({item["sk"]["S"][:10] for item in self._table.query(table_keys.days_partition(project))})

    def counters(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        pks = [table_keys.day_partition(project, day, shard) for day in days for shard in range(table_keys.SHARDS)]
        return [counter_of(item) for item in self._table.query_each(pks, first="n#", after="n$")]

    def received(self, first: str, after: str) -> Committed:
        """What was committed of the chunks received in the hours with first <= hour < after."""
        pks = [table_keys.ledger_partition(shard) for shard in range(table_keys.SHARDS)]
        items = self._table.query_each(pks, first=first, after=after)
        return sum((Committed(*(int(item[name]["N"]) for name in "cnk")) for item in items), Committed())

    def marks(self) -> Iterator[Mark]:
        """The hours that gained events since their mark was last removed."""
        for shard in range(table_keys.SHARDS):
            for item in self._table.query(table_keys.marks_partition(shard)):
                project, _, hour = item["sk"]["S"].partition("#")
                yield Mark(project, hour, shard, item["k"]["S"])

    def remove_mark(self, mark: Mark) -> None:
        """Remove a mark, unless a commit has put it anew since it was read."""
        key = table_keys.mark(mark.project, mark.hour, mark.shard)
        self._table.delete_if(key, "k = :k", {":k": text(mark.token)})

    def note_failure(self, chunk: Chunk, failure: Failure) -> None:
        """Keep why a chunk failed last, for a month. Raises StoreFailed."""
        item = key_item(table_keys.failure_note(chunk.project, chunk.chunk_id)) | {
            "code": text(failure.code),
            "at": text(failure.at),
            "n": number(failure.deliveries),
            "x": number(int((timestamps.parse(failure.at) + _NOTE_RETENTION).timestamp())),
        }
        self._table.put(item)

    def failures(self, chunks: Iterable[tuple[str, str]]) -> dict[str, Failure]:
        """What was noted of the given chunks (project, chunk_id), by chunk_id."""
        wanted = {table_keys.failure_note(*chunk): chunk[1] for chunk in chunks}
        found = self._table.get_many(list(wanted))
        return {
            wanted[key]: Failure(item["code"]["S"], item["at"]["S"], int(item["n"]["N"])) for key, item in found.items()
        }

    def quarantine(self, entry: Quarantined) -> None:
        """List a quarantined message; the first entry stays. Raises StoreFailed."""
        self._table.put_if(quarantine_item(entry), "attribute_not_exists(pk)")

    def remove_quarantined(self, entry: Quarantined) -> None:
        self._table.delete(table_keys.quarantine_record(entry.project, entry.name))

    def quarantined(self) -> Iterator[Quarantined]:
        """The messages in quarantine of the whole stage, without chunks that were committed after all."""
        return (entry for entry, is_resolved in self._quarantine() if not is_resolved)

    def resolved(self) -> Iterator[Quarantined]:
        """The entries whose chunks were committed after all."""
        return (entry for entry, is_resolved in self._quarantine() if is_resolved)

    def _quarantine(self) -> Iterator[tuple[Quarantined, bool]]:
        entries = (quarantined_of(item) for item in self._table.query(table_keys.QUARANTINE))
        while batch := list(islice(entries, 100)):
            committed = self._evidence((each.project, each.name) for each in batch if each.project)
            yield from ((entry, (entry.project, entry.name) in committed) for entry in batch)

    def quarantine_code(self, project: str, chunk_id: str) -> str | None:
        item = self._table.get(table_keys.quarantine_record(project, chunk_id))
        return str(item["code"]["S"]) if item else None


def _fresh_id(minute: str) -> str:
    """Of a record that singles share: never used twice, since another attempt may share with others."""
    return mint_chunk_id(datetime.now(UTC), minute, os.urandom(10))
