"""The agenda of the aggregator, over marks and unfinished windows in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from chalicelib.core.turn import Turn
from fakes.commits import FakeMarks
from fakes.reports import FakeReportStore


@dataclass
class FakeAgenda:
    """`begun`: the projects whose turns began."""

    marks: FakeMarks
    reports: FakeReportStore
    begun: list[str] = field(default_factory=list)

    def turns(self, *, after: str, running_hour: str, done: Collection[tuple[str, str]]) -> Iterator[Turn]:  # noqa: ARG002
        marks = [mark for mark in self.marks.all() if (mark.project, mark.hour) not in done]
        windows = [window for window in self.reports.unfinished() if (window.project, window.name) not in done]
        projects = {mark.project for mark in marks} | {window.project for window in windows}
        for project in sorted(projects, key=lambda project: (project <= after, project)):
            yield Turn(
                project,
                [mark for mark in marks if mark.project == project],
                [window for window in windows if window.project == project],
            )

    def last_turn(self) -> str:
        return self.begun[-1] if self.begun else ""

    def begin_turn(self, project: str) -> None:
        self.begun.append(project)
