"""Failure notes: why a chunk failed last, for operators who find it in the dead-letter queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from chalicelib.adapters.items import Item, key_item, key_of, number, readable, text
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import REASONS, Failure


class FailureNotes:
    """`retention`: how long a note is stored after the failure."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def save(self, chunk: Chunk, failure: Failure) -> None:
        """Save why a chunk failed last. Raises StoreFailed."""
        item = key_item(table_keys.failure_note(chunk.project, chunk.chunk_id)) | {
            "code": text(failure.code),
            "at": text(failure.at),
            "n": number(failure.deliveries),
            "x": number(int((timestamps.parse(failure.at) + self._retention).timestamp())),
        }
        self._table.put(item)

    def of(self, chunks: Iterable[tuple[str, str]]) -> dict[str, Failure]:
        """Return the failure notes of chunks (project, chunk_id), by chunk_id."""
        wanted = {table_keys.failure_note(*chunk): chunk[1] for chunk in chunks}
        found = self._table.get_many(list(wanted))
        return dict(readable(found.values(), lambda item: (wanted[key_of(item)], _failure(item))))


def _failure(item: Item) -> Failure:
    failure = Failure(item["code"]["S"], item["at"]["S"], int(item["n"]["N"]))
    if failure.code not in REASONS:
        raise ValueError("no reason for which a chunk fails")
    timestamps.parse(failure.at)
    return failure
