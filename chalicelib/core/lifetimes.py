"""How long everything is kept, and which of these times must exceed which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.core import limits

_DAY = timedelta(days=1)
#: A chunk of one older event is no single-event chunk; each must be shorter than its rule below says.
MAX_SINGLE_AGE = 6 * _DAY


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """The lifetimes of a stage. It chooses `events` and `max_chunk_age`; the others are the product's.

    `events`: events, commit records and ledger sums, from when their chunk was minted.
    `max_chunk_age`: an older chunk is quarantined, not processed.
    `client_retries`: a guard recognises retries for this long after the last copy of a chunk may be processed.
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
    queue: timedelta = 14 * _DAY
    dead_letters: timedelta = 14 * _DAY
    ledger: timedelta = 13 * _DAY

    @property
    def guards(self) -> timedelta:
        """How long an event is recognised by its id, after its chunk was minted or renewed."""
        return self.max_chunk_age + self.client_retries

    @property
    def settled(self) -> timedelta:
        """After this long no copy of a chunk is processed any more, and no worker that took it goes on."""
        return self.max_chunk_age + self.worker_stalls

    @property
    def replayable(self) -> timedelta:
        """The records of what was received longer ago may expire before a replay of it is done."""
        return self.events - self.guards

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


RULES = (
    Rule("guards", lambda of: of.max_chunk_age, "a guard must outlive the last copy of its chunk"),
    Rule("events", lambda of: of.guards, "the proof that a chunk is done must outlive the guards of its events"),
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
        lambda of: of.queue,
        "the time of a dead letter counts from when its message was first queued",
        may_equal=True,
    ),
    Rule("max_chunk_age", lambda of: of.dead_letters, "what a queue still holds must be young enough to be processed"),
    Rule("failure_notes", lambda of: of.dead_letters, "a dead letter must find the note that says why it failed"),
    Rule("queue", lambda of: of.ledger + timedelta(hours=1), "a chunk that the ledger looks for must not have expired"),
    Rule("quota_minutes", lambda _: timedelta(minutes=2), "the count of a minute must outlive it on every clock"),
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    Rule("worker_stalls", lambda _: timedelta(minutes=15), "an invocation may last as long"),
)
