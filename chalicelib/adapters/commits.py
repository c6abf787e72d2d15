"""The commit log: commit records, and what one transaction keeps in step with them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.table import Item, Table, add, key_item, number, text
from chalicelib.core import commit, keys, timestamps
from chalicelib.core.chunk import Chunk, minted_at
from chalicelib.core.commit import CommitRecord
from chalicelib.core.counting import HourCounter
from chalicelib.core.keys import Key, TouchedHour
from chalicelib.core.ledger import Committed
from chalicelib.core.parking import Failure, Quarantined

# Longer than a message can lie in the dead-letter queue after it failed: 14 days.
_NOTE_RETENTION = timedelta(days=30)


class CommitLog:
    """`retention`: how long a record is kept after its chunk was minted, when it was received or replayed."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> set[str]:
        """Try once to commit all records; answers the chunk_ids that are surely committed.

        Those committed before are among them, and then nothing else of this attempt was applied. The
        counters are computed from `records` at each call, so what was done before is not added again.
        """
        if attempt:
            self._table.back_off(attempt)
        try:
            self._table.client.transact_write_items(TransactItems=self._transaction(records))
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            return {
                record.chunk_id
                for record, reason in zip(records, reasons, strict=False)  # the records come first
                if reason.get("Code") == "ConditionalCheckFailed"
            }
        except BotoCoreError:
            return set()
        return {record.chunk_id for record in records}

    def _transaction(self, records: Sequence[CommitRecord]) -> list[Item]:
        # A shard of its own for each attempt: two workers rarely write the same counter at once.
        shard = random.randrange(keys.SHARDS)  # noqa: S311 - spreads load, no secret
        touched = commit.touched_hours(records)
        days = sorted({(project, hour[:10]) for project, hour in touched})
        increments = commit.increments(records)
        token = fresh_token()
        return [
            *(self._put_record(record) for record in records),
            *(self._add(keys.counter(*counter, shard), minutes) for counter, minutes in increments.items()),
            *(self._put(key_item(keys.touched_hour(project, hour, shard)) | token) for project, hour in touched),
            *(self._put(key_item(keys.day(project, day, shard))) for project, day in days),
            *(self._add_to_ledger(*entry, shard, sums) for entry, sums in commit.received_hours(records).items()),
        ]

    def _put(self, item: Item) -> Item:
        return {"Put": {"TableName": self._table.name, "Item": item}}

    def _put_record(self, record: CommitRecord) -> Item:
        expiry = minted_at(record.chunk_id) + self._retention
        item = key_item(keys.commit_record(record.project, record.chunk_id)) | {
            "n": number(record.accepted),
            "k": number(record.stored),
            "s": {"B": commit.pack_summary(record)},
            "r": text(record.received),
            "x": number(int(expiry.timestamp())),
        }
        if record.archive_object is not None:
            item["o"] = text(record.archive_object)
        put = self._put(item)
        put["Put"]["ConditionExpression"] = "attribute_not_exists(pk)"
        return put

    def _add(self, key: Key, minutes: dict[str, int]) -> Item:
        return add(self._table.name, key, {f"m{minute}": count for minute, count in minutes.items()})

    def _add_to_ledger(self, received_hour: str, project: str, shard: int, sums: Committed) -> Item:
        added = {"c": sums.chunks, "n": sums.accepted, "k": sums.stored}
        expiry = int((timestamps.parse(timestamps.window_start(received_hour)) + self._retention).timestamp())
        return add(self._table.name, keys.ledger(received_hour, project, shard), added, expiry)

    def committed(self, chunks: Iterable[Chunk]) -> set[str]:
        """The chunk_ids, of those given, that have a commit record."""
        wanted = {keys.commit_record(chunk.project, chunk.chunk_id): chunk.chunk_id for chunk in chunks}
        return {wanted[key] for key in self._table.get_many(list(wanted), attributes="pk, sk")}

    def record(self, project: str, chunk_id: str) -> CommitRecord | None:
        item = self._table.get(keys.commit_record(project, chunk_id))
        return _record(item) if item else None

    def records(self, project: str, window: str) -> list[CommitRecord]:
        """Every commit record of an hour (2015-05-17T10) or a day (2015-05-17)."""
        day, hour = window[:10], window[11:13]
        pks = [keys.day_partition(project, day, shard) for shard in range(keys.SHARDS)]
        return [_record(item) for item in self._table.query_each(pks, first=f"c#{hour}", after=f"c#{hour}~")]

    def archived_in(self, chunks: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        """The archive object that each chunk's commit record names, by chunk_id; without those that have no
        record. `chunks` are (project, chunk_id).
        """
        wanted = {keys.commit_record(project, chunk_id): chunk_id for project, chunk_id in chunks}
        found = self._table.get_many(list(wanted), attributes="pk, sk, o")
        return {wanted[key]: item["o"]["S"] if "o" in item else None for key, item in found.items()}

    def days(self, project: str) -> list[str]:
        """The days that have events, oldest first."""
        return sorted({item["sk"]["S"][:10] for item in self._table.query(keys.days_partition(project))})

    def counters(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        pks = [keys.day_partition(project, day, shard) for day in days for shard in range(keys.SHARDS)]
        return [_counter(item) for item in self._table.query_each(pks, first="n#", after="n$")]

    def received(self, first: str, after: str) -> Committed:
        """What was committed of the chunks received in the hours with first <= hour < after."""
        pks = [keys.ledger_partition(shard) for shard in range(keys.SHARDS)]
        items = self._table.query_each(pks, first=first, after=after)
        return sum((Committed(*(int(item[name]["N"]) for name in "cnk")) for item in items), Committed())

    def touched(self) -> Iterator[TouchedHour]:
        """The hours that gained events since their mark was last removed."""
        for shard in range(keys.SHARDS):
            for item in self._table.query(keys.touched_partition(shard)):
                project, _, hour = item["sk"]["S"].partition("#")
                yield TouchedHour(project, hour, shard, item["k"]["S"])

    def untouch(self, touched: TouchedHour) -> None:
        """Remove a mark, unless a commit has put it anew since it was read."""
        key = keys.touched_hour(touched.project, touched.hour, touched.shard)
        self._table.delete_if(key, "k = :k", {":k": text(touched.token)})

    def note_failure(self, chunk: Chunk, failure: Failure) -> None:
        """Keep why a chunk failed last, for a month. Raises StoreFailed."""
        item = key_item(keys.failure_note(chunk.project, chunk.chunk_id)) | {
            "code": text(failure.code),
            "at": text(failure.at),
            "n": number(failure.deliveries),
            "x": number(int((timestamps.parse(failure.at) + _NOTE_RETENTION).timestamp())),
        }
        self._table.put(item)

    def failures(self, chunks: Iterable[tuple[str, str]]) -> dict[str, Failure]:
        """What was noted of the given chunks (project, chunk_id), by chunk_id."""
        wanted = {keys.failure_note(*chunk): chunk[1] for chunk in chunks}
        found = self._table.get_many(list(wanted))
        return {
            wanted[key]: Failure(item["code"]["S"], item["at"]["S"], int(item["n"]["N"])) for key, item in found.items()
        }

    def quarantine(self, entry: Quarantined) -> None:
        """List a quarantined message; the first entry stays. Raises StoreFailed."""
        item = key_item(keys.quarantine_record(entry.project, entry.name)) | {
            "code": text(entry.code),
            "n": number(entry.accepted),
            "r": text(entry.received),
            "q": text(entry.quarantined),
            "o": text(entry.object_name),
        }
        self._table.put_if(item, "attribute_not_exists(pk)")

    def unquarantine(self, entry: Quarantined) -> None:
        self._table.delete(keys.quarantine_record(entry.project, entry.name))

    def quarantined(self) -> Iterator[Quarantined]:
        """The messages in quarantine of the whole stage, without chunks that were committed after all."""
        return (entry for entry, is_settled in self._quarantine() if not is_settled)

    def settled(self) -> Iterator[Quarantined]:
        """The entries whose chunks were committed after all."""
        return (entry for entry, is_settled in self._quarantine() if is_settled)

    def _quarantine(self) -> Iterator[tuple[Quarantined, bool]]:
        entries = (_quarantined(item) for item in self._table.query(keys.QUARANTINE))
        while batch := list(islice(entries, 100)):  # what one batched read takes
            wanted = [keys.commit_record(each.project, each.name) if each.project else None for each in batch]
            found = self._table.get_many([key for key in wanted if key], attributes="pk, sk")
            yield from ((entry, key in found) for entry, key in zip(batch, wanted, strict=True))

    def quarantine_code(self, project: str, chunk_id: str) -> str | None:
        item = self._table.get(keys.quarantine_record(project, chunk_id))
        return str(item["code"]["S"]) if item else None


def _quarantined(item: Item) -> Quarantined:
    project, _, name = item["sk"]["S"].partition("#")
    return Quarantined(
        project=project or None,
        name=name,
        code=item["code"]["S"],
        accepted=int(item["n"]["N"]),
        received=item["r"]["S"],
        quarantined=item["q"]["S"],
        object_name=item["o"]["S"],
    )


def fresh_token() -> Item:
    """What a mark on a touched hour holds: when it was put, and something that no other has."""
    return {"k": text(f"{time.time():.0f}-{uuid4().hex}")}


def update_record(table_name: str, before: CommitRecord, after: CommitRecord) -> Item:
    """The transaction's item that replaces what a record owns, if it still is as it was before."""
    return {
        "Update": {
            "TableName": table_name,
            "Key": key_item(keys.commit_record(before.project, before.chunk_id)),
            "UpdateExpression": "SET s = :summary, k = :stored, e = :erased",
            # A record only ever loses events: as many as before are the same as before.
            "ConditionExpression": "k = :before",
            "ExpressionAttributeValues": {
                ":summary": {"B": commit.pack_summary(after)},
                ":stored": number(after.stored),
                ":erased": number(after.erased),
                ":before": number(before.stored),
            },
        }
    }


def _record(item: Item) -> CommitRecord:
    owned, tallies = commit.unpack_summary(item["s"]["B"])
    return CommitRecord(
        project=item["pk"]["S"].partition("#")[0],
        chunk_id=item["sk"]["S"][5:],
        accepted=int(item["n"]["N"]),
        owned=owned,
        tallies=tallies,
        archive_object=item["o"]["S"] if "o" in item else None,
        received=item["r"]["S"],
        erased=int(item["e"]["N"]) if "e" in item else 0,
    )


def _counter(item: Item) -> HourCounter:
    day = item["pk"]["S"].split("#")[2]
    _, hour, event_type = item["sk"]["S"].split("#", 2)
    minutes = {name[1:]: int(value["N"]) for name, value in item.items() if name.startswith("m")}
    return HourCounter(f"{day}T{hour}", event_type, minutes)
