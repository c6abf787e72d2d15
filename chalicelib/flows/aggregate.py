"""The aggregator: makes reports of the hours and days that changed, and publishes new versions.

Reports are computed anew each time, never added up: an hour's from its commit records, a day's from the
summaries of its hours. Running again gives the same, and a late event of whatever year gives a new version.
A window stays listed as unfinished until its newest version is published and its time is over, so nothing
depends on this run reaching its end.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib import ports
from chalicelib.core import hour_summary, retries
from chalicelib.core import report as reporting
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report
from chalicelib.core.table_keys import Mark
from chalicelib.core.windows import DAY, Window, first_time, reported, windows_of
from chalicelib.errors import BROKEN_CONTENT, ProcessingFailed, StoreFailed

_log = logging.getLogger(__name__)

#: Subscribers get no report of a window that has been over for longer: an import would send thousands of mails.
PUBLISHED_FOR = timedelta(days=7)

_Subject = TypeVar("_Subject", Window, Mark)


def aggregate(
    *,
    marks: ports.Marks,
    counters: ports.Counters,
    commits: ports.CommitLog,
    reports: ports.ReportStore,
    hour_summaries: ports.HourSummaryStore,
    topic: ports.Topic,
    meter: ports.Meter,
    now: datetime,
) -> dict[str, int]:
    """Refresh and publish; answers how many windows were refreshed and how many reports published.

    One window's failure leaves the others alone. Raises ProcessingFailed at the end if there was one.
    """
    marked = list(marks.all())
    meter.add("report_lag_seconds", max((now - mark.put_at).total_seconds() for mark in marked) if marked else 0)
    unfinished = list(reports.unfinished())
    due = {window for mark in marked for window in windows_of(mark.project, mark.hour)}
    due |= {window for window in unfinished if window.is_over(now)}
    refreshed: set[Window] = set()
    looked_at: set[Window] = set()
    waiting: set[Window] = set()
    published: list[Window] = []
    removed: set[Mark] = set()
    # Day by day to the end, newest first: a run that is killed has finished what it reached, and a backfill of
    # years keeps nobody's live reports waiting.
    for windows, their_marks in _by_day(marked, unfinished):
        wanted = windows & due
        done = _refresh_in_order(wanted, lambda window: _refresh(window, commits, reports, hour_summaries, now))
        # Before the mark goes: /counts takes the totals of a day that has none.
        done -= _sum_up({window for window in done if window.is_over(now)}, counters)
        # Published before its mark goes: an hour that is taken off the marks is listed as unfinished, or done.
        looked_at |= _each(sorted(windows), lambda window: _publish(window, reports, topic, published, now))
        if wanted == done:  # a mark that a commit has put anew meanwhile stays
            removed |= _each(their_marks, marks.remove)
        refreshed |= done
        waiting |= wanted - done
    meter.add("reports_published", len(published))
    if waiting or len(looked_at) < len(due.union(unfinished)) or len(removed) < len(marked):
        raise ProcessingFailed("some windows must be looked at again")
    return {"refreshed": len(refreshed), "published": len(published)}


def _sum_up(windows: set[Window], counters: ports.Counters) -> set[Window]:
    """Keep the totals of days that are over; answers those for which it failed."""
    days = {window for window in windows if window.grain == DAY.name}
    return days - _each(sorted(days), lambda window: counters.sum_up(window.project, window.name))


def _by_day(marks: Iterable[Mark], unfinished: Iterable[Window]) -> Iterable[tuple[set[Window], list[Mark]]]:
    """The windows to look at and the marks of each day and project, newest first.

    A window that is longer than a day comes, and is made, with each of its days that has marks, since a mark goes only
    when all its windows are made. If it came once, for all of its days, they would all have to fit into one run.
    """
    days: dict[tuple[str, str], tuple[set[Window], list[Mark]]] = defaultdict(lambda: (set(), []))
    for mark in marks:
        windows, their_marks = days[DAY.name_of(mark.hour), mark.project]
        windows.update(windows_of(mark.project, mark.hour))
        their_marks.append(mark)
    for window in unfinished:
        days[DAY.name_of(first_time(window.name)), window.project][0].add(window)
    return [days[day] for day in sorted(days, reverse=True)]


def _refresh_in_order(wanted: set[Window], refresh: Callable[[Window], object]) -> set[Window]:
    """Refresh windows from fine to coarse, and answer those for which it did not fail. A window is made of finer
    ones: where one of them failed, it waits for the next run.
    """
    done: set[Window] = set()
    expected: set[Window] = set()
    for grain in reported():
        if done == expected:
            ours = {window for window in wanted if window.grain == grain.name}
            expected |= ours
            done |= _each(ours, refresh)
    return done


def _each(subjects: Iterable[_Subject], action: Callable[[_Subject], object]) -> set[_Subject]:
    """The windows, or marks, for which the action did not fail."""
    succeeded = set()
    for subject in subjects:
        try:
            action(subject)
            succeeded.add(subject)
        except StoreFailed as error:
            _log.warning("%s is left for the next run: %s", subject, error)
        except BROKEN_CONTENT:
            _log.exception("%s is left for the next run", subject)
    return succeeded


def _refresh(
    window: Window,
    commits: ports.CommitLog,
    reports: ports.ReportStore,
    hour_summaries: ports.HourSummaryStore,
    now: datetime,
) -> HourSummary | None:
    """Make the window's report say what its commit records say now; answers what it was cut from, None if that
    has expired, and then the report stays as it is.
    """
    for _ in range(retries.REPORT.attempts):
        # The report is read before what it is made of: whoever puts a version between these reads and our
        # write makes the write fail, so an older view never replaces a newer one.
        current = reports.get(window)
        summary = _look(window, current, commits=commits, reports=reports, hour_summaries=hour_summaries, now=now)
        if summary is None:
            return None
        report = reporting.renewed(current, window, summary, now)
        if report == current:
            if window.made_of is None:
                hour_summaries.keep(report, summary)
            return summary
        if hour_summaries.save(report, summary) if window.made_of is None else reports.save(report):
            return summary
    raise StoreFailed("another aggregator kept winning")


def _look(
    window: Window,
    current: Report | None,
    *,
    commits: ports.CommitLog,
    reports: ports.ReportStore,
    hour_summaries: ports.HourSummaryStore,
    now: datetime,
) -> HourSummary | None:
    """What a window's commit records, or the windows that it is made of, say now; None if some of those records have
    expired.
    """
    part = window.made_of
    if part is None:
        records = commits.records(window.project, window.name)
        ever_stored = sum(record.stored + record.erased for record in records)
        is_whole = records and (current is None or ever_stored >= current.content["events"])
        return hour_summary.of(records) if is_whole else None
    found: dict[str, HourSummary | None] = {}
    if part.made_of is None:
        found |= hour_summaries.of_day(window.project, window.name)
    first, after = part.windows(window.span)
    for each in reports.between(window.project, part.name, first=first, after=after):
        if each.window.name not in found:  # it has expired, or none was made yet
            found[each.window.name] = _refresh(each.window, commits, reports, hour_summaries, now)
    whole = [summary for summary in found.values() if summary is not None]
    return hour_summary.merge(whole) if len(whole) == len(found) else None


def _publish(
    window: Window, reports: ports.ReportStore, topic: ports.Topic, published: list[Window], now: datetime
) -> None:
    """Hand the newest version to the archive and, unless the window is long over, to subscribers; at least once."""
    report = reports.get(window)
    if report is None:
        return
    if report.published < report.version:
        document = reporting.dump(report.to_json())
        reports.archive(report, document)
        if not window.is_over(now - PUBLISHED_FOR):
            topic.publish(
                subject=reporting.subject(report),
                text=reporting.plain_text(report),
                document=document,
                attributes={
                    "project": window.project,
                    "grain": window.grain,
                    "complete": "true" if report.content["complete"] else "false",
                },
            )
            published.append(window)
        reports.mark_published(report)
    if report.content["complete"]:
        reports.finish(report)
