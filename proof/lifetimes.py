"""The lifetimes of the model, in months, and the rules that depend on them."""

from __future__ import annotations

from typing import NamedTuple

#: A client may send an event again within this time of the first attempt. The second attempt must change nothing.
CLIENT_RETRIES = 1


class Lifetimes(NamedTuple):
    """The lifetimes of a stage. `since`: the month from which they are in force."""

    since: int
    events: int
    max_chunk_age: int


History = tuple[Lifetimes, ...]
#: The events must outlive the oldest chunk and its client's retries.
USUAL = Lifetimes(since=0, events=5, max_chunk_age=1)


def smallest(history: History, since: int) -> Lifetimes:
    """Return the smallest value of each lifetime that was in force at any time since then."""
    ended = [after.since for after in history[1:]]
    in_force = [each for each, end in zip(history, ended, strict=False) if end >= since] + [history[-1]]
    return Lifetimes(since, min(each.events for each in in_force), min(each.max_chunk_age for each in in_force))


def is_too_old(history: History, now: int, minted: int, counts_from: int) -> bool:
    """Return whether a chunk is too old to be processed."""
    return now - counts_from > smallest(history, minted - CLIENT_RETRIES).max_chunk_age


def is_settled(history: History, now: int, minted: int) -> bool:
    """Return whether no copy of a chunk can be processed any more, unless it is renewed."""
    return now - minted > max(each.max_chunk_age for each in history) + 1


def may_expire(history: History, now: int, received: int) -> bool:
    """Return whether an item that recognises an event may expire before the last copy of a chunk, sent now, is done."""
    kept = smallest(history, received - CLIENT_RETRIES)
    return now + kept.max_chunk_age + CLIENT_RETRIES >= received + kept.events
