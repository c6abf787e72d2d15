"""Random schedules of the whole pipeline, on the fakes, and the test that they would catch what breaks it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from broken import (
    AsksNoPointer,
    JudgesByToday,
    JudgesNothingAsExpired,
    ReadsStaleOwners,
    TakesAllForOwned,
    TakesStaleOwnersForItself,
)
from builders import HISTORY
from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.event import Event
from chalicelib.core.lifetimes import History
from chalicelib.core.report import Report
from chalicelib.core.table_keys import Mark
from fakes import FakeArchive, FakeCommitLog, FakeEventStore, FakeMarks, FakeReportStore
from oracle import Violation
from schedule import START, Schedule


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each schedule logs as much as a bad day."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def run(schedule: type[Schedule], examples: int, *, repeatable: bool = True, phases: Iterable[Phase] = Phase) -> None:
    schedule.figures.clear()
    run_state_machine_as_test(
        schedule,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=repeatable,
            database=None,
            suppress_health_check=list(HealthCheck),  # a schedule draws much and throws much away
            print_blob=False,
            report_multiple_bugs=False,
            phases=tuple(phases),
        ),
    )


def test_no_schedule_violates_a_guarantee(request: pytest.FixtureRequest, figures: Callable[[str], None]) -> None:
    thorough = request.config.getoption("--thorough")
    run(Schedule, 10_000 if thorough else 300, repeatable=not thorough)
    figures(f"any schedule: {dict(Schedule.figures)}, 0 violations")
    for exercised in ("client retries", "answers 503", "faults", "redriven", "duplicates", "singles", "quarantined"):
        assert Schedule.figures[exercised] > 0, f"the schedules never exercised: {exercised}"


class CommitsTwice(FakeCommitLog):
    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:  # noqa: ARG002
        self._apply(records)
        return Outcome({record.chunk_id for record in records})


class TakesGroupsForDone(FakeCommitLog):
    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        outcome = super().commit(records, attempt=attempt)
        return Outcome({record.chunk_id for record in records}) if outcome.committed else outcome


class TakesDuplicatesForCommitted(FakeCommitLog):
    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        outcome = super().commit(records, attempt=attempt)
        return Outcome(outcome.committed | outcome.duplicates)


class ClaimsSinglesNowAndThen(FakeEventStore):
    """Whether a chunk is a single is decided anew by each attempt."""

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        if len(self.claims) % 2:
            self.stored.setdefault((chunk.project, event.ref), stored_form(event, chunk))
        return super()._claim(chunk, event)


class DropsMarks(FakeMarks):
    def remove(self, mark: Mark) -> None:
        self.tokens.pop((mark.project, mark.hour), None)


class OverwritesReports(FakeReportStore):
    def save(self, report: Report) -> bool:
        self.reports.pop(report.window, None)
        return super().save(report)


class NamesObjectsByTheirFirstChunk(FakeArchive):
    def write(self, events: Any, now: datetime) -> str:
        events = list(events)
        name = super().write(events, now)
        shared = f"events/{events[0].dumped.rpartition(b'chunk_id')[2].decode()}"
        self.objects[shared] = self.objects.pop(name)
        return shared


class DeletesStoredEvents(Schedule):
    @rule(pick=st.integers(0, 1000))
    def erase(self, pick: int) -> None:
        if self.events.stored:
            del self.events.stored[sorted(self.events.stored)[pick % len(self.events.stored)]]


class PurgesDeadLetters(Schedule):
    def redrive(self, twice: bool) -> None:  # noqa: ARG002
        for number in self.messages.of("dead"):
            self.messages.all[number].state = "gone"


class SweepsEarly(Schedule):
    @rule()
    def sweep(self) -> None:
        named = {record.archive_object for record in self.records.values()}
        for name in [name for name in self.archive.objects if name not in named]:
            del self.archive.objects[name]


LONG = timedelta(days=10_000)


class TrustsOldMessages(Schedule):
    first_lifetimes = History(((START - LONG, replace(HISTORY.current, max_chunk_age=LONG)),))


class ForgetsGuards(Schedule):
    guards_kept = timedelta(days=3)


class ForgetsEventsBeforeRecords(Schedule):
    def _expire(self) -> None:
        super()._expire()
        self.events.stored.clear()


class RenewsErasedPeople(Schedule):
    def _erased_people(self) -> dict[str, datetime]:
        return {}


class RenewsWhatMayExpire(Schedule):
    first_lifetimes = JudgesNothingAsExpired(HISTORY.entries)


class TakesTodaysLifetimes(Schedule):
    first_lifetimes = JudgesByToday(HISTORY.entries)


def broken(name: str, **ports: type) -> type[Schedule]:
    return type(name, (Schedule,), ports)


BROKEN: dict[str, type[Schedule]] = {
    "commit without its condition": broken("Broken", commit_log=CommitsTwice),
    "a cancel acknowledges the whole group": broken("Broken", commit_log=TakesGroupsForDone),
    "a single that is a duplicate taken as committed": broken("Broken", commit_log=TakesDuplicatesForCommitted),
    "a single decided by each attempt": broken("Broken", event_store=ClaimsSinglesNowAndThen),
    "a mark deleted whatever came in between": broken("Broken", mark_store=DropsMarks),
    "reports saved over any version": broken("Broken", report_store=OverwritesReports),
    "a stale read of the owner taken for another's": broken("Broken", event_store=ReadsStaleOwners),
    "a stale read of the owner taken for one's own": broken("Broken", event_store=TakesStaleOwnersForItself),
    "what exists is taken as mine": broken("Broken", event_store=TakesAllForOwned),
    "archive objects share a name": broken("Broken", archive_store=NamesObjectsByTheirFirstChunk),
    "a stored event deleted": DeletesStoredEvents,
    "events expire before commit records": ForgetsEventsBeforeRecords,
    "dead letters purged": PurgesDeadLetters,
    "orphans deleted early": SweepsEarly,
    "no maximum chunk age": TrustsOldMessages,
    "guards expire too early": ForgetsGuards,
    "a pointer that is not asked": broken("Broken", event_store=AsksNoPointer),
    "people who were erased are renewed": RenewsErasedPeople,
    "a chunk is renewed at any age": RenewsWhatMayExpire,
    "today's lifetimes judge older data": TakesTodaysLifetimes,
}


#: Caught within some ten schedules; the others, of which one takes thousands, run with `make chaos`.
SAMPLE = [
    "commit without its condition",
    "a stale read of the owner taken for one's own",
    "what exists is taken as mine",
    "events expire before commit records",
]


@pytest.mark.parametrize("name", BROKEN)
def test_schedules_catch_a_broken_pipeline(
    name: str, request: pytest.FixtureRequest, figures: Callable[[str], None]
) -> None:
    if name not in SAMPLE and not request.config.getoption("--thorough"):
        pytest.skip("runs with make chaos")
    try:
        run(BROKEN[name], 10_000, phases=[Phase.generate])
    except Violation as violation:
        figures(f"{name}: caught by schedule {BROKEN[name].figures['schedules']}: {str(violation)[:100]}")
    else:
        pytest.fail("no schedule caught it")
