"""The items of events, guards and pointers, and the owner that they name."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.adapters.items import Item, key_item, number, text
from chalicelib.core.chunk_id import NOBODY, minted_at, owner_of, single_id
from chalicelib.core.event import EventRef
from chalicelib.core.table_keys import Key


def event_item(key: Key, chunk_id: str, event_type: str, body: bytes, retention: timedelta) -> Item:
    """Return the item of an event.

    `body`: the packed stored form. `retention`: counts from when its chunk was minted.
    """
    expiry = int((minted_at(chunk_id) + retention).timestamp())
    return owned_item(key, chunk_id) | {"t": text(event_type), "b": {"B": body}, "x": number(expiry)}


def owned_item(key: Key, chunk_id: str) -> Item:
    """Return an item that names its owner in `c`. The item that is stored first decides who owns the event."""
    return key_item(key) | {"c": text(owner_of(chunk_id))}


def pointing_item(key: Key, chunk_id: str, ref: EventRef, expires: datetime) -> Item:
    """Return a guard or a pointer, which tells where its event is stored."""
    target = {"p": text(ref.time), "u": text(ref.user), "x": number(int(expires.timestamp()))}
    return owned_item(key, chunk_id) | target


def pointed_at(item: Item, event_id: str) -> EventRef | None:
    """Return where the event of a guard or pointer is stored; None for other items."""
    return EventRef(item["p"]["S"], item["u"]["S"], event_id) if "p" in item else None


def chunk_id_of(item: Item, ref: EventRef) -> str:
    """Return the chunk_id of an event's chunk. Only a single-event chunk's event names a shared record."""
    owner: str = item["c"]["S"]
    return single_id(owner, ref) if "i" in item else owner


def owner(item: Item) -> str:
    return NOBODY if "z" in item else str(item["c"]["S"])


def stands(item: Item) -> bool:
    """Return whether an item is an existing event. A pointer and the remains of an erased event are not."""
    return not item.keys() & {"p", "z"}
