"""The ports in memory. They are trusted because they pass the same contract tests as the adapters.

State lies in public attributes for tests to look at; so do the failures that a test may script.
"""

from fakes.agenda import FakeAgenda
from fakes.archive import FakeArchive
from fakes.commits import FakeCommitLog, FakeCounters, FakeErasure, FakeLedgerSums, FakeMarks
from fakes.events import FakeEventStore
from fakes.failures import FakeFailureNotes, FakeQuarantine
from fakes.metrics import FakeMeter
from fakes.projects import FakeProjectStore, FakeQuotaCounter, FakeRejectionLog
from fakes.queues import FakeDeadLetters, FakeQueue
from fakes.reports import FakeHourSummaryStore, FakeReportStore, FakeTopic

__all__ = [
    "FakeAgenda",
    "FakeArchive",
    "FakeCommitLog",
    "FakeCounters",
    "FakeDeadLetters",
    "FakeErasure",
    "FakeEventStore",
    "FakeFailureNotes",
    "FakeHourSummaryStore",
    "FakeLedgerSums",
    "FakeMarks",
    "FakeMeter",
    "FakeProjectStore",
    "FakeQuarantine",
    "FakeQueue",
    "FakeQuotaCounter",
    "FakeRejectionLog",
    "FakeReportStore",
    "FakeTopic",
]
