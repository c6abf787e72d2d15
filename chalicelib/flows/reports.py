"""Refreshes and publishes the report of one window."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core import hour_summary, limits, retries
from chalicelib.core import report as reporting
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.lifetimes import History
from chalicelib.core.report import Report
from chalicelib.core.windows import DAY, HOUR, Window
from chalicelib.errors import NotApplied

#: Reports of older windows are not sent to subscribers: an import of old events would send thousands of mails.
PUBLISHED_FOR = timedelta(days=7)
# An event may be received this long before its own time.
_AHEAD = timedelta(seconds=limits.MAX_FUTURE_SECONDS)


@dataclass
class Reporter:
    """Refreshes and publishes reports. `published`: the number of reports that were sent to subscribers."""

    counters: ports.Counters
    commits: ports.CommitLog
    reports: ports.ReportStore
    hour_summaries: ports.HourSummaryStore
    topic: ports.Topic
    lifetimes: History
    now: datetime
    published: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self, window: Window) -> tuple[HourSummary, bool]:
        """Recompute the report of a window from its commit records. Raises StoreFailed.

        Returns the summary from which the report is made, and whether all commit records still exist.
        """
        for _ in range(retries.REPORT.attempts):
            # Read the report before its inputs. If another aggregator writes a version in between, our write fails.
            # So an older view never replaces a newer one.
            current = self.reports.get(window)
            counted = self._counted(window) if self._may_lack_records(window) else None
            summary, is_whole = self._look(window, current, counted)
            if not is_whole and current is None:  # no earlier report has the users and values of the expired records
                return summary, False
            lacking = None if is_whole else self._counted(window) if counted is None else counted
            report = reporting.renewed(current, window, summary, self.now, lacking_records=lacking)
            if report == current:
                if window.made_of is None:
                    self.hour_summaries.keep(report, summary)
                return summary, is_whole
            if self.hour_summaries.save(report, summary) if window.made_of is None else self.reports.save(report):
                return summary, is_whole
        raise NotApplied("another aggregator kept winning")

    def _may_lack_records(self, window: Window) -> bool:
        """Return whether commit records of the window, if it is an hour, may have expired."""
        start = window.span.start
        return window.made_of is None and start is not None and self.lifetimes.is_forgotten(start, self.now + _AHEAD)

    def _counted(self, window: Window) -> Counter[str]:
        """Return the window's events by type, from its counters. Counters never expire."""
        first, after = DAY.windows(window.span)
        days = self.counters.days(window.project, first=first, after=after)
        first, after = HOUR.windows(window.span)
        sums = Counter[str]()
        for counter in (counter for day in days for counter in self.counters.of_day(window.project, day)):
            if first <= counter.hour < after:
                sums[counter.event_type] += sum(counter.minutes.values())
        return +sums

    def _look(self, window: Window, current: Report | None, counted: Counter[str] | None) -> tuple[HourSummary, bool]:
        """Return a window's summary, made from commit records or finer windows, and whether none of them expired."""
        if window.made_of is not None:
            return self._merge(window)
        summary = hour_summary.fold(self.commits.sums(window.project, window.name))
        there = summary.types.total()
        if counted is not None and counted.total() > there:
            return summary, False
        known = current.content["events"] if current else 1
        return summary, there + summary.erased >= known

    def _merge(self, window: Window) -> tuple[HourSummary, bool]:
        lacking: list[Window] = []
        merged = hour_summary.merge(self._parts(window, lacking))
        return merged, not lacking

    def _parts(self, window: Window, lacking: list[Window]) -> Iterator[HourSummary]:
        """Yield the summaries of the finer windows. Add windows whose records have expired to `lacking`."""
        part = window.made_of or HOUR
        found: set[str] = set()
        if part.made_of is None:
            for hour, summary in self.hour_summaries.of_day(window.project, window.name):
                found.add(hour)
                yield summary
        first, after = part.windows(window.span)
        for each in self.reports.between(window.project, part.name, first=first, after=after):
            is_whole = not each.content.get("records_expired")
            if each.window.name not in found:  # its summary has expired, or does not exist yet
                summary, is_whole = self.refresh(each.window)
                yield summary
            if not is_whole:
                lacking.append(each.window)

    def publish(self, window: Window) -> None:
        """Publish the newest version to the archive and to subscribers, at least once.

        Subscribers get no report of a window that ended more than PUBLISHED_FOR ago.
        """
        report = self.reports.get(window)
        if report is None:
            return
        if report.published < report.version:
            document = reporting.dump(report.to_json())
            self.reports.archive(report, document)
            if not window.is_over(self.now - PUBLISHED_FOR):
                self.topic.publish(
                    subject=reporting.subject(report),
                    message=reporting.message(report, document),
                    attributes={
                        "project": window.project,
                        "grain": window.grain,
                        "complete": "true" if report.content["complete"] else "false",
                    },
                )
                with self._counting:
                    self.published += 1
            self.reports.mark_published(report)
        if report.content["complete"]:
            self.reports.finish(report)
