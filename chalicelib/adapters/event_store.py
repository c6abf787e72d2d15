"""The event store: claims identities, and reads events back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.adapters.event_item import chunk_id_of, event_item, owned_item, owner, stands
from chalicelib.adapters.table import MAX_INSERTS, Item, Table, key_of, number, read_item, readable, text
from chalicelib.core import event_body, table_keys
from chalicelib.core.chunk import Chunk
from chalicelib.core.event import Event, EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.table_keys import Key
from chalicelib.errors import StoreFailed


@dataclass(frozen=True, slots=True)
class _Row:
    """An item to insert for its owner, a chunk."""

    key: Key
    owner: str
    item: Item


class EventStore:
    """`retention`: how long events and guards are kept after their chunk was minted, when it was received or replayed.

    `max_inserts`: inserts of one call.
    """

    def __init__(
        self,
        table: Table,
        *,
        retention: Callable[[], timedelta],
        max_inserts: int = MAX_INSERTS,
    ) -> None:
        self._table = table
        self._retention = retention
        self._max_inserts = max_inserts

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        """Insert each event unless its identity exists, and answer who owns each identity (`Chunk.owner`).

        None: unknown, whether or not something was written. Claiming again gives the same owners, but for an
        erased event: nobody owns it any more, not even its chunk, whose copies must not archive it again.
        """
        guarded = [position for position, (_, event) in enumerate(claims) if event.guarded]
        owners: list[str | None] = [chunk.owner for chunk, _ in claims]
        for position, theirs in zip(guarded, self._insert([self._guard_row(*claims[p]) for p in guarded]), strict=True):
            owners[position] = theirs
        mine = [position for position, (chunk, _) in enumerate(claims) if owners[position] == chunk.owner]
        for position, theirs in zip(mine, self._insert([self._event_row(*claims[p]) for p in mine]), strict=True):
            owners[position] = theirs
        return owners

    def _event_row(self, chunk: Chunk, event: Event) -> _Row:
        key = table_keys.event_item(chunk.project, event.ref)
        body = StoredEvent.of(event, chunk).body(event, chunk)
        return _Row(key, chunk.owner, event_item(key, chunk.chunk_id, event.event_type, body, self._retention()))

    def _guard_row(self, chunk: Chunk, event: Event) -> _Row:
        expiry = int((chunk.minted + self._retention()).timestamp())
        attributes = {"t": text(event.time), "x": number(expiry)}
        key = table_keys.guard_item(chunk.project, event.user, event.event_id)
        if event.sole_id:
            attributes["u"] = text(event.user)
            key = table_keys.id_guard_item(chunk.project, event.event_id)
        return _Row(key, chunk.owner, owned_item(key, chunk.chunk_id) | attributes)

    def _insert(self, rows: Sequence[_Row]) -> list[str | None]:
        owners: list[str | None] = []
        for batch in _batches(rows, self._max_inserts):
            owners += [self._insert_alone(batch[0])] if len(batch) == 1 else self._insert_batch(batch)
        return owners

    def _insert_batch(self, rows: Sequence[_Row]) -> list[str | None]:
        try:
            answers = self._table.insert_each([row.item for row in rows])
        except StoreFailed:
            return [None] * len(rows)
        taken = [row.key for row, is_mine in zip(rows, answers, strict=True) if is_mine is False]
        found = self._owners_of(taken) if taken else {}
        return [
            self._insert_alone(row) if is_mine is None else row.owner if is_mine else found.get(row.key)
            for row, is_mine in zip(rows, answers, strict=True)
        ]

    def _insert_alone(self, row: _Row) -> str | None:
        try:
            there = self._table.insert(row.item)
        except StoreFailed:
            return None
        return owner(there) if there else row.owner

    def _owners_of(self, taken: Sequence[Key]) -> dict[Key, str]:
        try:
            items = self._table.get_many(taken, attributes="pk, sk, c, z")
        except StoreFailed:
            return {}
        return {key: owner(item) for key, item in items.items()}

    def get(self, project: str, ref: EventRef) -> dict[str, Any] | None:
        """One event; also where `ref` has the time, or the user, of a retry of a guarded event."""
        item = self._table.get(table_keys.event_item(project, ref))
        if item is None:
            guard_items = (
                table_keys.guard_item(project, ref.user, ref.event_id),
                table_keys.id_guard_item(project, ref.event_id),
            )
            guard = next((found for key in guard_items if (found := self._table.get(key))), None)
            if guard is None:
                return None
            user = guard["u"]["S"] if "u" in guard else ref.user
            item = self._table.get(table_keys.event_item(project, EventRef(guard["t"]["S"], user, ref.event_id)))
        return read_item(item, _event) if item and stands(item) else None

    def get_many(self, project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        """The events of `refs` in their order, without those that expired or were erased."""
        wanted = [table_keys.event_item(project, ref) for ref in refs]
        found = self._table.get_many(wanted)
        return list(readable((found[key] for key in wanted if key in found and stands(found[key])), _event))

    def of_user(self, project: str, user: str, *, first: str, after: str) -> Iterator[tuple[EventRef, dict[str, Any]]]:
        """A user's events with first <= sort key < after, newest first, however many there are."""
        for ref, event in self.search(project, user, event_type=None, first=first, after=after, at_most=None):
            if event is not None:
                yield ref, event

    def search(
        self, project: str, user: str, *, event_type: str | None, first: str, after: str, at_most: int | None
    ) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
        """Those of one type, among the first `at_most` items: erased ones and other types are read too.

        Where the search ends early, the last it yields is how far it came, and None.
        """
        options: Item = {}
        if event_type is not None:
            options = {"FilterExpression": "t = :t", "ExpressionAttributeValues": {":t": text(event_type)}}
        pk = table_keys.user_partition(project, user)
        stopped_at = None
        for items, stopped_at in self._table.pages(  # noqa: B007 - where the last page ended
            pk, first=first, after=after, newest_first=True, at_most=at_most, **options
        ):
            yield from readable(filter(stands, items), lambda item: (_ref(key_of(item)), _event(item)))
        if stopped_at is not None:
            yield _ref(Key(pk, stopped_at)), None


def _batches(rows: Sequence[_Row], size: int) -> Iterator[list[_Row]]:
    """Batches of one call each, of at most this size; a key comes at most once in a call, as DynamoDB demands."""
    batch: dict[Key, _Row] = {}
    for row in rows:
        if row.key in batch or len(batch) == size:
            yield list(batch.values())
            batch = {}
        batch[row.key] = row
    if batch:
        yield list(batch.values())


def _ref(key: Key) -> EventRef:
    return table_keys.parse_event_item(key)[1]


def _event(item: Item) -> dict[str, Any]:
    project, ref = table_keys.parse_event_item(key_of(item))
    return event_body.unpack(item["b"]["B"], project, ref, item["t"]["S"], chunk_id_of(item, ref))
