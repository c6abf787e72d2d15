"""The processor and the aggregator as actors. An actor is a generator: it yields a call, and receives the answer.

The next call of an actor depends only on the actor's arguments and on the answers so far. An actor may die between any
two calls. `broken`: the names of rules that are broken on purpose (mutations.py), none for the real protocol.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from proof import lifetimes
from proof.lifetimes import History
from proof.world import ANYTHING, UNKNOWN, Call, Chunk, Event, Item, Line, Message, Record

Actor = Generator[Call, Any, Any]
Broken = frozenset[str]

_ATTEMPTS = 2
#: The owner of an erased item.
NOBODY = "nobody"


class Job:
    """A chunk of a batch. `numbers`: the numbers of the chunk's messages. `owned`: the events that the chunk owns."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.numbers: list[int] = []
        self.owned: tuple[Event, ...] = ()


# --- the processor


def process(me: str, batch: Sequence[tuple[int, Message]], now: int, history: History, broken: Broken) -> Actor:
    """Process the chunks of a batch, and then delete the messages of the chunks that are done."""
    if "acknowledge first" in broken:
        for number, _ in batch:
            yield ("acknowledge", number)
    judged_by = judging(history, broken)
    young, done = [], list[Job]()
    for job in _merge(batch, me, broken):
        is_old = lifetimes.is_too_old(judged_by, now, job.chunk.minted, job.chunk.age_counts_from)
        if not is_old or "no maximum age" in broken:
            young.append(job)
        elif (yield from _quarantine(job.chunk)):
            done.append(job)
    for turn, part in enumerate(_in_turn(young)):
        done += yield from _process_part(part, f"{me}.{turn}", history, broken)
    for job in done:
        for number in job.numbers:
            yield ("acknowledge", number)


def _process_part(jobs: Sequence[Job], name: str, history: History, broken: Broken) -> Actor:
    """Look, claim, archive and commit. Return the jobs that are done."""
    done, claimed = [], list[Job]()
    for job in jobs:
        looked = yield from _look(job)
        if looked == "committed":
            done.append(job)
        elif looked == "not committed" and (
            job.chunk.is_single or (yield from _claim(job, _kept_until(job.chunk, history, broken), broken))
        ):
            claimed.append(job)
    object_name = "shared" if "one name for objects" in broken else f"object of {name}"
    if not (yield from _archive(claimed, object_name, broken)):
        return done
    committed = yield from _commit(claimed, object_name, name, history, broken)
    if "archive after the commit" in broken and committed:
        yield ("put", ("object", object_name), _lines(committed))
    return done + committed


def _merge(batch: Sequence[tuple[int, Message]], me: str, broken: Broken) -> list[Job]:
    """Return one job for each chunk. If the batch has several copies of a chunk, the youngest copy counts."""
    jobs: dict[str, Job] = {}
    for number, message in batch:
        chunk = message.chunk
        if "an id for each delivery" in broken:
            chunk = chunk._replace(name=f"{chunk.name} by {me}")
        job = jobs.setdefault(chunk.name, Job(chunk))
        job.numbers.append(number)
        if chunk.age_counts_from > job.chunk.age_counts_from:
            job.chunk = chunk
    return list(jobs.values())


def judging(history: History, broken: Broken) -> History:
    """Return the lifetimes by which the actors judge ages."""
    return history[-1:] if "today's lifetimes judge" in broken else history


def _kept_until(chunk: Chunk, history: History, broken: Broken) -> tuple[int, int]:
    """Return when an event of this chunk expires, and when the event's guard or pointer expires."""
    kept = chunk.minted + history[-1].events
    return kept, chunk.minted + 2 if "guards expire earlier" in broken else kept


def _quarantine(chunk: Chunk) -> Actor:
    """Put a chunk into the quarantine unless it is committed. Return False if the outcome is unknown."""
    record = yield ("read", ("record", chunk.name), ("item", chunk.events[0].place))
    if record is UNKNOWN:
        return False
    if record[0] is None and not (chunk.is_single and _is_of(record[1], chunk)):
        answer = yield ("put if", ("quarantined", chunk.name), None, chunk)
        return answer is not UNKNOWN
    return True


def _is_of(item: Item | None, chunk: Chunk) -> bool:
    """Return whether a single-event chunk's event proves its commit."""
    return item is not None and item.owner == chunk.name and item.record is not None


def _in_turn(jobs: list[Job]) -> list[list[Job]]:
    """Return the jobs in two parts. The second part: single-event chunks whose event an earlier job has already."""
    first: list[Job] = [job for job in jobs if not job.chunk.is_single]
    seen = {place for job in first for event in job.chunk.events for place in (event.place, *event.firsts)}
    after: list[Job] = []
    for job in jobs:
        if job.chunk.is_single:
            (after if job.chunk.events[0].place in seen else first).append(job)
            seen.add(job.chunk.events[0].place)
    return [part for part in (first, after) if part]


def _look(job: Job) -> Actor:
    """Return whether a single-event chunk is committed. Other chunks are not examined.

    If another chunk owns the event, the job owns nothing from now on.
    """
    chunk = job.chunk
    if not chunk.is_single:
        return "not committed"
    answer = yield ("read", ("item", chunk.events[0].place), ("record", chunk.name))
    if answer is UNKNOWN:
        return UNKNOWN
    item, record = answer
    if record is not None or _is_of(item, chunk):
        return "committed"
    job.owned = () if item is not None else chunk.events
    return "not committed"


def _claim(job: Job, kept: tuple[int, int], broken: Broken) -> Actor:
    """Claim the events of a job, and set the events that the chunk owns. Return False if an owner is unknown."""
    owned = []
    for event in job.chunk.events:
        for place, item in _items_to_claim(event, job.chunk.name, kept, broken):
            owner = yield from _insert(place, item, job, broken)
            if owner is None:
                return False
            if owner != job.chunk.name and "an existing item is mine" not in broken:
                break
        else:
            owned.append(event)
    job.owned = tuple(owned)
    return True


def _items_to_claim(event: Event, owner: str, kept: tuple[int, int], broken: Broken) -> list[tuple[str, Item]]:
    """Return the items that an attempt claims for an event, in order. The event's own item is the last.

    The attempt stops at the first item that another chunk owns.
    """
    firsts = event.firsts
    if "no pointer and no guard" in broken:
        firsts = ()
    if "the id stands for the natural key" in broken:
        firsts = firsts[:1]
    items = [(place, Item(owner, kept[1], target=event.place)) for place in firsts]
    stored = (event.place, Item(owner, kept[0], event))
    return [stored, *items] if "the event before its pointer" in broken else [*items, stored]


def _insert(place: str, item: Item, job: Job, broken: Broken) -> Actor:
    """Insert an item if its place is free. Return the owner of the stored item, or None if the owner is unknown."""
    there = yield ("insert", place, item)
    if there is UNKNOWN:
        if "unknown is a duplicate" in broken:
            return NOBODY
        return job.chunk.name if "unknown is mine" in broken else None
    return NOBODY if there.is_erased else there.owner


def _archive(jobs: Sequence[Job], name: str, broken: Broken) -> Actor:
    """Write the owned events as one object. Return False if it is unknown whether the object was written."""
    lines = _lines(jobs)
    if "archive after the commit" in broken or not lines:
        return True
    answer = yield ("put", ("object", name), lines)
    return answer is not UNKNOWN or "unknown archive is fine" in broken


def _lines(jobs: Sequence[Job]) -> frozenset[Line]:
    return frozenset(Line(job.chunk.name, event, job.chunk.received) for job in jobs for event in job.owned)


def _commit(jobs: Sequence[Job], object_name: str, name: str, history: History, broken: Broken) -> Actor:
    """Commit all jobs in one transaction. Return the jobs that are done.

    If some jobs prove to be done already, commit the other jobs in a new transaction.
    """
    left, done = list(jobs), list[Job]()
    for attempt in range(_ATTEMPTS + len(jobs)):
        if not left:
            break
        parts, counts = _transaction(left, object_name, f"{name}.{attempt}", history, broken)
        mark = f"{name}.{attempt}" if any(job.owned for job in left) else None
        if "counters apart" in broken:
            yield ("count", counts)
            counts = ()
        answer = yield ("transact", parts, counts, mark)
        if answer is UNKNOWN and "unknown commit is done" not in broken:
            continue
        if not answer or answer is UNKNOWN or "a cancel ends the group" in broken:
            return done + left
        for job in [job for job in left if _proof_of(job) in answer]:
            if (yield from _is_committed(job, broken)):
                left.remove(job)
                done.append(job)
    return done


def _is_committed(job: Job, broken: Broken) -> Actor:
    """Return whether the existing item proves the commit of the job.

    If the item belongs to another chunk, the job becomes a duplicate.
    """
    if not (job.chunk.is_single and job.owned) or "a taken place is a commit" in broken:
        return True
    answer = yield ("read", _proof_of(job))
    if answer is UNKNOWN or answer[0] is None:
        return False
    if _is_of(answer[0], job.chunk):
        return True
    job.owned = ()  # the chunk is a duplicate, so the next attempt writes a record without events
    return False


def _proof_of(job: Job) -> tuple[Any, ...]:
    """Return the key of the item that proves the commit of a chunk."""
    if job.chunk.is_single and job.owned:
        return ("item", job.chunk.events[0].place)
    return ("record", job.chunk.name)


def _transaction(
    jobs: Sequence[Job], name: str, shared: str, history: History, broken: Broken
) -> tuple[tuple[tuple[Any, ...], ...], tuple[tuple[str, int], ...]]:
    """Return the parts of the transaction that commits these jobs, and the increments of the counters."""
    absent = ANYTHING if "commit without condition" in broken else None
    singles = [job for job in jobs if job.chunk.is_single and job.owned]
    parts: list[tuple[Any, ...]] = []
    for job in jobs:
        expiry = job.chunk.minted + history[-1].events
        if job in singles:
            item: Item | Record = Item(job.chunk.name, expiry, job.owned[0], record=f"shared {shared}")
        else:
            item = Record(frozenset(job.owned), name if job.owned else None, expiry)
        parts.append((_proof_of(job), absent, item))
    if singles:
        owned = frozenset(event for job in singles for event in job.owned)
        expiry = max(job.chunk.minted for job in singles) + history[-1].events
        parts.append((("record", f"shared {shared}"), ANYTHING, Record(owned, name, expiry)))
    counts = tuple(sorted((event.identity, 1) for job in jobs for event in job.owned))
    return tuple(parts), counts


# --- the aggregator


def aggregate(_now: int, _history: History, broken: Broken) -> Actor:
    """Recompute the report of the hour if the hour has a mark. Then remove the mark."""
    answer = yield ("read", ("mark",), ("mark put",), ("minutes",))
    if answer is UNKNOWN or answer[0] is None:
        return
    mark, put, now = answer
    # The record of the commit that put the mark may not be visible yet. So only a later run removes a young mark.
    is_young = put == now and "a young mark goes at once" not in broken
    answer = yield ("read", ("report",))
    if answer is UNKNOWN:
        return
    before = answer[0]
    seen = set()
    for half in (0, 1):  # the aggregator reads the shards one after the other
        records = yield ("list", "record")
        if records is UNKNOWN:
            return
        seen |= {event.identity for key, record in records if len(key[1]) % 2 == half for event in record.owned}
    version = (before[0] if before else 0) + 1
    content = (version, frozenset(seen))
    if before is None or before[1] != content[1]:
        saved = (
            yield ("put", ("report",), content)
            if "reports overwrite" in broken
            else ("put if", ("report",), before, content)
        )
        if saved is False or saved is UNKNOWN:
            return
    if "marks are just deleted" in broken:
        mark = (yield ("read", ("mark",)))[0]
    if not is_young:
        yield ("put if", ("mark",), mark, None)
