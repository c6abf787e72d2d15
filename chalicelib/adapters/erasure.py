"""Erases events in one step: from the table, from their commit record and from the counters.

Their identities stay taken.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.counters import counter_parts
from chalicelib.adapters.event_item import stands
from chalicelib.adapters.items import Item, key_item, text
from chalicelib.adapters.marks import mark_parts
from chalicelib.adapters.record_item import update_part
from chalicelib.adapters.table import Cancelled, Table
from chalicelib.core import commit, retries, table_keys
from chalicelib.core.chunk_id import owner_of
from chalicelib.core.commit import CommitRecord
from chalicelib.core.event import Event, EventRef


class Erasure:
    def __init__(self, table: Table, bucket: Bucket) -> None:
        self._table = table
        self._bucket = bucket

    def erase(
        self, project: str, chunk_id: str, events: Sequence[Event], record: CommitRecord | None, *, attempt: int = 0
    ) -> bool:
        """Try once to erase events of one chunk, all or none. Takes at most MAX_ERASED_AT_ONCE events.

        Returns False if an event or the record has changed since it was read, or if other writes were in the way.
        `record`: None if the chunk has no commit record and cannot get one any more.
        """
        if attempt:
            self._table.back_off(attempt, retries.ERASE)
        items = [self._tombstone(project, chunk_id, event) for event in events]
        if record is not None:
            items += self._forget(record, commit.without(record, events))
        try:
            return not self._table.transact(items)
        except Cancelled as cancelled:
            if cancelled.passes:
                return False
            raise

    def _tombstone(self, project: str, chunk_id: str, event: Event) -> Item:
        return {
            "Update": {
                "Key": key_item(table_keys.event_item(project, event.ref)),
                "UpdateExpression": "SET z = :true REMOVE b, t",
                "ConditionExpression": "c = :c AND attribute_not_exists(z)",
                "ExpressionAttributeValues": {":c": text(owner_of(chunk_id)), ":true": {"BOOL": True}},
            }
        }

    def _forget(self, before: CommitRecord, after: CommitRecord) -> list[Item]:
        shard = random.randrange(table_keys.SHARDS)  # noqa: S311 - spreads load, no secret
        return [
            update_part(before, after),
            *counter_parts(commit.decrements(before, after), shard),
            *mark_parts([(before.project, before.hour)], shard),
        ]

    def save_receipt(self, name: str, receipt: str) -> None:
        self._bucket.put_json(f"erasures/{name}.json", receipt)

    def receipts(self) -> list[str]:
        """Return the names of all receipts of erasures."""
        return [each.name.removeprefix("erasures/").removesuffix(".json") for each in self._bucket.find("erasures/")]

    def standing(self, project: str, refs: Sequence[EventRef]) -> dict[EventRef, bool]:
        """Map each event to whether it exists (True) or was erased (False). Events without an item are left out."""
        wanted = {table_keys.event_item(project, ref): ref for ref in refs}
        found = self._table.get_many(list(wanted), attributes="pk, sk, p, z")
        return {wanted[key]: stands(item) for key, item in found.items() if "p" not in item}
