"""The quarantine: each whole message is an object of the bucket, with an entry in the table.

Entries are also sorted by time and counted in sums. So the size of the quarantine is known without reading all of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.items import Item, add_part, key_item, key_of, number, put_part, readable, text
from chalicelib.adapters.table import Cancelled, Table
from chalicelib.core import commit, retries, table_keys
from chalicelib.core.chunk_id import check_id
from chalicelib.core.failures import REASONS, Quarantined
from chalicelib.core.ledger import Amount
from chalicelib.core.table_keys import Key


class Quarantine:
    """`commits`: shows which chunks have been committed meanwhile. Every method raises StoreFailed."""

    def __init__(self, table: Table, bucket: Bucket, commits: CommitLog) -> None:
        self._table = table
        self._bucket = bucket
        self._commits = commits

    def add(self, entry: Quarantined, content: str) -> None:
        """Store a message, list it and count it. An existing entry stays as it is.

        The object is written first, so that no entry exists without its object.
        """
        self._bucket.put_json(_object_name(entry), content)
        listed = _attributes(entry)
        put = put_part(key_item(_key(entry)) | listed, "attribute_not_exists(pk)")
        self._change(entry, [put, put_part(key_item(_place(entry)) | listed)], 1)

    def content(self, entry: Quarantined) -> str | None:
        """Return the stored object of a message, or None if it has left the quarantine meanwhile."""
        found = self._bucket.get(_object_name(entry))
        return found[0].decode() if found else None

    def remove(self, entry: Quarantined) -> None:
        """Remove a message and its entry. The entry goes last, so that a failed removal is tried again."""
        self._bucket.delete(_object_name(entry))
        delete = {"Key": key_item(_key(entry)), "ConditionExpression": "attribute_exists(pk)"}
        self._change(entry, [{"Delete": delete}, {"Delete": {"Key": key_item(_place(entry))}}], -1)

    def _change(self, entry: Quarantined, parts: list[Item], entries: int) -> None:
        """Add or remove an entry, and count it. Does nothing if the change is already done."""
        for attempt in range(retries.QUARANTINE.attempts):
            if attempt:
                self._table.back_off(attempt, retries.QUARANTINE)
            try:
                self._table.transact([*parts, *_sum_parts(entry, entries)])
            except Cancelled as cancelled:
                if not cancelled.passes or attempt + 1 == retries.QUARANTINE.attempts:
                    raise
            else:
                return

    def count(self) -> int:
        """Return the number of messages in the quarantine. It includes messages of recently committed chunks."""
        return self._sum(*table_keys.QUARANTINE_TOTALS).chunks

    def received(self, first: str, after: str) -> Amount:
        """Return the sums of the chunks that ingestion received in the hours with first <= hour < after."""
        return self._sum(first, after)

    def _sum(self, first: str, after: str) -> Amount:
        sums = readable(self._table.query(table_keys.QUARANTINE_SUMS, first=first, after=after), _amount)
        return sum(sums, Amount())

    def newest(self, at_most: int) -> list[Quarantined]:
        """Return the newest entries, newest first."""
        items = self._table.query(table_keys.QUARANTINE_BY_TIME, newest_first=True, Limit=at_most)
        return list(islice(readable(items, _entry), at_most))

    def waiting(self) -> Iterator[Quarantined]:
        """Yield the entries of the whole stage, except those whose chunks have been committed meanwhile."""
        entries = readable(self._table.query(table_keys.QUARANTINE), _entry)
        while batch := list(islice(entries, 100)):
            committed = self._committed(batch)
            yield from (entry for entry in batch if entry not in committed)

    def look_for_committed(self, at_most: int) -> list[Quarantined]:
        """Examine the entries after those of the last call. Return the entries whose chunks are committed meanwhile."""
        place = self._table.get(table_keys.QUARANTINE_TURN) or {}
        start = place.get("p", {}).get("S", "")
        items = list(islice(self._table.query(table_keys.QUARANTINE, first=start, Limit=at_most), at_most))
        end = f"{key_of(items[-1]).sk}\0" if len(items) == at_most else ""
        if end != start:  # saved first: an entry that cannot be removed must not block the others
            self._table.put(key_item(table_keys.QUARANTINE_TURN) | {"p": text(end)})
        return self._committed(list(readable(items, _entry)))

    def _committed(self, entries: list[Quarantined]) -> list[Quarantined]:
        committed = self._commits.committed((each.project, each.name) for each in entries if each.project)
        return [entry for entry in entries if (entry.project, entry.name) in committed]

    def code_of(self, project: str, chunk_id: str) -> str | None:
        """Return why a chunk is in the quarantine, or None if it is not."""
        item = self._table.get(table_keys.quarantine_record(project, chunk_id))
        return str(item["code"]["S"]) if item else None


def _key(entry: Quarantined) -> Key:
    return table_keys.quarantine_record(entry.project, entry.name)


def _place(entry: Quarantined) -> Key:
    return table_keys.quarantine_place(entry.quarantined, entry.project, entry.name)


def _object_name(entry: Quarantined) -> str:
    return f"quarantine/{'' if entry.project else 'undecodable/'}{entry.name}.json"


def _attributes(entry: Quarantined) -> Item:
    return {
        "code": text(entry.code),
        "n": number(entry.accepted),
        "r": text(entry.received),
        "q": text(entry.quarantined),
    }


def _sum_parts(entry: Quarantined, entries: int) -> list[Item]:
    """Return parts that add to the sums `c` (entries) and `n` (events), in total and by hour for the ledger."""
    shard = random.randrange(table_keys.SHARDS)  # noqa: S311 - spreads load, no secret
    hours = commit.in_ledger([(entry.received, entry.name)]) if entry.project else []
    sums = {"c": entries, "n": entries * entry.accepted}
    return [add_part(table_keys.quarantine_sums(hour, shard), sums) for hour in (None, *(hour for hour, _ in hours))]


def _amount(item: Item) -> Amount:
    return Amount(int(item["c"]["N"]), int(item["n"]["N"]))


def _entry(item: Item) -> Quarantined:
    key = key_of(item)
    is_place = key.pk == table_keys.QUARANTINE_BY_TIME
    project, name = (table_keys.parse_quarantine_place if is_place else table_keys.parse_quarantine_record)(key)
    code = item["code"]["S"]
    if code not in REASONS:
        raise ValueError("no reason for which a message is kept")
    if project:
        check_id(name)
    return Quarantined(
        project=project,
        name=name,
        code=code,
        accepted=int(item["n"]["N"]),
        received=item["r"]["S"],
        quarantined=item["q"]["S"],
    )
