"""Finds the events of a user or a project, newest first. A search reads a limited number of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from chalicelib import ports
from chalicelib.core import limits, table_keys, timestamps, windows
from chalicelib.core.event import EventRef, user_of
from chalicelib.core.windows import DAY, MINUTE, Span


def search_user(
    events: ports.EventStore,
    project: str,
    user: str,
    *,
    event_type: str | None,
    span: Span,
    before: EventRef | None,
    at_most: int,
) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
    """Yield the events of one user, newest first. A search that ends early yields its position and None last."""
    after = table_keys.event_item(project, before).sk if before else span.after
    return events.search(project, user, event_type=event_type, first=span.first, after=after, at_most=at_most)


def search_project(
    events: ports.EventStore,
    counters: ports.Counters,
    commits: ports.CommitLog,
    project: str,
    *,
    event_type: str | None,
    span: Span,
    before: EventRef | None,
    at_most: int,
) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
    """Yield the events of a whole project, newest first. A search that ends early yields its position and None last."""
    refs = _refs(counters, commits, project, event_type=event_type, span=span, before=before, at_most=at_most)
    while batch := list(islice(refs, limits.DEFAULT_PAGE)):
        for event in events.get_many(project, [ref for ref in batch if _is_event(ref)]):
            yield ref_of(event), event
        if not _is_event(batch[-1]):
            yield batch[-1], None


def ref_of(event: dict[str, Any]) -> EventRef:
    """Return the reference of an event that was read."""
    return EventRef(timestamps.sortable(timestamps.parse(event["timestamp"])), user_of(event), event["event_id"])


def days_with_events(counters: ports.Counters, project: str, span: Span) -> list[str]:
    """Return the days that have events and overlap the span, oldest first."""
    first, after = DAY.windows(span)
    return counters.days(project, first=first, after=after)


def _down_to(window: str) -> EventRef:
    """Return the position of a search that has read all events since a window began. It sorts before each of them."""
    return EventRef(windows.first_time(window), "", "")


def _is_event(position: EventRef) -> bool:
    return position.user != ""


def _refs(
    counters: ports.Counters,
    commits: ports.CommitLog,
    project: str,
    *,
    event_type: str | None,
    span: Span,
    before: EventRef | None,
    at_most: int,
) -> Iterator[EventRef]:
    """Yield references of events, newest first. A search that reaches a limit yields its position last."""
    end = before or EventRef(span.after, "", "")
    days = [day for day in days_with_events(counters, project, span) if _down_to(day) < end]
    days.reverse()
    # The first step does not count towards the limit: a search within an hour reads the hour's newer minutes again.
    examined: int | None = None
    for number, day in enumerate(days):
        if number == limits.MAX_SEARCHED_DAYS:
            yield _down_to(days[number - 1])
            return
        # The counters are few and small, and show which minutes have events.
        hours: dict[str, Counter[str]] = {}
        for each in counters.of_days(project, [day]):
            if event_type in (None, each.event_type):
                hours.setdefault(each.hour, Counter()).update(each.minutes)
        for hour in sorted(hours, reverse=True):
            steps = _steps(hour, hours[hour], span.first, end)
            for minute, found, read in _newest_first(commits, project, hour, steps, event_type):
                yield from (ref for ref in found if ref < end and span.holds(ref.time))
                examined = 0 if examined is None else examined + read
                if examined > at_most:
                    yield _down_to(windows.join_minute(hour, minute))
                    return


def _steps(hour: str, counts: Counter[str], earliest: str, end: EventRef) -> list[str]:
    """Return minutes of an hour, newest first. From one to the next there is about one page of events."""
    steps, waiting = [], 0
    minutes = sorted((minute for minute, count in counts.items() if count > 0), reverse=True)
    first = MINUTE.name_of(earliest)
    wanted = [
        m for m in minutes if first <= windows.join_minute(hour, m) and _down_to(windows.join_minute(hour, m)) < end
    ]
    for minute in wanted:
        waiting += counts[minute]
        if waiting >= limits.DEFAULT_PAGE or minute == wanted[-1]:
            steps.append(minute)
            waiting = 0
    return steps


def _newest_first(
    commits: ports.CommitLog, project: str, hour: str, steps: Sequence[str], event_type: str | None
) -> Iterator[tuple[str, list[EventRef], int]]:
    """Yield for each step its minute, the events down to that minute, and the number of events read.

    A record is read by its newest minute, so it holds no newer event. After each step, all events are known that are
    at least as new as the step's minute.
    """
    held: list[EventRef] = []
    last, minutes = "59", list(steps)
    while minutes:
        minute = minutes.pop(0)
        records = commits.newest(project, hour, minute, last)
        if not records and minutes:  # the records may have expired (counters never do): read the rest in one step
            minutes = minutes[-1:]
        held += [event.ref for record in records for event in record.owned if event_type in (None, event.event_type)]
        held.sort()
        found = []
        while held and windows.minute_of_hour(held[-1].time) >= minute:
            found.append(held.pop())
        yield minute, found, sum(len(record.owned) for record in records)
        last = f"{int(minute) - 1:02}"
