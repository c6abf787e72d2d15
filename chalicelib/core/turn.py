"""A turn of the aggregator: the work of one project, cut into portions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.core import timestamps
from chalicelib.core.table_keys import Mark
from chalicelib.core.windows import DAY, GRAINS, HOUR, Window, first_time, windows_of

#: A younger mark stays for a later run: its commit record may not be visible yet. A commit is sent within a minute of
#: its token (the processor's timeout), and DynamoDB applies it within seconds.
YOUNG = timedelta(minutes=2)
# A mark may be put during a run. A token further ahead comes from a wrong clock, and no run waits for it.
_AHEAD = timedelta(minutes=15)
#: Hours of a day that are done together. After them, the day is done once. A killed run repeats at most this many.
PORTION_HOURS = 6
#: The number of portions in a turn: the portion with the running hour, and the portion that has waited longest.
TURN_PORTIONS = 2


class Turn(NamedTuple):
    """The oldest marks of a project, and its windows that are listed as unfinished."""

    project: str
    marks: Sequence[Mark]
    unfinished: Sequence[Window]


class Portion(NamedTuple):
    """Marks of some hours of a day, and the windows to refresh for them."""

    marks: list[Mark]
    windows: set[Window]


def is_young(mark: Mark, now: datetime) -> bool:
    return now - YOUNG < mark.put_at < now + _AHEAD


class _Task(NamedTuple):
    """A mark or window to handle. `rank`: orders tasks: first the running hour, then the task that waits longest."""

    rank: tuple[bool, datetime]
    hour: str
    windows: list[Window]
    mark: Mark | None = None


def portions(turn: Turn, now: datetime) -> list[Portion]:
    """Return the portions of a turn. Each is a day or a part of a day.

    The portion of the running hour comes first. The others follow by the time that they have waited.
    """
    running = HOUR.name_of(timestamps.sortable(now))
    tasks = [_of_mark(mark, running) for mark in turn.marks]
    tasks += [_of_window(window) for window in turn.unfinished if window.is_over(now)]
    found: list[tuple[str, Portion]] = []
    for task in sorted(tasks, key=lambda task: task.rank):
        day = DAY.name_of(task.hour)
        portion = next((each for of, each in found if of == day and _has_room(each, task.hour)), None)
        if portion is None:
            portion = Portion([], set())
            found.append((day, portion))
        portion.windows.update(task.windows)
        portion.marks.extend([task.mark] if task.mark else [])
    return [portion for _, portion in found]


def _of_mark(mark: Mark, running: str) -> _Task:
    # A mark that was put off has waited for longer than its key shows.
    waits_since = max(mark.since, timestamps.parse(first_time(mark.put_in)))
    return _Task((mark.hour != running, waits_since), mark.hour, windows_of(mark.project, mark.hour), mark)


def _of_window(window: Window) -> _Task:
    return _Task((True, GRAINS[window.grain].end(window.name)), HOUR.name_of(first_time(window.name)), [window])


def _has_room(portion: Portion, hour: str) -> bool:
    hours = {window.name for window in portion.windows if window.grain == HOUR.name}
    return hour in hours or len(hours) < PORTION_HOURS
