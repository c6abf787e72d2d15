"""Takes events out of the table, their commit record and the counters in one step, and keeps their identity."""

from __future__ import annotations

import random
from collections.abc import Sequence

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, translated_errors
from chalicelib.adapters.record_item import fresh_token, update_record
from chalicelib.adapters.table import Item, Table, add, key_item, text
from chalicelib.core import commit, table_keys
from chalicelib.core.chunk import owner_of
from chalicelib.core.commit import CommitRecord
from chalicelib.core.event import Event
from chalicelib.core.table_keys import EventRef


class Erasure:
    def __init__(self, table: Table) -> None:
        self._table = table

    def erase(
        self, project: str, chunk_id: str, events: Sequence[Event], record: CommitRecord | None, *, attempt: int = 0
    ) -> bool:
        """Try once to erase events that stand and belong to one chunk, all or none; False if something has
        changed since they and the chunk's record were read. Takes at most MAX_ERASED_AT_ONCE.

        `record` is None where the chunk has none, and never will.
        """
        if attempt:
            self._table.back_off(attempt)
        items = [self._tombstone(project, chunk_id, event) for event in events]
        if record is not None:
            items += self._forget(record, commit.without(record, events))
        with translated_errors():
            try:
                self._table.client.transact_write_items(TransactItems=items)
            except ClientError as error:
                if error_code(error) == "TransactionCanceledException":
                    return False
                raise
        return True

    def _tombstone(self, project: str, chunk_id: str, event: Event) -> Item:
        return {
            "Update": {
                "TableName": self._table.name,
                "Key": key_item(table_keys.event_item(project, event.ref)),
                "UpdateExpression": "SET z = :true REMOVE b, t",
                "ConditionExpression": "c = :c AND attribute_not_exists(z)",
                "ExpressionAttributeValues": {":c": text(owner_of(chunk_id)), ":true": {"BOOL": True}},
            }
        }

    def _forget(self, before: CommitRecord, after: CommitRecord) -> list[Item]:
        shard = random.randrange(table_keys.SHARDS)  # noqa: S311 - spreads load, no secret
        mark = key_item(table_keys.mark(before.project, before.hour, shard)) | fresh_token()
        return [
            update_record(self._table.name, before, after),
            *(
                add(
                    self._table.name,
                    table_keys.counter(*counter, shard),
                    {f"m{minute}": count for minute, count in minutes.items()},
                )
                for counter, minutes in commit.decrements(before, after).items()
            ),
            {"Put": {"TableName": self._table.name, "Item": mark}},
        ]

    def standing(self, project: str, refs: Sequence[EventRef]) -> dict[EventRef, bool]:
        """Whether each event stands or was erased; without those of which the table knows nothing."""
        wanted = {table_keys.event_item(project, ref): ref for ref in refs}
        found = self._table.get_many(list(wanted), attributes="pk, sk, z")
        return {wanted[key]: "z" not in item for key, item in found.items()}
