"""The invariants. Some hold in every state, and some hold when nothing is left to do."""

from __future__ import annotations

from collections import Counter

from proof.world import Chunk, Record, World


def always(world: World) -> str | None:
    """Return the violation of a state in which actors may still run, or None."""
    for key, value in world.items():
        if key[0] == "count" and value > 1:
            return f"{key[1]} was counted {value} times"
        if key[0] == "count" and value < 0:
            return f"the counters were reduced twice for {key[1]}"
        # An erasure may delete the lines of an expired event while its record still exists.
        is_live = key[0] == "record" and value.archived_in is not None and value.expiry > world["now",]
        if is_live and not _is_archived(world, key[1], value):
            return f"the record {key[1]} names an object without its events"
    return _erased_things_return(world)


def _is_archived(world: World, name: str, record: Record) -> bool:
    lines = world.get(("object", record.archived_in), frozenset())
    there = {line.event.place for line in lines if name.startswith("shared") or line.chunk == name}
    return {event.place for event in record.owned} <= there


def _erased_things_return(world: World) -> str | None:
    """Return a violation if an event exists although the receipt says that its person is erased.

    Events that were in the queue during the erasure are excepted: the next run erases them.
    """
    for key, value in world.items():
        if key[0] != "receipt":
            continue
        ended, queued = value
        unseen = queued - {
            m.chunk.name for k, m in world.items() if k[0] == "message" and (m.chunk.renewed or 0) > ended
        }
        for other, item in world.items():
            stands = other[0] == "item" and item.event and item.event.user == key[1]
            if stands and item.owner.removeprefix("replayed ").partition(" ")[0] not in unseen:
                return f"{key[1]} was erased, but the event {other[1]} exists"
    return None


def at_rest(world: World) -> str | None:
    """Return the violation of a state in which no message waits and no actor runs, or None."""
    return (
        always(world)
        or _accepted_and_not_counted(world)
        or _done_without_proof(world)
        or _not_in_one_record(world)
        or _report_is_behind(world)
    )


def _accepted_and_not_counted(world: World) -> str | None:
    """Return a violation if an accepted event was never counted. A counted event that was erased has a counter of 0."""
    for chunk in _chunks(world):
        for event in chunk.events:
            if ("count", event.identity) not in world and not _is_set_aside(world, event.identity):
                return f"the event {event.identity} was accepted, but never counted"
    return None


def _chunks(world: World) -> list[Chunk]:
    return [value.chunk for key, value in world.items() if key[0] == "message" and value.is_gone]


def _is_set_aside(world: World, identity: str) -> bool:
    """Return whether the quarantine holds an event in a chunk that was not renewed and then committed."""
    finished = {
        (chunk.events, chunk.minted)
        for chunk in _chunks(world)
        if chunk.renewed is not None and _is_proved(world, chunk)
    }
    quarantined = (chunk for key, chunk in world.items() if key[0] == "quarantined")
    return any(
        event.identity == identity
        for each in quarantined
        if (each.events, each.minted) not in finished
        for event in each.events
    )


def _done_without_proof(world: World) -> str | None:
    """Return a violation if a deleted message's chunk is neither committed nor in the quarantine."""
    for chunk in _chunks(world):
        if not _is_proved(world, chunk) and ("quarantined", chunk.name) not in world and ("expired",) not in world:
            return f"the chunk {chunk.name} is neither committed nor in the quarantine"
    return None


def _is_proved(world: World, chunk: Chunk) -> bool:
    item = world.get(("item", chunk.events[0].place))
    return ("record", chunk.name) in world or (chunk.is_single and item is not None and item.owner == chunk.name)


def _not_in_one_record(world: World) -> str | None:
    """Return a violation if an event is not in exactly one commit record, or is counted differently."""
    records = [value for key, value in world.items() if key[0] == "record"]
    owned = Counter(event.identity for record in records for event in record.owned)
    for identity, number in owned.items():
        if number > 1:
            return f"the event {identity} is in {number} commit records"
    for key, number in world.items():
        if key[0] == "count" and number != owned[key[1]] and ("expired",) not in world:
            return f"the event {key[1]} is counted {number} times, but is in {owned[key[1]]} commit records"
    for key, item in world.items():
        stands = key[0] == "item" and item.event and ("quarantined", item.owner) not in world
        if stands and item.event.identity not in owned and ("expired",) not in world:
            return f"the event {item.event.identity} exists, but is in no commit record"
    return None


def _report_is_behind(world: World) -> str | None:
    """Return a violation if the report differs from the commit records, and the hour has no mark.

    A report may keep the events of expired records.
    """
    if ("mark",) in world:
        return None
    owned = {event.identity for key, value in world.items() if key[0] == "record" for event in value.owned}
    _, seen = world.get(("report",), (0, frozenset()))
    if owned == seen or (("expired",) in world and owned < seen):
        return None
    return f"the report has {sorted(seen)}, the commit records have {sorted(owned)}, and there is no mark"
