"""The item of an event: whoever inserts it, and what it says of its owner."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.adapters.table import Item, key_item, number, text
from chalicelib.core.chunk_id import minted_at, owner_of, single_id
from chalicelib.core.event import EventRef
from chalicelib.core.table_keys import Key

#: The owner of an erased event: no chunk's.
NOBODY = "erased"


def event_item(key: Key, chunk_id: str, event_type: str, body: bytes, retention: timedelta) -> Item:
    """`body`: the event as it is stored, packed with what the item says; `retention`: from when its chunk was
    minted.
    """
    expiry = int((minted_at(chunk_id) + retention).timestamp())
    return owned_item(key, chunk_id) | {"t": text(event_type), "b": {"B": body}, "x": number(expiry)}


def owned_item(key: Key, chunk_id: str) -> Item:
    """What says whose an event, or the guard of one, is: `c` of the item that stands in the end."""
    return key_item(key) | {"c": text(owner_of(chunk_id))}


def chunk_id_of(item: Item, ref: EventRef) -> str:
    """Of an event; only a single's names the record that it shares."""
    owner: str = item["c"]["S"]
    return single_id(owner, ref) if "i" in item else owner


def owner(item: Item) -> str:
    return str(item["c"]["S"]) if stands(item) else NOBODY


def stands(item: Item) -> bool:
    """Whether an event was not erased; what is left of one that was keeps its identity taken."""
    return "z" not in item
