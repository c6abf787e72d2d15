"""A turn of the aggregator: what one project has to do, and in which portions it is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.core import timestamps
from chalicelib.core.table_keys import Mark
from chalicelib.core.windows import DAY, GRAINS, HOUR, Window, first_time, windows_of

#: A mark stays for a later run while it is younger: its commit record may not be visible yet. A commit is sent within a
#: minute of its token (the processor's timeout), and DynamoDB applies it within seconds.
YOUNG = timedelta(minutes=2)
# It may have been put while a run lasts. A token that is further ahead comes from a clock that nobody can wait for.
_AHEAD = timedelta(minutes=15)
#: Hours of a day that are done together, and then the day once: what a run that is killed does again at most.
PORTION_HOURS = 6
#: Portions of a turn: that of the running hour, and that which has waited longest.
TURN_PORTIONS = 2


class Turn(NamedTuple):
    """The first marks of a project in the order in which they were put, and windows that are listed as unfinished."""

    project: str
    marks: Sequence[Mark]
    unfinished: Sequence[Window]


class Portion(NamedTuple):
    """Marks of some hours of a day, and the windows to make of them."""

    marks: list[Mark]
    windows: set[Window]


def is_young(mark: Mark, now: datetime) -> bool:
    return now - YOUNG < mark.put_at < now + _AHEAD


class _Task(NamedTuple):
    """`rank`: the running hour first, then by how long it has waited."""

    rank: tuple[bool, datetime]
    hour: str
    windows: list[Window]
    mark: Mark | None = None


def portions(turn: Turn, now: datetime) -> list[Portion]:
    """What a turn has to do, a day or a part of one each: the running hour first, then the longest wait."""
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
    # A mark that was put off has waited for longer than its place says.
    waits_since = max(mark.since, timestamps.parse(first_time(mark.put_in)))
    return _Task((mark.hour != running, waits_since), mark.hour, windows_of(mark.project, mark.hour), mark)


def _of_window(window: Window) -> _Task:
    return _Task((True, GRAINS[window.grain].end(window.name)), HOUR.name_of(first_time(window.name)), [window])


def _has_room(portion: Portion, hour: str) -> bool:
    hours = {window.name for window in portion.windows if window.grain == HOUR.name}
    return hour in hours or len(hours) < PORTION_HOURS
