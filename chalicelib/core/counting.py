"""Counters summed into the windows of a question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, partial
from typing import Any

from chalicelib.core import timestamps


@dataclass(frozen=True, slots=True)
class HourCounter:
    """One counter: the events of one type in one hour, by minute ("00" to "59")."""

    hour: str
    event_type: str
    minutes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Span:
    """Event times from `start` (included) to `end` (excluded); None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def first(self) -> str:
        """Sorts at or before every time in the span."""
        return timestamps.sortable(self.start) if self.start else ""

    @property
    def after(self) -> str:
        """Sorts after every time in the span."""
        return timestamps.sortable(self.end) if self.end else "~"

    def holds(self, sortable_time: str) -> bool:
        return self.first <= sortable_time < self.after

    def meets(self, window: str) -> bool:
        """Whether a window, named by a prefix of its times, has any time in the span."""
        return self.first[: len(window)] <= window and timestamps.first_time(window) < self.after

    def windows(self, grain: str) -> tuple[str, str]:
        """The windows that meet the span are those with first <= name < after."""
        last = timestamps.window_of(self.after, grain)
        after = last if self.end and timestamps.first_time(last) == self.after else last + "~"
        return timestamps.window_of(self.first, grain), after


def sum_windows(
    counters: Iterable[HourCounter], grain: str, span: Span, zone: tzinfo | None = None
) -> list[dict[str, Any]]:
    """One row for each window and type that has events, in order. Counters know minutes, no less:
    a span that starts or ends inside a minute counts that minute whole. Erasures leave counters of zero.
    `zone`: whose hours and days the windows are; an hour that a zone's clocks show twice is two windows.
    """
    first_minute = span.first[: timestamps.GRAINS["minute"]]
    sums: Counter[tuple[str, str]] = Counter()
    start_of = cache(partial(timestamps.start_of_window, grain=grain, zone=zone))  # types share their minutes
    for counter in counters:
        for minute, count in counter.minutes.items():
            window = f"{counter.hour}:{minute}"
            if first_minute <= window and timestamps.first_time(window) < span.after:
                sums[start_of(window), counter.event_type] += count
    return [
        {"start": timestamps.with_zone(start, zone), "event_type": event_type, "count": count}
        for (start, event_type), count in sorted(sums.items())
        if count > 0
    ]
