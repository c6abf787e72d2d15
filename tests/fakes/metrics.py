"""What is measured, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.core.metrics import CATALOGUE
from chalicelib.errors import StoreFailed


@dataclass
class FakeMeter:
    """`values`: what was measured, by name. Reads it back too, whatever the time. `asked`: from when to when.
    `since`: from when times were measured, by name.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    since: dict[str, list[datetime]] = field(default_factory=dict)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    fails: bool = False
    oldest_seconds: float | None = None
    last_hour: datetime | None = None
    ringing: dict[str, datetime | None] = field(default_factory=dict)

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:  # noqa: ARG002 - one time
        assert name in CATALOGUE
        self.values.setdefault(name, []).append(value)

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.since.setdefault(name, []).append(moment)
        self.add(name, 0, at=moment)

    def sums(self, names: Iterable[str], first: datetime, after: datetime) -> dict[str, int]:
        self.asked.append((first, after))
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        return {name: round(sum(self.values.get(name, []))) for name in names}

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
