"""Counters summed into the windows of a question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache, partial
from typing import Any

from chalicelib.core import timestamps, windows
from chalicelib.core.windows import Grain, Span


@dataclass(frozen=True, slots=True)
class HourCounter:
    """One counter: the events of one type in one hour, by minute ("00" to "59")."""

    hour: str
    event_type: str
    minutes: dict[str, int]


def sum_windows(
    counters: Iterable[HourCounter], grain: Grain, span: Span, zone: tzinfo | None = None
) -> list[dict[str, Any]]:
    """One row for each window and type that has events, in order. Counters know minutes, no less:
    a span that starts or ends inside a minute counts that minute whole. Erasures leave counters of zero.
    `zone`: whose hours and days the windows are; an hour that a zone's clocks show twice is two windows.
    """
    first, after = windows.MINUTE.windows(span)
    sums: Counter[tuple[str, str]] = Counter()
    start_of = cache(partial(grain.start_on_clocks, zone=zone))  # types share their minutes
    for counter in counters:
        for minute_of_hour, count in counter.minutes.items():
            minute = windows.join_minute(counter.hour, minute_of_hour)
            if first <= minute < after:
                sums[start_of(minute), counter.event_type] += count
    return [
        {"start": timestamps.with_zone(start, zone), "event_type": event_type, "count": count}
        for (start, event_type), count in sorted(sums.items())
        if count > 0
    ]
