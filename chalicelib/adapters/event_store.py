"""The event store: claims the identities of events, and reads events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.event_item import chunk_id_of, event_item, owner, pointed_at, pointing_item, stands
from chalicelib.adapters.items import Item, key_of, read_item, readable, text
from chalicelib.adapters.table import MAX_INSERTS, NotTogether, Table
from chalicelib.core import event_body, lifetimes, table_keys, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.event import Event, EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.table_keys import Key
from chalicelib.errors import StoreFailed


@dataclass(frozen=True, slots=True)
class _Row:
    """An item to insert. `owner`: the chunk that inserts it."""

    key: Key
    owner: str
    item: Item


class EventStore:
    """`retention`: returns how long events, pointers and guards are stored after their chunk was minted.

    `max_inserts`: the most inserts in one call. `side_by_side`: works like `map`, and may make its calls in parallel.
    """

    def __init__(
        self,
        table: Table,
        *,
        retention: Callable[[], timedelta],
        max_inserts: int = MAX_INSERTS,
        side_by_side: Callable[..., Iterable[Any]] = map,
    ) -> None:
        self._table = table
        self._retention = retention
        self._max_inserts = max_inserts
        self._side_by_side = side_by_side

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        """Insert each event unless its identity exists. Return the owner of each identity (`Chunk.owner`).

        None: the owner is unknown, and it is also unknown whether anything was written. A repeated claim returns the
        same owners, except for an erased event. It has no owner any more, so that no copy of its chunk archives it.

        An event's guards and pointer are inserted first. Only their owner inserts the event itself.
        """
        owners: list[str | None] = [chunk.owner for chunk, _ in claims]
        told_otherwise = [place for place, (_, event) in enumerate(claims) if not event.is_told_by_its_item]
        for row_of in (self._id_guard_row, self._guard_row, self._pointer_row):
            self._claim_for(told_otherwise, claims, owners, row_of)
        self._claim_for(range(len(claims)), claims, owners, self._event_row)
        return owners

    def _claim_for(
        self,
        places: Iterable[int],
        claims: Sequence[tuple[Chunk, Event]],
        owners: list[str | None],
        row_of: Callable[[Chunk, Event], _Row | None],
    ) -> None:
        """Insert a row for each claim whose chunk still owns the event.

        Then note the owner of each row as the owner of the claimed event.
        """
        rows = {
            place: row
            for place in places
            if owners[place] == claims[place][0].owner and (row := row_of(*claims[place]))
        }
        owners_of_rows = self._insert(list(rows.values()))
        for place, theirs in zip(rows, owners_of_rows, strict=True):
            owners[place] = theirs

    def _event_row(self, chunk: Chunk, event: Event) -> _Row:
        key = table_keys.event_item(chunk.project, event.ref)
        body = StoredEvent.of(event, chunk).body(event, chunk)
        return _Row(key, chunk.owner, event_item(key, chunk.chunk_id, event.event_type, body, self._retention()))

    def _id_guard_row(self, chunk: Chunk, event: Event) -> _Row | None:
        if not event.sole_id:
            return None
        return self._pointing(table_keys.id_guard_item(chunk.project, event.event_id), chunk, event, chunk.minted)

    def _guard_row(self, chunk: Chunk, event: Event) -> _Row | None:
        if not event.guarded:
            return None
        key = table_keys.guard_item(chunk.project, event.natural.user, event.event_id)
        return self._pointing(key, chunk, event, chunk.minted)

    def _pointer_row(self, chunk: Chunk, event: Event) -> _Row | None:
        natural = event.pointed_from
        if natural is None:
            return None
        lives_from = lifetimes.pointer_lives_from(chunk.minted, timestamps.parse(natural.time), self._retention())
        return self._pointing(table_keys.event_item(chunk.project, natural), chunk, event, lives_from)

    def _pointing(self, key: Key, chunk: Chunk, event: Event, lives_from: datetime) -> _Row:
        item = pointing_item(key, chunk.chunk_id, event.ref, lives_from + self._retention())
        return _Row(key, chunk.owner, item)

    def _insert(self, rows: Sequence[_Row]) -> list[str | None]:
        owners = list[str | None]()
        for distinct in _distinct(rows):
            starts = range(0, len(distinct), self._max_inserts)
            batches = [distinct[start : start + self._max_inserts] for start in starts]
            owners += [each for theirs in self._side_by_side(self._insert_batch, batches) for each in theirs]
        return owners

    def _insert_batch(self, rows: Sequence[_Row]) -> list[str | None]:
        """Insert rows with different keys in one call. Return the owner of each key, or None if it is unknown."""
        if len(rows) == 1:
            return [self._insert_alone(rows[0])]
        try:
            answers = self._table.insert_each([row.item for row in rows])
        except NotTogether:
            return [self._insert_alone(row) for row in rows]
        except StoreFailed:
            return [None] * len(rows)
        taken = [row.key for row, is_mine in zip(rows, answers, strict=True) if is_mine is False]
        found = self._owners_of(taken) if taken else {}
        return [
            row.owner if is_mine else None if is_mine is None else found.get(row.key)
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
            items, _ = self._table.get_answered(taken, attributes="pk, sk, c, z")
        except StoreFailed:
            return {}
        return {key: owner(item) for key, item in items.items()}

    def get(self, project: str, ref: EventRef) -> dict[str, Any] | None:
        """Return the event of a reference, or None.

        The reference names the event's key or its natural key. If the event has a guard, the reference may have another
        time than the event.
        """
        keys = (
            table_keys.event_item(project, ref),
            table_keys.guard_item(project, ref.user, ref.event_id),
            table_keys.id_guard_item(project, ref.event_id),
        )
        item = next((found for key in keys if (found := self._table.get(key))), None)
        target = pointed_at(item, ref.event_id) if item else None
        if target:
            item = self._table.get(table_keys.event_item(project, target))
        return read_item(item, _event) if item and stands(item) else None

    def get_many(self, project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        """Return events in the order of `refs`, without expired and erased events."""
        wanted = [table_keys.event_item(project, ref) for ref in refs]
        found = self._table.get_many(wanted)
        return list(readable((found[key] for key in wanted if key in found and stands(found[key])), _event))

    def of_user(self, project: str, user: str, *, first: str, after: str) -> Iterator[tuple[EventRef, dict[str, Any]]]:
        """Yield all events of a user with first <= sort key < after, newest first."""
        for ref, event in self.search(project, user, event_type=None, first=first, after=after, at_most=None):
            if event is not None:
                yield ref, event

    def search(
        self,
        project: str,
        user: str,
        *,
        event_type: str | None,
        first: str,
        after: str,
        at_most: int | None,
        page_items: int | None = None,
    ) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
        """Yield a user's events, newest first. `at_most`: the items to read, erased ones and other types included.

        If a search ends early, the last pair has the place where it stopped, and None instead of an event.
        `page_items`: the number of items to read first.
        """
        options: Item = {}
        if event_type is not None:
            options = {"FilterExpression": "t = :t", "ExpressionAttributeValues": {":t": text(event_type)}}
        pk = table_keys.user_partition(project, user)
        stopped_at = None
        for items, stopped_at in self._table.pages(  # noqa: B007 - used after the loop
            pk, first=first, after=after, newest_first=True, at_most=at_most, page_items=page_items, **options
        ):
            yield from readable(filter(stands, items), lambda item: (_ref(key_of(item)), _event(item)))
        if stopped_at is not None:
            yield _ref(Key(pk, stopped_at)), None


def _distinct(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """Cut rows before a repeated key: a call may hold a key only once, and the first of two rows must win."""
    distinct: dict[Key, _Row] = {}
    for row in rows:
        if row.key in distinct:
            yield list(distinct.values())
            distinct = {}
        distinct[row.key] = row
    if distinct:
        yield list(distinct.values())


def _ref(key: Key) -> EventRef:
    return table_keys.parse_event_item(key)[1]


def _event(item: Item) -> dict[str, Any]:
    project, ref = table_keys.parse_event_item(key_of(item))
    return event_body.unpack(item["b"]["B"], project, ref, item["t"]["S"], chunk_id_of(item, ref))
