"""The operator's commands as actors: erase, renew, replay and sweep."""

from __future__ import annotations

from proof import lifetimes
from proof.actors import Actor, Broken, judging
from proof.lifetimes import History
from proof.world import UNKNOWN, Chunk, Item, Line


def erase(user: str, now: int, history: History, broken: Broken) -> Actor:
    """Erase a person's events, then the person's lines in the archive. Write a receipt if no event was left."""
    is_complete = True
    standing = yield from _standing(user)
    if standing is None:
        return
    for place, item in standing:
        is_complete &= yield from _erase_event(place, item, broken)
    is_complete &= yield from _erase_lines(user, now, history, broken)
    answer = yield ("list", "quarantined")
    is_complete &= answer is not UNKNOWN and not any(
        event.user == user for _, chunk in answer for event in chunk.events
    )
    # The processor may have committed events meanwhile. The next run of the erasure erases them.
    if "no second look" not in broken:
        is_complete &= (yield from _standing(user)) == ()
    if is_complete:
        yield ("certify", user)


def _standing(user: str) -> Actor:
    """Return the items of the person's events that are not erased, by place. None: the query failed."""
    items = yield ("list", "item")
    if items is UNKNOWN:
        return None
    return tuple((key[1], item) for key, item in items if item.event and not item.is_erased and item.event.user == user)


def _erase_event(place: str, item: Item, broken: Broken) -> Actor:
    """Erase an event from its item, its commit record and the counters. Return False if the event is left."""
    answer = yield ("read", ("record", item.record or item.owner))
    if answer is UNKNOWN:
        return False
    (record,) = answer
    if record is None:
        return False  # a worker may still process the chunk, and would archive and count the event again
    erased = item._replace(event=None, is_erased=True)
    left = record._replace(owned=frozenset(event for event in record.owned if event.place != place))
    key = ("record", item.record or item.owner)
    counts = () if "the erased stays counted" in broken else ((item.event.identity, -1),) if item.event else ()
    mark = None if "no mark for an erasure" in broken else f"erasing {place}"
    answer = yield ("transact", ((("item", place), item, erased), (key, record, left)), counts, mark)
    if "an erasure deletes" in broken and answer == frozenset():
        yield ("put if", ("item", place), erased, None)
    if "an erasure takes the pointer" in broken:
        items = yield ("list", "item")
        for key, each in () if items is UNKNOWN else items:
            if each.target == place:
                yield ("put if", key, each, None)
    return answer == frozenset()


def _erase_lines(user: str, now: int, history: History, broken: Broken) -> Actor:
    """Rewrite the archive's objects without the person's lines. Return False if a line is left."""
    objects = yield ("list", "object")
    if objects is UNKNOWN:
        return False
    is_complete = True
    for key, lines in objects:
        keep = set()
        for line in lines:
            if line.event.user == user and not (yield from _is_erasable(line, now, history, broken)):
                keep.add(line)
                is_complete = False
        left = frozenset(line for line in lines if line.event.user != user or line in keep)
        if left != lines:
            answer = yield ("put if", key, lines, left)
            is_complete &= answer is True
    return is_complete


def _is_erasable(line: Line, now: int, history: History, broken: Broken) -> Actor:
    """Return whether no commit needs a line.

    Either the line's event is erased, or another chunk owns the event and the line's chunk is done.
    """
    # Read the commit before the event. If the chunk is seen as committed, its event is seen, too.
    is_done = yield from _is_done(line, now, history, broken)
    if is_done is UNKNOWN:
        return False
    answer = yield ("read", ("item", line.event.place))
    if answer is UNKNOWN:
        return False
    (item,) = answer
    if item is not None and item.event is not None:
        return item.owner != line.chunk and is_done
    return (item is not None and item.is_erased) or is_done


def _is_done(line: Line, now: int, history: History, broken: Broken) -> Actor:
    """Return whether a line's chunk is committed or can never be processed again.

    An operator may renew a chunk in the quarantine, so such a chunk is not done.
    """
    answer = yield ("read", ("record", line.chunk))
    if answer is UNKNOWN or answer[0] is not None:
        return UNKNOWN if answer is UNKNOWN else True
    if not lifetimes.is_settled(history, now, line.received):
        return False
    if "a renewed chunk is settled" in broken:
        return True
    answer = yield ("read", ("quarantined", line.chunk))
    if answer is UNKNOWN or answer[0] is not None:
        return UNKNOWN if answer is UNKNOWN else False
    # Only committed chunks leave the quarantine.
    return True


def renew(chunk_name: str, now: int, history: History, broken: Broken) -> Actor:
    """Send a quarantined chunk again with a new age, if every item that recognises its events lives longer."""
    answer = yield ("read", ("quarantined", chunk_name))
    if answer is UNKNOWN or answer[0] is None:
        return
    (chunk,) = answer
    if "renewed at any age" not in broken and lifetimes.may_expire(judging(history, broken), now, chunk.received):
        return
    receipts = yield ("list", "receipt")
    if receipts is UNKNOWN:
        return
    erased = {key[1] for key, (ended, _) in receipts if ended >= chunk.received}
    if "the erased is renewed" not in broken and any(event.user in erased for event in chunk.events):
        return
    name = f"{chunk.name} renewed" if "a new id for a renewed chunk" in broken else chunk.name
    yield ("send", chunk._replace(name=name, renewed=now))


def replay(now: int, history: History, broken: Broken) -> Actor:
    """Send the archived events that cannot have expired to the queue again, in chunks with new ids."""
    objects = yield ("list", "object")
    if objects is UNKNOWN:
        return
    for key, lines in objects:
        for line in sorted(lines, key=repr):
            event = line.event
            if "the expired is replayed" not in broken and lifetimes.may_expire(
                judging(history, broken), now, line.received
            ):
                continue
            answer = yield ("read", ("record", line.chunk))
            if answer is UNKNOWN or (answer[0] is not None and answer[0].archived_in != key[1]):
                continue
            # The archive keeps the place of an event, but not its pointers and guards.
            yield (
                "send",
                Chunk(f"replayed {line.chunk} {event.place}", now, line.received, (event._replace(firsts=()),)),
            )


def sweep(_now: int, _history: History, broken: Broken) -> Actor:
    """Delete an object if every chunk with a line in it is committed with another object."""
    objects = yield ("list", "object")
    if objects is UNKNOWN:
        return
    for key, lines in objects:
        is_orphan = bool(lines)
        for line in sorted(lines, key=repr):
            answer = yield ("read", ("record", line.chunk))
            if answer is UNKNOWN:
                return
            # Only a shared record names the object of a single-event chunk. The model never sweeps such objects.
            is_elsewhere = answer[0] is not None and answer[0].archived_in != key[1]
            is_orphan &= is_elsewhere or "sweep without evidence" in broken
        if is_orphan:
            yield ("put if", key, lines, None)
