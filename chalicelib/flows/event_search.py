"""Finds the events of a user or a project, newest first. A search reads a limited number of events.

A search for a project's events reads commit records. It sorts the newest SORTED_EVENTS of an hour by time. The other
events of the hour come record by record, in the order of the records' newest minutes. To sort them too, each page would
have to read all newer records again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Any, NamedTuple

from chalicelib import ports
from chalicelib.core import limits, table_keys, timestamps, windows
from chalicelib.core.chunk_id import newest_minute_of
from chalicelib.core.commit import CommitRecord
from chalicelib.core.event import EventRef, user_of
from chalicelib.core.windows import DAY, HOUR, Span

_NOTHING = EventRef("", "", "")


class Position(NamedTuple):
    """How far a search has come: it has read all events from `before` on.

    In the hour of `before`, it has also read all records that come before the record at `place`. In this record, it has
    read the events from `within` on.
    """

    before: EventRef
    place: str = ""
    within: EventRef = _NOTHING

    def parts(self) -> tuple[str, ...]:
        return (*self.before, self.place, *self.within)

    @classmethod
    def of_parts(cls, parts: Sequence[str]) -> Position:
        return cls(EventRef(*parts[:3]), parts[3], EventRef(*parts[4:]))


#: The number of parts of a position.
POSITION_PARTS = 7

Found = tuple[Position, dict[str, Any] | None]


def search_user(
    events: ports.EventStore,
    project: str,
    user: str,
    *,
    event_type: str | None,
    span: Span,
    start: Position | None,
    limit: int,
    at_most: int,
) -> Iterator[Found]:
    """Yield the events of one user, newest first. If the search ends early, its last pair is the position and None."""
    after = table_keys.event_item(project, start.before).sk if start else span.after
    found = events.search(
        project, user, event_type=event_type, first=span.first, after=after, at_most=at_most, page_items=limit + 1
    )
    return ((Position(ref), event) for ref, event in found)


def search_project(
    events: ports.EventStore,
    counters: ports.Counters,
    commits: ports.CommitLog,
    project: str,
    *,
    event_type: str | None,
    span: Span,
    start: Position | None,
    limit: int,
    at_most: int,
    now: datetime,
) -> Iterator[Found]:
    """Yield the events of a whole project, newest first.

    If the search ends early, its last pair is the position and None.
    """
    start = start or Position(EventRef(span.after, "", ""))
    refs = _Search(counters, commits, project, event_type, span, start, limit, at_most, now).refs()
    while batch := list(islice(refs, min(limit, limits.DEFAULT_PAGE) + 1)):
        found = {ref_of(event): event for event in events.get_many(project, [ref for _, ref in batch if ref])}
        for position, ref in batch:
            if ref is None:
                yield position, None
            elif ref in found:
                yield position, found[ref]


def ref_of(event: dict[str, Any]) -> EventRef:
    """Return the reference of an event that was read."""
    return EventRef(timestamps.sortable(timestamps.parse(event["timestamp"])), user_of(event), event["event_id"])


def _down_to(window: str) -> EventRef:
    """Return the position of a search that has read all events since a window began. It sorts before each of them."""
    return EventRef(windows.first_time(window), "", "")


@dataclass
class _Search:
    """`examined`: how many events were read, of whatever type and time."""

    counters: ports.Counters
    commits: ports.CommitLog
    project: str
    event_type: str | None
    span: Span
    start: Position
    limit: int
    at_most: int
    now: datetime
    examined: int = 0

    def refs(self) -> Iterator[tuple[Position, EventRef | None]]:
        """Yield each position with its event. If the search reaches a limit, the last pair is the position and None."""
        reached = ""
        for number, day in enumerate(self._days()):
            if number == limits.MAX_SEARCHED_DAYS:
                yield Position(_down_to(reached)), None
                return
            reached = day
            for hour, records in self._hours(day):
                for position, ref in self._of_hour(hour, records):
                    yield position, ref
                    if ref is None:
                        return
                if self.examined > self.at_most:
                    yield Position(_down_to(hour)), None
                    return

    def _days(self) -> list[str]:
        """Return the days before the start that may have commit records, newest first."""
        first, after = DAY.windows(self.span)
        days = self.counters.days(self.project, first=first, after=after, recorded_at=self.now)
        return [day for day in reversed(days) if _down_to(day) < self.start.before]

    def _hours(self, day: str) -> Iterator[tuple[str, Iterator[CommitRecord]]]:
        """Yield the hours of a day with their records, newest first.

        A search for one event type gets only the hours in which the counters have this type.
        """
        first = ""
        if self.span.first.startswith(day):
            first = windows.day_and_hour(self.span.first)[1] + windows.minute_of_hour(self.span.first)
        after = self._after() if self.start.before.time.startswith(day) else "~"
        if self.event_type is None:
            yield from groupby(self._records(day, first, after), key=lambda record: record.hour)
            return
        counters = self.counters.of_days(self.project, [day])
        hours = {each.hour for each in counters if each.event_type == self.event_type and any(each.minutes.values())}
        for hour in sorted(hours, reverse=True):
            _, name = windows.day_and_hour(hour)
            yield hour, self._records(day, max(first, name), min(after, f"{name}~"))

    def _after(self) -> str:
        """Return the end of the range that the search must still read in the day of the start."""
        if self.start.place:
            return f"{self.start.place}\0"
        _, hour = windows.day_and_hour(self.start.before.time)
        return hour if self.start.before == _down_to(HOUR.name_of(self.start.before.time)) else f"{hour}~"

    def _records(self, day: str, first: str, after: str) -> Iterator[CommitRecord]:
        # The records of each shard. Most records have several events, and no record should be read for nothing.
        page_items = 1 + self.limit // (4 * table_keys.SHARDS)
        for record in self.commits.newest(self.project, day, first=first, after=after, page_items=page_items):
            self.examined += max(1, len(record.owned))
            yield record

    def _of_hour(self, hour: str, records: Iterator[CommitRecord]) -> Iterator[tuple[Position, EventRef | None]]:
        """Yield the events of an hour: the newest sorted by time, then the others record by record."""
        before = min(self.start.before, EventRef(f"{hour}~", "", ""))
        read, held, number = list[CommitRecord](), list[EventRef](), 0
        is_sorted = not (self.start.place and HOUR.name_of(self.start.before.time) == hour)
        if is_sorted:
            for record in records:
                # A record is placed by its newest minute, so it holds no newer event.
                while held and windows.minute_of_hour(held[-1].time) > newest_minute_of(record.chunk_id):
                    before = held.pop()
                    yield Position(before), before
                read.append(record)
                number += max(1, len(record.owned))
                held = sorted([*held, *self._wanted(record, before)])
                if number > limits.SORTED_EVENTS:
                    break
            else:
                yield from ((Position(ref), ref) for ref in reversed(held))
                return
        for record in chain(read, records):
            place = table_keys.place_of_record(record.chunk_id)
            for ref in sorted(self._wanted(record, before), reverse=True):
                if is_sorted or place != self.start.place or ref < self.start.within:
                    yield Position(before, place, ref), ref
            if self.examined > self.at_most:
                yield Position(before, place), None
                return

    def _wanted(self, record: CommitRecord, before: EventRef) -> list[EventRef]:
        """Return the events of a record that the search asks for and that come after a position."""
        return [
            event.ref
            for event in record.owned
            if self.event_type in (None, event.event_type) and event.ref < before and self.span.holds(event.ref.time)
        ]
