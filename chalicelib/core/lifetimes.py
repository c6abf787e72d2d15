"""The lifetimes of all data, the rules between them, and the history of a stage's lifetimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core import limits

_DAY = timedelta(days=1)
#: An older event makes no single-event chunk. The rules below limit this age.
MAX_SINGLE_AGE = 6 * _DAY


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """The lifetimes of a stage. A stage chooses `events` and `max_chunk_age`. The product fixes the others.

    `events`: events, guards, commit records and ledger sums. This time counts from when their chunk was minted.
    `max_chunk_age`: an older chunk is quarantined, not processed.
    `client_retries`: a client that sends an event again within this time changes nothing, whenever both attempts are
    processed.
    `worker_stalls`: the longest pause of a worker between two calls.
    `hour_summary_objects`: the bucket's objects of large hour summaries.
    `ledger`: the period of the ledger, in whole hours.
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
    # The longest retention of SQS:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    dead_letters: timedelta = 14 * _DAY
    queue: timedelta = 10 * _DAY
    ledger: timedelta = 13 * _DAY

    @property
    def last_attempt(self) -> timedelta:
        """The longest time from the minting or renewal of a chunk until a copy or the client's retry is processed."""
        return self.max_chunk_age + self.client_retries

    @property
    def settled(self) -> timedelta:
        """The time after which no copy of a chunk is processed, and no worker still works on one."""
        return self.max_chunk_age + self.worker_stalls

    @property
    def replayable(self) -> timedelta:
        """The age up to which events may be replayed: records of older events may expire before a replay is done."""
        return self.events - self.last_attempt

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield each lifetime that breaks a rule, with the end of a sentence: "must exceed ..."."""
        for rule in RULES:
            lifetime, least = getattr(self, rule.lifetime), rule.least(self)
            if lifetime < least or (lifetime == least and not rule.may_equal):
                bound = "be at least" if rule.may_equal else "exceed"
                yield rule.lifetime, f"must {bound} {str(least).removesuffix(', 0:00:00')}: {rule.reason}."


@dataclass(frozen=True)
class Rule:
    """A lifetime must exceed (or equal) another time. `reason`: why."""

    lifetime: str
    least: Callable[[Lifetimes], timedelta]
    reason: str
    may_equal: bool = False


def pointer_lives_from(minted: datetime, natural: datetime, events: timedelta) -> datetime:
    """Return when the lifetime of a pointer begins: when its chunk was minted, or at its natural time if later.

    Until the natural time has passed, a single-event chunk may store its event there. The pointer must outlive the
    copies of this chunk. If the natural time is more than a lifetime ahead, the pointer expires before.
    """
    return natural if minted < natural <= minted + events + _DAY else minted


RULES = (
    Rule("client_retries", lambda _: timedelta(0), "a client's next attempt must find the first"),
    Rule(
        "events",
        lambda of: of.last_attempt,
        "the items that recognise an event must outlive the last attempt to send it",
    ),
    Rule(
        # That event was received at most a day (MAX_FUTURE_SECONDS) before its own time. The single-event chunk was
        # minted at most MAX_SINGLE_AGE after that time, and its last copy is processed `max_chunk_age` later.
        "events",
        lambda of: of.max_chunk_age + MAX_SINGLE_AGE + timedelta(seconds=limits.MAX_FUTURE_SECONDS),
        "only another chunk's event proves that a single-event chunk is a duplicate, so it must outlive all copies",
    ),
    Rule(
        "events",
        lambda of: of.hour_summary_objects,
        "hour summaries contain user ids and must expire before the events do",
    ),
    Rule(
        "hour_summary_objects",
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        lambda of: of.hour_summaries + 2 * _DAY,
        "an object must outlive the item that names it, and DynamoDB deletes an item up to two days late",
        may_equal=True,
    ),
    Rule(
        "dead_letters",
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
        lambda of: of.queue + 4 * _DAY,
        "the time of a dead letter counts from when its message was first queued, and somebody must have time for it",
        may_equal=True,
    ),
    Rule("max_chunk_age", lambda of: of.dead_letters, "the messages in a queue must be young enough to be processed"),
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
    """The lifetimes that a stage has had, oldest first, each with the time from which it was in force.

    New items get the current lifetimes. To judge whether data of an older item may have expired, use the smallest value
    in force since the item was written. To judge whether a copy can still come, use the largest.
    """

    entries: tuple[tuple[datetime, Lifetimes], ...]

    @property
    def current(self) -> Lifetimes:
        """The lifetimes in force."""
        return self.entries[-1][1]

    @property
    def longest(self) -> timedelta:
        """Return the longest lifetime of any data that may still exist."""
        return max(each.events for _, each in self.entries)

    def is_too_old(self, minted: datetime, counts_from: datetime, now: datetime) -> bool:
        """Return whether a chunk is too old to be processed: the records that recognise its events may have expired."""
        return counts_from < now - self._smallest_since(minted - Lifetimes.client_retries).max_chunk_age

    def may_expire(self, received: datetime, now: datetime) -> bool:
        """Return whether the records that recognise events may expire before a replay of them is done."""
        return received < now - self._smallest_since(received - Lifetimes.client_retries).replayable

    def is_forgotten(self, minted: datetime, now: datetime) -> bool:
        """Return whether the commit record of a chunk may have expired."""
        return minted < now - self._smallest_since(minted).events

    def is_settled(self, minted: datetime, now: datetime) -> bool:
        """Return whether no copy of a chunk can be processed any more, and no worker still works on one."""
        return minted < now - max(each.settled for each in self._in_force_since(minted))

    def changed(self, wanted: Lifetimes, now: datetime) -> History:
        """Return the history with other lifetimes in force from now on. Raises ValueError with a sentence.

        Entries are removed when all data that was written while they were in force has expired.
        """
        for lifetime, problem in wanted.problems():
            raise ValueError(f"{CHOSEN.get(lifetime, lifetime)} {problem}")
        if now <= self.entries[-1][0]:
            raise ValueError("The lifetimes were changed later than this machine's clock says. Set its clock.")
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
        """Return the entries that were in force since `moment`. Functions may use an ended entry for a while."""
        ended = [since + Lifetimes.worker_stalls for since, _ in self.entries[1:]]
        return [*(entry for entry, end in zip(self.entries, ended, strict=False) if end > moment), self.entries[-1]]


_MAX_CHANGES = 50
#: The environment variables that choose a lifetime.
CHOSEN = {"events": "RETENTION_DAYS", "max_chunk_age": "MAX_CHUNK_AGE_DAYS"}
