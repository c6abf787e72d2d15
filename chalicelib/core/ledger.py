"""The ledger: accepted = stored + duplicates + in flight + dead letters + quarantined + missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core.chunk_id import sum_of


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of chunks and the number of events in them."""

    chunks: int = 0
    events: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.chunks + other.chunks, self.events + other.events)


@dataclass(frozen=True, slots=True)
class Committed:
    """The committed chunks of a period. The numbers are exact, since the transactions of the commits count them.

    `hashes`: the sum of the chunks' hashes.
    """

    chunks: int = 0
    accepted: int = 0
    stored: int = 0
    hashes: int = 0

    def __add__(self, other: Committed) -> Committed:
        return Committed(
            self.chunks + other.chunks,
            self.accepted + other.accepted,
            self.stored + other.stored,
            self.hashes + other.hashes,
        )


class Measured(NamedTuple):
    """The metrics of ingestion for an hour."""

    chunks: int = 0
    events: int = 0
    hashes: int = 0


class Logged(NamedTuple):
    """The hashes of an hour's chunks in the log: those that were queued, and those that were committed."""

    queued: frozenset[str]
    committed: frozenset[str]


class Hour(NamedTuple):
    """The outcome of the chunks received in an hour.

    `unsettled`: chunks that were queued and are not committed. `unanswered`: committed chunks that ingestion did not
    count, because the confirmation by SQS was lost. `is_certain`: the sums agree, or the log confirms the numbers.
    """

    unsettled: Amount
    unanswered: Amount
    is_certain: bool


def judge(measured: Measured, committed: Committed, logged: Logged | None = None) -> Hour:
    """Compare the measured sums of an hour with its committed sums.

    If they differ, use the log of the hour. The committed sums are exact, so the log must agree with them.
    """
    events = measured.events - committed.accepted
    if (measured.chunks, measured.hashes) == (committed.chunks, committed.hashes):
        return Hour(Amount(), Amount(), is_certain=True)
    if logged and (len(logged.committed), sum_of(logged.committed)) == (committed.chunks, committed.hashes):
        unsettled, unanswered = len(logged.queued - logged.committed), len(logged.committed - logged.queued)
        # CloudWatch may count a log line twice. Then the metrics contain events that nobody sent.
        return Hour(
            Amount(unsettled, max(0, events) if unsettled else 0),
            Amount(unanswered, max(0, -events) if unanswered else 0),
            is_certain=True,
        )
    chunks = measured.chunks - committed.chunks
    return Hour(Amount(max(0, chunks), max(0, events)), Amount(max(0, -chunks), max(0, -events)), is_certain=False)


@dataclass(frozen=True)
class Ledger:
    """The outcome of everything received in a period.

    `waiting_chunks`: the queue's current estimate. `dead`: the dead letters; the number of events may be unknown for
    some of them.
    """

    hours: Mapping[str, Hour]
    committed: Committed
    rejected: int
    quarantined: Amount
    dead: Amount
    waiting_chunks: int

    @property
    def unsettled(self) -> Amount:
        return sum((hour.unsettled for hour in self.hours.values()), Amount())

    @property
    def missing_chunks(self) -> int:
        """The number of accepted chunks that cannot be found anywhere."""
        return max(0, self.unsettled.chunks - self.quarantined.chunks - self.dead.chunks - self.waiting_chunks)

    @property
    def unanswered(self) -> Amount:
        return sum((hour.unanswered for hour in self.hours.values()), Amount())

    @property
    def uncertain_hours(self) -> list[str]:
        """The hours whose numbers may hide a loss: their sums differ, and no log explains the difference."""
        open_hours = [name for name, hour in sorted(self.hours.items()) if not hour.is_certain]
        if self.missing_chunks:
            return open_hours
        # Nothing is missing, so each uncommitted chunk is waiting, a dead letter, or quarantined.
        return [name for name in open_hours if not self.hours[name].unsettled.chunks]

    @property
    def balances(self) -> bool:
        return self.missing_chunks == 0

    def _rest(self) -> dict[str, int]:
        """Return the uncommitted events by place. The queue does not know the number of events in its messages."""
        quarantined = self.quarantined.events
        dead = self.dead.events
        left = max(0, self.unsettled.events - quarantined - dead)
        rest = {"in_flight": 0, "dead": dead, "quarantined": quarantined, "missing": 0}
        if self.waiting_chunks:
            rest["in_flight"] = left
        elif self.missing_chunks:
            rest["missing"] = left
        elif self.dead.chunks and not dead:
            rest["dead"] = left
        return rest

    def to_json(self) -> dict[str, Any]:
        """Return the ledger. The parts of `accepted` add up to it."""
        parts = {
            "stored": self.committed.stored,
            "duplicates": self.committed.accepted - self.committed.stored,
            **self._rest(),
        }
        return {
            "accepted": sum(parts.values()),
            **parts,
            "rejected": self.rejected,
            "unanswered": self.unanswered.events,
            "balances": self.balances,
            "uncertain": self.uncertain_hours,
            "chunks": {
                "accepted": self.committed.chunks + self.unsettled.chunks,
                "committed": self.committed.chunks,
                "in_flight": self.waiting_chunks,
                "dead": self.dead.chunks,
                "quarantined": self.quarantined.chunks,
                "missing": self.missing_chunks,
                "unanswered": self.unanswered.chunks,
            },
        }
