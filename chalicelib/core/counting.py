"""Sums counters into the windows of a query, and packs the totals of a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import cache, partial
from typing import Any, NamedTuple

from chalicelib.core import compact, timestamps, windows
from chalicelib.core.windows import DAY, Grain, Span

# Day totals have a resolution of a quarter of an hour: today's time zones differ from UTC by multiples of it.
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class HourCounter:
    """One counter: the events of one type in one hour, by minute ("00" to "59")."""

    hour: str
    event_type: str
    minutes: dict[str, int]


def sum_windows(
    counters: Iterable[HourCounter], grain: Grain, span: Span, zone: tzinfo | None = None
) -> list[dict[str, Any]]:
    """Return one row for each window and type that has events, in order.

    A span that begins or ends inside a minute counts the whole minute. Counters that erasures reduced to zero are
    left out. `zone`: the time zone of the windows. An hour that its clocks show twice is two windows.
    """
    first, after = windows.MINUTE.windows(span)
    sums: Counter[tuple[str, str]] = Counter()
    start_of = cache(partial(grain.start_on_clocks, zone=zone))  # counters of several types have the same minutes
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


class DayTotals(NamedTuple):
    """The counters of a day by the quarter of an hour. `packed_bytes`: their size in the table."""

    day: str
    packed_bytes: int
    counters: list[HourCounter]


def pack_totals(counters: Iterable[HourCounter], *, at_most: int) -> bytes | None:
    """Return the packed totals of a day: its counters, in any number of parts, by type and quarter of an hour.

    Returns None, and stops reading, if more than `at_most` pairs of type and hour occur.
    """
    sums: dict[str, dict[str, Counter[str]]] = {}
    entries = 0
    for counter in counters:
        _, hour_of_day = windows.day_and_hour(counter.hour)
        hours = sums.setdefault(counter.event_type, {})
        if hour_of_day not in hours:
            entries += 1
            if entries > at_most:
                return None
        quarters = hours.setdefault(hour_of_day, Counter())
        for minute, count in counter.minutes.items():
            quarters[windows.quarter_of(minute)] += count
    return compact.pack(
        {
            event_type: {hour: dict(sorted(quarters.items())) for hour, quarters in sorted(hours.items())}
            for event_type, hours in sorted(sums.items())
        }
    )


def unpack_totals(day: str, packed: bytes) -> DayTotals:
    """Return the totals that `pack_totals` has packed."""
    counters = [
        HourCounter(windows.join_hour(day, hour), event_type, quarters)
        for event_type, hours in compact.unpack(packed).items()
        for hour, quarters in hours.items()
    ]
    return DayTotals(day, len(packed), counters)


def are_quarters_enough(day: str, grain: Grain, span: Span, zone: tzinfo | None) -> bool:
    """Return whether totals by the quarter of an hour suffice.

    They suffice if no window and no end of the span lies inside a quarter.
    """
    begin, end = timestamps.parse(windows.first_time(day)), DAY.end(day)
    inside = [moment for moment in span if moment is not None and begin < moment < end]
    if grain.longest < _QUARTER or any((moment - begin) % _QUARTER for moment in inside):
        return False
    if zone is None:
        return True
    try:
        offsets = {moment.astimezone(zone).utcoffset() for moment in (begin, end)}
    except OverflowError:  # the first or last day of the calendar
        return False
    offset = offsets.pop()
    return not offsets and offset is not None and not offset % _QUARTER
