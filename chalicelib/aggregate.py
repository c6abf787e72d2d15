"""The aggregator: makes reports of the hours and days that changed, and publishes new versions.

Reports are computed from commit records each time, never added up: running again gives the same, and
a late event of whatever year gives a new version. A window stays listed as unfinished until its
newest version is published and its time is over, so nothing depends on this run reaching its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from chalicelib import ports
from chalicelib.core import report as reporting
from chalicelib.core.report import Report, Window
from chalicelib.errors import ProcessingFailed, StoreFailed

_log = logging.getLogger(__name__)

# Only another aggregator can win a round, and each round of its makes the report newer.
_ROUNDS = 10


def aggregate(
    *,
    commits: ports.CommitLog,
    reports: ports.ReportStore,
    archive: ports.Archive,
    topic: ports.Topic,
    meter: ports.Meter,
    now: datetime,
) -> dict[str, int]:
    """Refresh and publish; answers how many windows were refreshed and how many reports published.

    One window's failure leaves the others alone. Raises ProcessingFailed at the end if there was one.
    """
    touched = list(commits.touched())
    meter.add("report_lag_seconds", max((now - mark.put_at).total_seconds() for mark in touched) if touched else 0)
    due = {window: None for mark in touched for window in reporting.windows_of(mark.project, mark.hour)}
    due |= {window: None for window in reports.unfinished() if window.is_over(now)}
    refreshed = _each(due, lambda window: _refresh(window, commits, reports, now))
    for mark in touched:
        if all(window in refreshed for window in reporting.windows_of(mark.project, mark.hour)):
            commits.untouch(mark)  # put anew by a commit that came in between, it stays
    unfinished = list(reports.unfinished())
    published: list[Window] = []
    looked_at = _each(unfinished, lambda window: _publish(window, reports, archive, topic, published))
    meter.add("reports_published", len(published))
    if len(refreshed) < len(due) or len(looked_at) < len(unfinished):
        raise ProcessingFailed("some windows must be looked at again")
    return {"refreshed": len(refreshed), "published": len(published)}


def _each(windows: Iterable[Window], action: Callable[[Window], None]) -> set[Window]:
    """The windows for which the action did not fail."""
    succeeded = set()
    for window in windows:
        try:
            action(window)
            succeeded.add(window)
        except StoreFailed as error:
            _log.warning("report of %s %s %s: %s", window.project, window.grain, window.name, error)
    return succeeded


def _refresh(window: Window, commits: ports.CommitLog, reports: ports.ReportStore, now: datetime) -> None:
    """Make the window's report say what its commit records say now."""
    for _ in range(_ROUNDS):
        # The report is read before the records: whoever puts a version between these reads and our
        # write makes the write fail, so an older view never replaces a newer one.
        current = reports.get(window)
        # Once complete, always complete: a run that started earlier may still hold an earlier time.
        complete = window.is_over(now) or (current is not None and current.content["complete"])
        content = reporting.summarise(commits.records(window.project, window.name), complete=complete)
        if current is not None and current.content == content:
            return
        version, published = (current.version, current.published) if current else (0, 0)
        if reports.save(Report(window, version + 1, content, published)):
            return
    raise StoreFailed("another aggregator kept winning")


def _publish(
    window: Window, reports: ports.ReportStore, archive: ports.Archive, topic: ports.Topic, published: list[Window]
) -> None:
    """Hand the newest version to the archive and to subscribers, at least once each."""
    report = reports.get(window)
    if report is None:
        return
    if report.published < report.version:
        document = reporting.dump(report.to_json())
        archive.write_report(window.project, window.grain, window.name, report.version, document)
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
