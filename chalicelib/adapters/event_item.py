"""The item of an event: whoever inserts it, and what it says of its owner."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.adapters.items import Item, key_item, number, text
from chalicelib.core.chunk_id import NOBODY, minted_at, owner_of, single_id
from chalicelib.core.event import EventRef
from chalicelib.core.table_keys import Key


def event_item(key: Key, chunk_id: str, event_type: str, body: bytes, retention: timedelta) -> Item:
    """`body`: the event as it is stored, packed with what the item says; `retention`: from when its chunk was
    minted.
    """
    expiry = int((minted_at(chunk_id) + retention).timestamp())
    return owned_item(key, chunk_id) | {"t": text(event_type), "b": {"B": body}, "x": number(expiry)}


def owned_item(key: Key, chunk_id: str) -> Item:
    """What says whose an event, its guard or its pointer is: `c` of the item that stands in the end."""
    return key_item(key) | {"c": text(owner_of(chunk_id))}


def pointing_item(key: Key, chunk_id: str, ref: EventRef, expires: datetime) -> Item:
    """A guard or a pointer, which says where its event lies."""
    target = {"p": text(ref.time), "u": text(ref.user), "x": number(int(expires.timestamp()))}
    return owned_item(key, chunk_id) | target


def pointed_at(item: Item, event_id: str) -> EventRef | None:
    """Where the event of a guard or pointer lies; None for another item."""
    return EventRef(item["p"]["S"], item["u"]["S"], event_id) if "p" in item else None


def chunk_id_of(item: Item, ref: EventRef) -> str:
    """Of an event; only a single's names the record that it shares."""
    owner: str = item["c"]["S"]
    return single_id(owner, ref) if "i" in item else owner


def owner(item: Item) -> str:
    return NOBODY if "z" in item else str(item["c"]["S"])


def stands(item: Item) -> bool:
    """Whether an item is an event: no pointer, nor what an erased event leaves, which keeps its identity taken."""
    return not item.keys() & {"p", "z"}
