"""Time windows: the minutes, hours and days in which events are counted, stored and reported.

Only this module knows the names and lengths of windows. Add further grains to GRAINS.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from operator import itemgetter
from typing import NamedTuple

from chalicelib.core import timestamps


class Span(NamedTuple):
    """Event times from `start` (included) to `end` (excluded). None: no bound."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def first(self) -> str:
        """A text that sorts at or before every time in the span."""
        return timestamps.sortable(self.start) if self.start else ""

    @property
    def after(self) -> str:
        """A text that sorts after every time in the span."""
        return timestamps.sortable(self.end) if self.end else "~"

    def holds(self, sortable_time: str) -> bool:
        return self.first <= sortable_time < self.after


class Grain(NamedTuple):
    """A size of windows. Windows follow each other without gaps.

    The name of a window is a prefix of its start time in the sortable form (timestamps.py). The hour 2015-05-17T10
    starts at 2015-05-17T10:00:00.000000Z. So names sort by time, and a name tells when its window starts.

    `name_of`: takes a sortable time, or the name of a finer window. Returns the name of the window that holds it.
    `longest`: the longest length of a window. `made_of`: a finer grain. The summaries of its windows are merged for the
    reports of this grain. None: reports are made from commit records.
    """

    name: str
    name_of: Callable[[str], str]
    longest: timedelta
    made_of: Grain | None = None
    has_reports: bool = True

    def floor(self, moment: datetime) -> datetime:
        """Return the start of the window that holds a moment."""
        return timestamps.parse(first_time(self.name_of(timestamps.sortable(moment))))

    def ceil(self, moment: datetime) -> datetime:
        """Return the moment if a window starts with it. Otherwise return the end of the window that holds it."""
        return moment if moment == self.floor(moment) else self.end(self.name_of(timestamps.sortable(moment)))

    def end(self, window: str) -> datetime:
        """Return the end of a window. The last window of the year 9999 ends with Python's last datetime."""
        try:
            return self.floor(timestamps.parse(first_time(window)) + self.longest)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def windows(self, span: Span) -> tuple[str, str]:
        """Return (first, after). A window overlaps the span if its name has first <= name < after."""
        first = self.name_of(span.first) if span.start else ""
        if span.end is None:
            return first, "~"
        last = self.name_of(span.after)
        return first, last if first_time(last) == span.after else f"{last}~"

    def whole(self, span: Span) -> Span:
        """Return the span extended to whole windows."""
        return Span(span.start and self.floor(span.start), span.end and self.ceil(span.end))

    def start_on_clocks(self, minute: str, zone: tzinfo | None) -> str:
        """Return the start of the window on the clocks of a zone that holds a minute, in the readable form and in UTC.

        `minute`: the name of a minute in UTC.
        """
        if zone is None:
            return start(self.name_of(minute))
        try:
            local = timestamps.parse(start(minute)).astimezone(zone)
            shown = self.floor(local.replace(tzinfo=UTC)).replace(tzinfo=zone)
            # A day starts when its midnight is first shown. An hour that clocks show twice is two windows.
            begins = shown if self.longest >= timedelta(days=1) else _start_at_offset_of(local, shown)
            return timestamps.readable(timestamps.sortable(begins))
        except OverflowError:  # the first or last day of the calendar
            return start(self.name_of(minute))


def _start_at_offset_of(local: datetime, shown: datetime) -> datetime:
    """Return when clocks began to show an hour. `local`: a moment in it; `shown`: its first minute.

    If clocks show the hour twice, return the start of the occurrence that holds `local`.
    """
    offset, zone = local.utcoffset() or timedelta(), local.tzinfo
    begins = shown.replace(tzinfo=UTC) - offset
    before = begins.astimezone(zone).utcoffset() or timedelta()
    if before < offset:  # clocks were set forward: the hour began before that, or its first minutes were skipped
        return shown
    while begins.astimezone(zone).utcoffset() != offset:  # clocks were set back in the middle of the hour
        begins += timedelta(minutes=1)
    return begins


MINUTE = Grain("minute", itemgetter(slice(len("2015-05-17T10:05"))), timedelta(minutes=1), has_reports=False)
HOUR = Grain("hour", itemgetter(slice(len("2015-05-17T10"))), timedelta(hours=1))
DAY = Grain("day", itemgetter(slice(len("2015-05-17"))), timedelta(days=1), made_of=HOUR)
#: The grains by name, from fine to coarse.
GRAINS = {grain.name: grain for grain in (MINUTE, HOUR, DAY)}

#: Returns the minute of the hour, 00 to 59, of a time or of a minute's name.
minute_of_hour: Callable[[str], str] = itemgetter(slice(14, 16))


def quarter_of(minute: str) -> str:
    """Return the first minute (00, 15, 30 or 45) of the quarter of an hour that holds a minute."""
    return f"{int(minute) // 15 * 15:02}"


def reported() -> list[Grain]:
    """Return the grains that have reports, from fine to coarse."""
    return [grain for grain in GRAINS.values() if grain.has_reports]


class Window(NamedTuple):
    """The hour (2015-05-17T10) or day (2015-05-17) of a project that a report describes."""

    project: str
    grain: str
    name: str

    @property
    def made_of(self) -> Grain | None:
        return GRAINS[self.grain].made_of

    @property
    def span(self) -> Span:
        return Span(timestamps.parse(first_time(self.name)), GRAINS[self.grain].end(self.name))

    def is_over(self, now: datetime) -> bool:
        return GRAINS[self.grain].end(self.name) <= now


def is_reported(window: Window) -> bool:
    """Return whether the window could have reports."""
    grain = GRAINS.get(window.grain)
    if grain is None or not grain.has_reports or not window.name.isascii():
        return False
    try:
        return grain.name_of(timestamps.sortable(timestamps.parse(first_time(window.name)))) == window.name
    except ValueError:
        return False


def windows_of(project: str, hour: str) -> list[Window]:
    """Return the windows whose reports include an hour, from fine to coarse."""
    return [Window(project, grain.name, grain.name_of(hour)) for grain in reported()]


def start(window: str) -> str:
    """Return the first second of a window in the readable form."""
    return window + "0000-01-01T00:00:00Z"[len(window) :]


def first_time(window: str) -> str:
    """Return the first moment of a window in the sortable form."""
    return window + "0000-01-01T00:00:00.000000Z"[len(window) :]


def day_and_hour(hour: str) -> tuple[str, str]:
    """Return the two parts of an hour's name: its day, and the hour of the day, 00 to 23."""
    return hour[:10], hour[11:13]


def join_hour(day: str, hour_of_day: str) -> str:
    """Return the name of an hour; the inverse of `day_and_hour`."""
    return f"{day}T{hour_of_day}"


def join_minute(hour: str, minute_of_hour: str) -> str:
    return f"{hour}:{minute_of_hour}"
