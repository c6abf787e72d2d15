"""The aggregator: refreshes the reports of changed hours and days, and publishes the new versions.

A report is always recomputed, never incremented. The report of an hour is made from its commit records, and the report
of a day from the summaries of its hours. So a second run gives the same report, and a late event of any year gives a
new version. A window stays listed as unfinished until it is over and its newest version is published. So no run needs
to reach its end.

Projects take turns. A turn is short, and each of its portions is finished before the next begins. So a run that is
killed keeps the work of its finished portions, and the next run begins with the next project.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Protocol, TypeVar

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.lifetimes import History
from chalicelib.core.table_keys import Mark
from chalicelib.core.turn import TURN_PORTIONS, Portion, Turn, is_young, portions
from chalicelib.core.windows import DAY, HOUR, Window, reported
from chalicelib.errors import BROKEN_CONTENT, NotApplied, ProcessingFailed, StoreFailed
from chalicelib.flows.reports import Reporter

_log = logging.getLogger(__name__)

#: Turns that run side by side. A killed run leaves at most this many turns half done.
AT_ONCE = 8
#: With fewer seconds left, no portion begins, and a running portion begins no further hour.
_LEAST_SECONDS = 30

_Subject = TypeVar("_Subject", Window, Mark)
#: A turn, and what is to be done in it.
_Planned = tuple[Turn, Sequence[Portion]]


class SideBySide(Protocol):
    def __call__(self, act: Callable[[_Planned], bool], given: Iterable[_Planned], /) -> Iterable[bool]: ...


def aggregate(
    *,
    agenda: ports.Agenda,
    marks: ports.Marks,
    counters: ports.Counters,
    commits: ports.CommitLog,
    reports: ports.ReportStore,
    hour_summaries: ports.HourSummaryStore,
    topic: ports.Topic,
    meter: ports.Meter,
    lifetimes: History,
    now: datetime,
    seconds_left: Callable[[], float] = lambda: math.inf,
    side_by_side: SideBySide = map,
) -> dict[str, int]:
    """Refresh and publish reports until nothing is left to do or the time is over.

    Returns the number of refreshed windows and the number of published reports. A window that fails does not stop
    the others; ProcessingFailed is raised at the end.
    """
    reporter = Reporter(
        counters=counters,
        commits=commits,
        reports=reports,
        hour_summaries=hour_summaries,
        topic=topic,
        lifetimes=lifetimes,
        now=now,
    )
    run = _Run(agenda, marks, counters, reporter, now, seconds_left, side_by_side)
    try:
        while run.take_turns():
            pass
    finally:
        meter.add("report_lag_seconds", run.longest_wait)
        meter.add("reports_published", reporter.published)
    if run.failed:
        raise ProcessingFailed("some windows could not be refreshed or published")
    return {"refreshed": len(run.refreshed), "published": reporter.published}


@dataclass
class _Run:
    """One run of the aggregator. `done`: the windows and marked hours that this run has handled, by (project, name).

    `failed`: the windows and marks that the next run must try again.
    """

    agenda: ports.Agenda
    marks: ports.Marks
    counters: ports.Counters
    reporter: Reporter
    now: datetime
    seconds_left: Callable[[], float]
    side_by_side: SideBySide
    longest_wait: float = 0
    done: set[tuple[str, str]] = field(default_factory=set)
    failed: set[Window | Mark] = field(default_factory=set)
    refreshed: set[Window] = field(default_factory=set)

    def take_turns(self) -> bool:
        """Give each project one turn. Return whether any project has work left and time remains."""
        running_hour = HOUR.name_of(timestamps.sortable(self.now))
        turns = self.agenda.turns(after=self.agenda.last_turn(), running_hour=running_hour, done=self.done)
        is_left = False
        while group := list(islice(turns, AT_ONCE)):
            if not self._has_time():
                return False
            waits = [(self.now - mark.since).total_seconds() for turn in group for mark in turn.marks]
            self.longest_wait = max([self.longest_wait, *waits])
            planned = [(turn, portions(turn, self.now)) for turn in group]
            self._begin_turns([turn.project for turn, todo in planned if todo])
            # Without the list, `any` would stop at the first True, and the other turns would not run.
            is_left |= any(list(self.side_by_side(self._take_turn, planned)))
        return is_left

    def _begin_turns(self, projects: Sequence[str]) -> None:
        """Record whose turn began last. If a turn kills this run, the next run begins with the project after it."""
        try:
            if projects:
                self.agenda.begin_turn(projects[-1])
        except StoreFailed as error:
            _log.warning("the turn could not be recorded: %s", error)

    def _has_time(self) -> bool:
        return self.seconds_left() > _LEAST_SECONDS

    def _take_turn(self, planned: _Planned) -> bool:
        """Do the first portions of a project and publish its running windows. Return whether portions are left."""
        turn, todo = planned
        for portion in todo[:TURN_PORTIONS]:
            if self._has_time():
                self._do(portion)
        left = [window for window in turn.unfinished if (window.project, window.name) not in self.done]
        open_ones = [window for window in left if not window.is_over(self.now)]
        self._each(open_ones, self.reporter.publish)
        self.done |= {(window.project, window.name) for window in open_ones}
        return len(todo) > TURN_PORTIONS

    def _do(self, portion: Portion) -> None:
        """Refresh and publish the windows of a portion, then settle its marks."""
        wanted = portion.windows
        refreshed, postponed = self._refresh_in_order(wanted)
        over = {window for window in refreshed if window.grain == DAY.name and window.is_over(self.now)}
        # Make the day totals before the marks are removed: /counts reads the totals of a day that has no mark.
        summed_up = self._each(over, lambda window: self.counters.sum_up(window.project, window.name))
        finished = refreshed - (over - summed_up)
        # Publish before the marks are removed, too. A window without a mark must be done, or listed as unfinished.
        self._each(sorted(refreshed), self.reporter.publish)
        hours = {window.name for window in wanted if window.grain == HOUR.name} - postponed
        is_whole = all(window in finished for window in wanted if window.grain != HOUR.name)
        for mark in portion.marks:
            if mark.hour in postponed:
                continue
            is_made = is_whole and any(each.name == mark.hour and each.grain == HOUR.name for each in finished)
            self._each([mark], self._settle if is_made else self._put_off)
        self.refreshed |= refreshed
        project = next(iter(wanted)).project
        self.done |= {(project, hour) for hour in hours}
        self.done |= {(project, window.name) for window in wanted if window.grain != HOUR.name}

    def _settle(self, mark: Mark) -> None:
        """Remove a mark whose reports are refreshed. Keep a young mark: its commit record may not be visible yet."""
        if is_young(mark, self.now):
            self.marks.keep(mark, self.now)
        else:
            self.marks.remove(mark)

    def _put_off(self, mark: Mark) -> None:
        self.marks.put_off(mark, self.now)

    def _refresh_in_order(self, wanted: set[Window]) -> tuple[set[Window], set[str]]:
        """Refresh the hours, then their days. If an hour fails, the days wait, because a day is made of its hours.

        Returns the windows that were refreshed, and the names of the hours that are postponed for lack of time.
        """
        done, expected, postponed = set[Window](), set[Window](), set[str]()
        for grain in reported():
            if done == expected and (done or not postponed):
                for window in sorted(window for window in wanted if window.grain == grain.name):
                    if grain == HOUR and done and not self._has_time():
                        postponed.add(window.name)
                        continue
                    expected.add(window)
                    done |= self._each([window], self.reporter.refresh)
        return done, postponed

    def _each(self, subjects: Iterable[_Subject], action: Callable[[_Subject], object]) -> set[_Subject]:
        """Return the windows or marks for which the action succeeded."""
        return set(_attempt(subjects, action, self._fail))

    def _fail(self, subject: Window | Mark, error: Exception) -> None:
        """Leave a window or mark for the next run. A lost race or a lack of time does not count as a failure."""
        if isinstance(error, StoreFailed):
            _log.warning("%s is left for the next run: %s", subject, error)
            if self.seconds_left() <= 0 or (isinstance(error, NotApplied) and error.passes):
                return
        else:
            _log.error("%s is left for the next run", subject, exc_info=error)
        self.failed.add(subject)


def _attempt(
    subjects: Iterable[_Subject], action: Callable[[_Subject], object], fail: Callable[[_Subject, Exception], None]
) -> Iterator[_Subject]:
    for subject in subjects:
        try:
            action(subject)
        except (StoreFailed, *BROKEN_CONTENT) as error:
            fail(subject, error)
        else:
            yield subject
