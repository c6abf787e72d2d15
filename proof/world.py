"""What lies in AWS: the state of the model, and what one call does to it.

A world is a dictionary from keys to values, all of them immutable, so that two equal worlds are one state. Keys start
with a kind:

    ("now",)               the month
    ("lifetimes",)         ((since, months events are kept, months a chunk may be old), ...)
    ("message", number)    a Message: queued, or gone
    ("item", place)        an Item: an event, a pointer, a guard, or what an erasure left
    ("record", name)       a Record: what a commit owns, and where it is archived
    ("count", identity)    how often the counters have counted an event; they never expire
    ("object", name)       the lines of an archive object
    ("mark",), ("report",) the mark of the one hour there is, and its report
    ("minutes",)           how often some minutes have passed
    ("mark put",)          when the mark was put, in these
    ("hidden", name)       what a query still sees of a record that a transaction has just changed
    ("quarantined", chunk) a Chunk
    ("receipt", user)      the month in which an erasure of the user ended, and which chunks lay in the queue meanwhile
    ("erasing", user)      those that lay there when it began
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
    """`place`: where it is stored. `firsts`: the pointers and guards that are claimed before, in this order.

    `user`: whom it is stored under.
    """

    identity: str
    place: str
    user: str = "ann"
    firsts: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """`received`: when its events came; earlier than `minted` if it was made of archived events."""

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
    """`posted`: the month in which it comes to the queue."""

    chunk: Chunk
    posted: int
    is_gone: bool = False


class Item(NamedTuple):
    """`record`: of a single's event, the record that it shares. `target`: of a pointer or guard, the event's place."""

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
    """Return the world after a call, and the call's answer. A call is one step: nothing happens within it."""
    kind, *arguments = call
    after = dict(world)
    answer = _CALLS[kind](after, *arguments)
    return after, answer


def _read(world: World, *keys: tuple[Any, ...]) -> Any:
    return tuple(world.get(key) for key in keys)


def _list(world: World, kind: str) -> Any:
    """A query: read-committed, so that of a transaction it may see one item and not yet another."""
    seen = {key: world.get(("hidden", key[1]), value) for key, value in world.items() if key[0] == kind}
    found = [(key, value) for key, value in seen.items() if value is not None]
    return tuple(sorted(found, key=lambda entry: repr(entry[0])))


def _insert(world: World, place: str, item: Item) -> Any:
    """Put an item unless its key is taken. Answers the item that stands in the end."""
    return world.setdefault(("item", place), item)


def _put(world: World, key: tuple[Any, ...], value: Any) -> Any:
    world[key] = value
    return DONE


def _certify(world: World, user: str) -> Any:
    """Keep the receipt of an erasure. The model notes beside it which chunks nobody could see."""
    return _put(world, ("receipt", user), (world["now",], world["erasing", user] | _queued(world)))


def _queued(world: World) -> frozenset[str]:
    return frozenset(value.chunk.name for key, value in world.items() if key[0] == "message" and not value.is_gone)


def begin(world: World, command: tuple[str, ...]) -> World:
    """The world as a command begins. The model notes which chunks lie in the queue when an erasure does."""
    return {**world, ("erasing", command[1]): _queued(world)} if command[0] == "erase" else world


def minutes_later(world: World) -> World:
    """The world when every transaction that was applied is seen by all."""
    seen = {key: value for key, value in world.items() if key[0] != "hidden"}
    return {**seen, ("minutes",): world["minutes",] + 1} if ("minutes",) in world else seen


def _put_if(world: World, key: tuple[Any, ...], before: Any, value: Any) -> Any:
    """Put (None: delete) on condition that the value is still as it was before."""
    if world.get(key) != before:
        return False
    _put(world, key, value) if value is not None else world.pop(key, None)
    return True


def _transact(world: World, parts: tuple[tuple[Any, ...], ...], counts: tuple[tuple[str, int], ...], mark: Any) -> Any:
    """All parts (key, what must be there, what is put) or none. Answers the keys whose condition failed."""
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
