"""The aggregator: makes reports of the hours and days that changed, and publishes new versions.

Reports are computed anew each time, never added up: an hour's from its commit records, a day's from the
hour_summaries of its hours. Running again gives the same, and a late event of whatever year gives a new version.
A window stays listed as unfinished until its newest version is published and its time is over, so nothing
depends on this run reaching its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from chalicelib import ports
from chalicelib.core import hour_summary, retries
from chalicelib.core import report as reporting
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report, Window
from chalicelib.core.table_keys import Mark
from chalicelib.errors import ProcessingFailed, StoreFailed

_log = logging.getLogger(__name__)

_Subject = TypeVar("_Subject", Window, Mark)


def aggregate(
    *,
    marks: ports.Marks,
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
    due = {window for mark in marked for window in reporting.windows_of(mark.project, mark.hour)}
    due |= {window for window in unfinished if window.is_over(now)}
    refreshed: set[Window] = set()
    looked_at: set[Window] = set()
    published: list[Window] = []
    removed: set[Mark] = set()
    # Day by day to the end, newest first: a run that is killed has finished what it reached, and a backfill of
    # years keeps nobody's live reports waiting.
    by_day: dict[tuple[str, str], set[Window]] = {}
    marks_of: dict[tuple[str, str], list[Mark]] = {}
    for mark in marked:
        marks_of.setdefault((mark.hour[:10], mark.project), []).append(mark)
    for window in due.union(unfinished):
        by_day.setdefault((window.name[:10], window.project), set()).add(window)
    for day, windows in sorted(by_day.items(), reverse=True):
        hours = {window for window in windows & due if window.grain == "hour"}
        refreshed |= _each(hours, lambda window: _refresh(window, commits, reports, hour_summaries, now))
        if hours <= refreshed:  # a day is made of its hours: where one of them failed, it waits for the next run
            days = (windows & due) - hours
            refreshed |= _each(days, lambda window: _refresh(window, commits, reports, hour_summaries, now))
        # Published before its mark goes: an hour that is taken off the marks is surely listed or done.
        in_order = sorted(windows, key=lambda window: (window.grain, window.name))
        looked_at |= _each(in_order, lambda window: _publish(window, reports, topic, published))
        if windows & due <= refreshed:  # a mark that a commit has put anew meanwhile stays
            removed |= _each(marks_of.get(day, ()), marks.remove)
    meter.add("reports_published", len(published))
    if len(refreshed) < len(due) or len(looked_at) < len(due.union(unfinished)) or len(removed) < len(marked):
        raise ProcessingFailed("some windows must be looked at again")
    return {"refreshed": len(refreshed), "published": len(published)}


def _each(subjects: Iterable[_Subject], action: Callable[[_Subject], object]) -> set[_Subject]:
    """The windows, or marks, for which the action did not fail."""
    succeeded = set()
    for subject in subjects:
        try:
            action(subject)
            succeeded.add(subject)
        except StoreFailed as error:
            _log.warning("%s is left for the next run: %s", subject, error)
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
            if window.grain == "hour":
                hour_summaries.keep(report, summary)
            return summary
        if hour_summaries.save(report, summary) if window.grain == "hour" else reports.save(report):
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
    """What an hour's commit records, or a day's hours, say now; None if some of those records have expired."""
    if window.grain == "hour":
        records = commits.records(window.project, window.name)
        ever_stored = sum(record.stored + record.erased for record in records)
        is_whole = records and (current is None or ever_stored >= current.content["events"])
        return hour_summary.of(records) if is_whole else None
    found: dict[str, HourSummary | None] = {**hour_summaries.of_day(window.project, window.name)}
    for hour in reports.between(window.project, "hour", first=window.name, after=f"{window.name}~"):
        if hour.window.name not in found:  # it has expired, or none was made yet
            found[hour.window.name] = _refresh(hour.window, commits, reports, hour_summaries, now)
    whole = [summary for summary in found.values() if summary is not None]
    return hour_summary.merge(whole) if len(whole) == len(found) else None


def _publish(window: Window, reports: ports.ReportStore, topic: ports.Topic, published: list[Window]) -> None:
    """Hand the newest version to the archive and to subscribers, at least once each."""
    report = reports.get(window)
    if report is None:
        return
    if report.published < report.version:
        document = reporting.dump(report.to_json())
        reports.archive(report, document)
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
        reports.mark_published(report)
        published.append(window)
    if report.content["complete"]:
        reports.finish(report)
