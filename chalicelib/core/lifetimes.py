"""How long everything is kept, which of these times must exceed which, and what a stage's lifetimes have been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core import limits

_DAY = timedelta(days=1)
#: A chunk of one older event is no single-event chunk; each must be shorter than its rule below says.
MAX_SINGLE_AGE = 6 * _DAY


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """The lifetimes of a stage. It chooses `events` and `max_chunk_age`; the others are the product's.

    `events`: events, guards, commit records and ledger sums, from when their chunk was minted.
    `max_chunk_age`: an older chunk is quarantined, not processed.
    `client_retries`: a client that sends an event again within this time changes nothing, however late both attempts
    are processed.
    `worker_stalls`: a worker may stand still for this long between two calls.
    `hour_summary_objects`: those of large hour summaries, in the bucket.
    `ledger`: how far the ledger looks back, in whole hours.
    """

    events: timedelta = 400 * _DAY
    max_chunk_age: timedelta = 30 * _DAY
    client_retries: timedelta = 7 * _DAY
    worker_stalls: timedelta = _DAY
    failure_notes: timedelta = 30 * _DAY
    hour_summaries: timedelta = 35 * _DAY
    hour_summary_objects: timedelta = 37 * _DAY
    rejections: timedelta = 7 * _DAY
    quota_minutes: timedelta = timedelta(hours=1)
    # The most that SQS keeps a message:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    dead_letters: timedelta = 14 * _DAY
    queue: timedelta = 10 * _DAY
    ledger: timedelta = 13 * _DAY

    @property
    def last_attempt(self) -> timedelta:
        """How long after a chunk was minted or renewed a copy, or the client's next attempt, may be processed."""
        return self.max_chunk_age + self.client_retries

    @property
    def settled(self) -> timedelta:
        """After this long no copy of a chunk is processed any more, and no worker that took it goes on."""
        return self.max_chunk_age + self.worker_stalls

    @property
    def replayable(self) -> timedelta:
        """The records of what was received longer ago may expire before a replay of it is done."""
        return self.events - self.last_attempt

    def problems(self) -> Iterator[tuple[str, str]]:
        """Each lifetime that breaks a rule, and the rest of the sentence that says so."""
        for rule in RULES:
            lifetime, least = getattr(self, rule.lifetime), rule.least(self)
            if lifetime < least or (lifetime == least and not rule.may_equal):
                bound = "be at least" if rule.may_equal else "exceed"
                yield rule.lifetime, f"must {bound} {str(least).removesuffix(', 0:00:00')}: {rule.reason}."


@dataclass(frozen=True)
class Rule:
    """A lifetime must exceed (or equal) another time, for a reason."""

    lifetime: str
    least: Callable[[Lifetimes], timedelta]
    reason: str
    may_equal: bool = False


def pointer_lives_from(minted: datetime, natural: datetime, events: timedelta) -> datetime:
    """Return from when on the lifetime of a pointer counts: as if it had been received at its natural time.

    Where that lies ahead, a single-event chunk may yet come there, and the pointer must outlive its copies. It cannot
    come while the pointer lives if the time lies further ahead than that.
    """
    return natural if minted < natural <= minted + events + _DAY else minted


RULES = (
    Rule("client_retries", lambda _: timedelta(0), "a client's next attempt must find the first"),
    Rule("events", lambda of: of.last_attempt, "whatever recognises an event must outlive the last attempt to send it"),
    Rule(
        # That event was received a day (MAX_FUTURE_SECONDS) before its own time at the earliest. The single-event chunk
        # was minted MAX_SINGLE_AGE after that time at the latest, and its last copy is `max_chunk_age` younger.
        "events",
        lambda of: of.max_chunk_age + MAX_SINGLE_AGE + timedelta(seconds=limits.MAX_FUTURE_SECONDS),
        "only another chunk's event proves that a single-event chunk is a duplicate, so it must outlive all copies",
    ),
    Rule("events", lambda of: of.hour_summary_objects, "hour summaries hold user ids and must go before the events do"),
    Rule(
        "hour_summary_objects",
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        lambda of: of.hour_summaries + 2 * _DAY,
        "an object must outlive the item that names it, which DynamoDB deletes within two days of its expiry",
        may_equal=True,
    ),
    Rule(
        "dead_letters",
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
        lambda of: of.queue + 4 * _DAY,
        "the time of a dead letter counts from when its message was first queued, and somebody must have time for it",
        may_equal=True,
    ),
    Rule("max_chunk_age", lambda of: of.dead_letters, "what a queue still holds must be young enough to be processed"),
    Rule("failure_notes", lambda of: of.dead_letters, "a dead letter must find the note that says why it failed"),
    Rule(
        "dead_letters",
        lambda of: of.ledger + timedelta(hours=1),
        "a dead letter that the ledger looks for must not have expired",
    ),
    Rule("quota_minutes", lambda _: timedelta(minutes=2), "the count of a minute must outlive it on every clock"),
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    Rule("worker_stalls", lambda _: timedelta(minutes=15), "an invocation may last as long"),
)


@dataclass(frozen=True)
class History:
    """The lifetimes that a stage has had, oldest first, each with when it came into force.

    New items get the current ones. A judgement on an older item takes the smallest value that was in force since that
    item was written; whether nothing can come any more is asked of the largest.
    """

    entries: tuple[tuple[datetime, Lifetimes], ...]

    @property
    def current(self) -> Lifetimes:
        """Return the lifetimes that are in force."""
        return self.entries[-1][1]

    @property
    def longest(self) -> timedelta:
        """Return how long anything that may still be there is kept at most."""
        return max(each.events for _, each in self.entries)

    def is_too_old(self, minted: datetime, counts_from: datetime, now: datetime) -> bool:
        """Return whether a chunk may no longer be processed: what recognises its events may have expired."""
        return counts_from < now - self._smallest_since(minted - Lifetimes.client_retries).max_chunk_age

    def may_expire(self, received: datetime, now: datetime) -> bool:
        """Return whether what recognises events may expire before a chunk of them that is queued now is done."""
        return received < now - self._smallest_since(received - Lifetimes.client_retries).replayable

    def is_forgotten(self, minted: datetime, now: datetime) -> bool:
        """Return whether the commit record of a chunk may have expired."""
        return minted < now - self._smallest_since(minted).events

    def is_settled(self, minted: datetime, now: datetime) -> bool:
        """Return whether no copy of a chunk is processed any more, and no worker that took it goes on."""
        return minted < now - max(each.settled for each in self._in_force_since(minted))

    def changed(self, wanted: Lifetimes, now: datetime) -> History:
        """Return the history with other lifetimes in force from now on. Raises ValueError in a sentence.

        Entries are left out when nothing that was written under them is left.
        """
        for lifetime, problem in wanted.problems():
            raise ValueError(f"{CHOSEN.get(lifetime, lifetime)} {problem}")
        if now <= self.entries[-1][0]:
            raise ValueError("The lifetimes were changed after what this machine takes for now. Set its clock.")
        kept = self._entries_since(now - self.longest - wanted.last_attempt)
        if len(kept) >= _MAX_CHANGES:
            raise ValueError(f"The lifetimes were changed {len(kept)} times already. Wait until old data has expired.")
        return History((*kept, (now, wanted)))

    def _smallest_since(self, moment: datetime) -> Lifetimes:
        in_force = self._in_force_since(moment)
        return replace(
            in_force[-1],
            events=min(each.events for each in in_force),
            max_chunk_age=min(each.max_chunk_age for each in in_force),
        )

    def _in_force_since(self, moment: datetime) -> list[Lifetimes]:
        return [each for _, each in self._entries_since(moment)]

    def _entries_since(self, moment: datetime) -> list[tuple[datetime, Lifetimes]]:
        """Those in force at any time since then. A function that read one earlier may act on it a while longer."""
        ended = [since + Lifetimes.worker_stalls for since, _ in self.entries[1:]]
        return [*(entry for entry, end in zip(self.entries, ended, strict=False) if end > moment), self.entries[-1]]


_MAX_CHANGES = 50
#: The environment variables that choose a lifetime.
CHOSEN = {"events": "RETENTION_DAYS", "max_chunk_age": "MAX_CHUNK_AGE_DAYS"}
