"""What is measured, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.core.chunk_id import chunk_hash
from chalicelib.core.ledger import Logged
from chalicelib.core.metrics import CATALOGUE, COMMITTED_CHUNKS, QUEUED_CHUNKS
from chalicelib.errors import StoreFailed


@dataclass
class FakeMeter:
    """`values`: what was measured, by name. Reads it back too, whatever the time. `asked`: from when to when.
    `since`: from when times were measured, by name. `hours`: the sums of what is to count at a time, by hour and name.
    `logged`: hashes of chunks by field. `forgets`: the log is too long to read.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    hours: dict[str, Counter[str]] = field(default_factory=dict)
    logged: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    since: dict[str, list[datetime]] = field(default_factory=dict)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    fails: bool = False
    forgets: bool = False
    oldest_seconds: float | None = None
    last_hour: datetime | None = None
    ringing: dict[str, datetime | None] = field(default_factory=dict)

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:
        assert name in CATALOGUE
        if at is not None:
            self.hours.setdefault(f"{at:%Y-%m-%dT%H}", Counter())[name] += round(value)
        self.values.setdefault(name, []).append(value)

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.since.setdefault(name, []).append(moment)
        self.add(name, 0, at=moment)

    def add_chunks(self, field: str, chunks: Iterable[tuple[str, str]]) -> None:
        self.logged.setdefault(field, []).extend((hour, chunk_hash(chunk_id)) for hour, chunk_id in chunks)

    def of_hour(self, hour: str) -> Logged | None:
        """What the log says: the fake is both."""
        if self.forgets:
            return None
        queued, committed = (
            frozenset(hashed for of, hashed in self.logged.get(field, ()) if of == hour)
            for field in (QUEUED_CHUNKS, COMMITTED_CHUNKS)
        )
        return Logged(queued, committed)

    def by_hour(self, names: Iterable[str], first: datetime, after: datetime) -> dict[str, dict[str, int]]:
        self.asked.append((first, after))
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        wanted, start, end = set(names), f"{first:%Y-%m-%dT%H}", f"{after:%Y-%m-%dT%H}"
        return {
            hour: {name: value for name, value in sums.items() if name in wanted}
            for hour, sums in self.hours.items()
            if start <= hour < end
        }

    def by_minute(
        self, series: Iterable[tuple[str, str]], first: datetime, after: datetime
    ) -> dict[tuple[str, str], dict[datetime, float]]:
        """Everything in the last minute; of percentiles the largest value."""
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        last = after - timedelta(minutes=1)
        assert first <= last
        return {
            (name, stat): {last: (sum if stat == "Sum" else max)(values)} if (values := self.values.get(name)) else {}
            for name, stat in series
        }

    def last_hour_of(self, name: str, first: datetime, after: datetime) -> datetime | None:
        assert name in CATALOGUE
        return self.last_hour if self.last_hour and first <= self.last_hour < after else None

    def alarms(self) -> dict[str, datetime | None]:
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        return self.ringing

    def oldest_message_seconds(self, now: datetime) -> float | None:  # noqa: ARG002
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        return self.oldest_seconds
