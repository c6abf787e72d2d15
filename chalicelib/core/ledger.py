"""The ledger: accepted = stored + duplicates + in flight + dead letters + quarantined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Amount:
    """Chunks, and the events in them."""

    chunks: int = 0
    events: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.chunks + other.chunks, self.events + other.events)


@dataclass(frozen=True, slots=True)
class Committed:
    """What commits of chunks received in a period say: exact, since it is counted in their transactions."""

    chunks: int = 0
    accepted: int = 0
    stored: int = 0

    def __add__(self, other: Committed) -> Committed:
        return Committed(self.chunks + other.chunks, self.accepted + other.accepted, self.stored + other.stored)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of everything received in a period.

    `accepted` is what ingestion has measured; `waiting_chunks` is the queue's own estimate of now.
    """

    accepted: Amount
    rejected: int
    committed: Committed
    quarantined: Amount
    dead: Amount
    waiting_chunks: int

    @property
    def unsettled(self) -> Amount:
        """Accepted, and neither committed nor quarantined nor dead: it must be on its way."""
        return Amount(
            self.accepted.chunks - self.committed.chunks - self.quarantined.chunks - self.dead.chunks,
            self.accepted.events - self.committed.accepted - self.quarantined.events - self.dead.events,
        )

    @property
    def missing_chunks(self) -> int:
        """Accepted chunks that are nowhere."""
        return max(0, self.unsettled.chunks - self.waiting_chunks)

    @property
    def unanswered_chunks(self) -> int:
        """Chunks that were processed though ingestion never knew that they were queued: its answer was lost,
        and the client was told to send again.
        """
        return max(0, -self.unsettled.chunks)

    @property
    def balances(self) -> bool:
        return self.missing_chunks == 0

    @property
    def in_flight_events(self) -> int:
        """Where something waits, all that is unsettled: the queue does not tell the events of its messages."""
        return max(0, self.unsettled.events) if self.waiting_chunks else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted.events,
            "stored": self.committed.stored,
            "duplicates": self.committed.accepted - self.committed.stored,
            "in_flight": self.in_flight_events,
            "dead": self.dead.events,
            "quarantined": self.quarantined.events,
            "rejected": self.rejected,
            "missing": 0 if self.balances else self.unsettled.events - self.in_flight_events,
            "balances": self.balances,
            "chunks": {
                "accepted": self.accepted.chunks,
                "committed": self.committed.chunks,
                "in_flight": self.waiting_chunks,
                "dead": self.dead.chunks,
                "quarantined": self.quarantined.chunks,
                "missing": self.missing_chunks,
                "unanswered": self.unanswered_chunks,
            },
        }
