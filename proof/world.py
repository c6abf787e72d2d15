"""The data in AWS: the state of the model, and the effect of a call on it.

A world is a dictionary of immutable keys and values, so that two equal worlds are one state. Keys start with a kind:

    ("now",)               the month
    ("lifetimes",)         ((since, months events are stored, the maximum chunk age in months), ...)
    ("message", number)    a Message: queued, or gone
    ("item", place)        an Item: an event, a pointer, a guard, or the rest of an erased event
    ("record", name)       a Record: the events that a commit owns, and the object that archives them
    ("count", identity)    the number of times that the counters have counted an event; counters never expire
    ("object", name)       the lines of an archive object
    ("mark",), ("report",) the mark of the only hour, and its report
    ("minutes",)           the number of times that some minutes have passed
    ("mark put",)          the value of ("minutes",) when the mark was put
    ("hidden", name)       the former record that a query still sees after a transaction has changed it
    ("quarantined", chunk) a Chunk
    ("receipt", user)      the month in which an erasure of the user ended, and the chunks that were queued meanwhile
    ("erasing", user)      the chunks that were queued when the erasure began
    ("expired",)           whether an item or record has expired
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

World = dict[tuple[Any, ...], Any]
Call = tuple[Any, ...]

UNKNOWN = "unknown"  # the answer of a call that may have been applied or not
DONE = "done"


class Event(NamedTuple):
    """An event. `place`: the key under which the event is stored. `user`: the user under whom it is stored.

    `firsts`: the places of the pointers and guards that an attempt claims before the event, in order.
    """

    identity: str
    place: str
    user: str = "ann"
    firsts: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """A chunk. `received`: when ingestion received its events. A replay mints a new chunk for old events."""

    name: str
    minted: int
    received: int
    events: tuple[Event, ...]
    is_single: bool = False
    renewed: int | None = None

    @property
    def age_counts_from(self) -> int:
        return self.minted if self.renewed is None else self.renewed


class Message(NamedTuple):
    """A message. `posted`: the month in which it arrives in the queue."""

    chunk: Chunk
    posted: int
    is_gone: bool = False


class Item(NamedTuple):
    """An item.

    `record`: the record that a single-event chunk's event names. `target`: the place of a pointer's event.
    """

    owner: str
    expiry: int
    event: Event | None = None
    record: str | None = None
    target: str | None = None
    is_erased: bool = False


class Record(NamedTuple):
    owned: frozenset[Event]
    archived_in: str | None
    expiry: int


class Line(NamedTuple):
    chunk: str
    event: Event
    received: int


def apply(world: World, call: Call) -> tuple[World, Any]:
    """Return the world after a call, and the call's answer. A call is atomic."""
    kind, *arguments = call
    after = dict(world)
    answer = _CALLS[kind](after, *arguments)
    return after, answer


def _read(world: World, *keys: tuple[Any, ...]) -> Any:
    return tuple(world.get(key) for key in keys)


def _list(world: World, kind: str) -> Any:
    """Query all keys of a kind. A query may see one item of a transaction before another item is visible."""
    seen = {key: world.get(("hidden", key[1]), value) for key, value in world.items() if key[0] == kind}
    found = [(key, value) for key, value in seen.items() if value is not None]
    return tuple(sorted(found, key=lambda entry: repr(entry[0])))


def _insert(world: World, place: str, item: Item) -> Any:
    """Put an item unless the key is taken. Return the item that is stored under the key afterwards."""
    return world.setdefault(("item", place), item)


def _put(world: World, key: tuple[Any, ...], value: Any) -> Any:
    world[key] = value
    return DONE


def _certify(world: World, user: str) -> Any:
    """Store the receipt of an erasure with the chunks that were in the queue, where the erasure could not see them."""
    return _put(world, ("receipt", user), (world["now",], world["erasing", user] | _queued(world)))


def _queued(world: World) -> frozenset[str]:
    return frozenset(value.chunk.name for key, value in world.items() if key[0] == "message" and not value.is_gone)


def begin(world: World, command: tuple[str, ...]) -> World:
    """Return the world when a command begins. For an erasure, note which chunks are in the queue."""
    return {**world, ("erasing", command[1]): _queued(world)} if command[0] == "erase" else world


def minutes_later(world: World) -> World:
    """Return the world in which every applied transaction is visible."""
    seen = {key: value for key, value in world.items() if key[0] != "hidden"}
    return {**seen, ("minutes",): world["minutes",] + 1} if ("minutes",) in world else seen


def _put_if(world: World, key: tuple[Any, ...], before: Any, value: Any) -> Any:
    """Put a value, or delete the key for None, if the current value is `before`."""
    if world.get(key) != before:
        return False
    _put(world, key, value) if value is not None else world.pop(key, None)
    return True


def _transact(world: World, parts: tuple[tuple[Any, ...], ...], counts: tuple[tuple[str, int], ...], mark: Any) -> Any:
    """Apply all parts (key, required value, new value) or none. Return the keys whose condition failed."""
    failed = frozenset(key for key, before, _ in parts if before is not ANYTHING and world.get(key) != before)
    if failed:
        return failed
    for key, _, value in parts:
        if mark and key[0] == "record" and ("minutes",) in world:
            world["hidden", key[1]] = world.get(key)
        world[key] = value
    _count(world, counts)
    if mark:
        world["mark",] = mark
        if ("minutes",) in world:
            world["mark put",] = world["minutes",]
    return frozenset()


def _count(world: World, counts: tuple[tuple[str, int], ...]) -> Any:
    for identity, number in counts:
        world["count", identity] = world.get(("count", identity), 0) + number
    return DONE


def _acknowledge(world: World, number: int) -> Any:
    world["message", number] = world["message", number]._replace(is_gone=True)
    return DONE


def _send(world: World, chunk: Chunk) -> Any:
    number = sum(key[0] == "message" for key in world)
    world["message", number] = Message(chunk, world["now",])
    return DONE


ANYTHING = "anything"
_CALLS: dict[str, Callable[..., Any]] = {
    "read": _read,
    "list": _list,
    "insert": _insert,
    "put": _put,
    "certify": _certify,
    "put if": _put_if,
    "transact": _transact,
    "count": _count,
    "acknowledge": _acknowledge,
    "send": _send,
}
#: Calls that change nothing.
READS = {"read", "list"}
