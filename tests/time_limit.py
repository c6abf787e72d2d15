"""A commit log whose caller runs out of time, as a function does at Lambda's limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.core.commit import CommitRecord
from fakes import FakeCommitLog


class TimeIsUp(BaseException):
    """Lambda ends the function."""


@dataclass
class Limited(FakeCommitLog):
    """Reads the records of so many hours, then the time is up."""

    left: Iterator[int] = field(default_factory=lambda: iter(()))

    def records(self, project: str, window: str) -> list[CommitRecord]:
        if next(self.left, None) is None:
            raise TimeIsUp
        return super().records(project, window)
