"""Reports in memory, the hour summaries beside them, and the topic that they are published to."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report
from chalicelib.core.windows import Window
from chalicelib.errors import StoreFailed


@dataclass
class FakeReportStore:
    """`listed`: the unfinished windows, each with the version that may finish it. `archived`: the documents of
    versions. `fails`: none can be archived.
    """

    reports: dict[Window, Report] = field(default_factory=dict)
    listed: dict[Window, int] = field(default_factory=dict)
    archived: dict[tuple[Window, int], str] = field(default_factory=dict)
    fails: bool = False

    def get(self, window: Window) -> Report | None:
        return copy.deepcopy(self.reports.get(window))

    def save(self, report: Report) -> bool:
        current = self.reports.get(report.window)
        if current is not None and current.version >= report.version:
            return False
        self.reports[report.window] = copy.deepcopy(report)
        self.listed[report.window] = report.version
        return True

    def archive(self, report: Report, document: str) -> None:
        if self.fails:
            raise StoreFailed("the archive does not answer")
        self.archived[report.window, report.version] = document

    def mark_published(self, report: Report) -> None:
        current = self.reports.get(report.window)
        if current is not None and current.version == report.version:
            self.reports[report.window] = replace(current, published=report.version)

    def unfinished(self) -> list[Window]:
        return sorted(self.listed, key=lambda window: (window.project, window.grain, window.name))

    def finish(self, report: Report) -> None:
        if self.listed.get(report.window) == report.version:
            del self.listed[report.window]

    def between(
        self,
        project: str,
        grain: str,
        *,
        first: str,
        after: str,
        page_items: int | None = None,  # noqa: ARG002 - nothing is read in pages
    ) -> Iterator[Report]:
        for window in sorted(self.reports, key=lambda window: window.name, reverse=True):
            if (window.project, window.grain) == (project, grain) and first <= window.name < after:
                yield copy.deepcopy(self.reports[window])


@dataclass
class FakeHourSummaryStore:
    """`kept`: each hour's summary, with the version of the report that it belongs to. `meanwhile`: what others do
    just after the next reads of a day's hour_summaries, one for each. `orphans`: objects that no item names.
    """

    reports: FakeReportStore
    orphans: list[str] = field(default_factory=list)
    kept: dict[Window, tuple[int, HourSummary]] = field(default_factory=dict)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def save(self, report: Report, summary: HourSummary) -> bool:
        is_saved = self.reports.save(report)
        if is_saved:
            self.kept[report.window] = (report.version, copy.deepcopy(summary))
        return is_saved

    def keep(self, report: Report, summary: HourSummary) -> None:
        if report.window not in self.kept or self.kept[report.window][0] <= report.version:
            self.kept[report.window] = (report.version, copy.deepcopy(summary))

    def of_day(self, project: str, day: str) -> Iterator[tuple[str, HourSummary]]:
        found = {
            window.name: copy.deepcopy(summary)
            for window, (_, summary) in self.kept.items()
            if window.project == project and window.name.startswith(day)
        }
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return iter(found.items())

    def unnamed(self, older_than: datetime) -> Iterator[str]:  # noqa: ARG002 - no time passes here
        return iter(list(self.orphans))

    def delete(self, name: str) -> None:
        self.orphans.remove(name)


@dataclass
class FakeTopic:
    """`published`: subject, text, document and attributes of each message."""

    published: list[dict[str, Any]] = field(default_factory=list)
    fails: bool = False

    def publish(self, *, subject: str, message: str, attributes: dict[str, str]) -> None:
        if self.fails:
            raise StoreFailed("the topic does not answer")
        assert len(message.encode()) <= 262_144, "SNS takes no more"
        forms = json.loads(message)
        told = {"subject": subject, "text": forms["email"], "document": forms["default"], "attributes": attributes}
        self.published.append(told)
