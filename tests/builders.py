"""Events, chunks, records and messages as tests need them, and the flows wired to fakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

from chalicelib.core import chunk as chunks
from chalicelib.core import commit, failures, limits, timestamps
from chalicelib.core.chunk import Chunk, Sender
from chalicelib.core.chunk_id import mint_chunk_id, single_id
from chalicelib.core.commit import CommitRecord
from chalicelib.core.dialects import Incoming, RawEvent, own
from chalicelib.core.dialects.registry import OWN
from chalicelib.core.event import Event
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.failures import Quarantined
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.report import Report
from chalicelib.core.windows import MINUTE, Window
from chalicelib.flows import aggregate as aggregator
from chalicelib.flows import process as processor
from chalicelib.flows import query
from chalicelib.ports import Message
from chalicelib.settings import Settings
from fakes import (
    FakeAgenda,
    FakeArchive,
    FakeCommitLog,
    FakeCounters,
    FakeDeadLetters,
    FakeErasure,
    FakeEventStore,
    FakeFailureNotes,
    FakeHourSummaryStore,
    FakeLedgerSums,
    FakeMarks,
    FakeMeter,
    FakeQuarantine,
    FakeQueue,
    FakeReportStore,
    FakeTopic,
)

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)
SETTINGS = Settings("queue", "table", "bucket", "topic", "secret", is_open=True)
LIFETIMES = Lifetimes()
#: A stage that never had others.
HISTORY = History(((datetime(1970, 1, 1, tzinfo=UTC), LIFETIMES),))
_numbers = count(1)


def raw_events(body: bytes) -> list[RawEvent]:
    """The events of a body in Millrace's own form."""
    return own.read(OWN.opened(Incoming(body, {}, {}, NOW))).events


def make_event(
    event_id: str = "e1",
    *,
    at: str = "2015-05-17T10:05:00Z",
    user: str = "u1",
    event_type: str = "page_view",
    guarded: bool = False,
    sole_id: bool = False,
    own: str | None = None,
    anonymous: str | None = None,
    **properties: Any,
) -> Event:
    """An event of the user at a time; guarded: it was sent with its id but without its time.

    sole_id: its project lets the id alone tell it. own: the client's own time, if a correction moved the event.
    anonymous: the anonymous id that tells it, since its library may name another user.
    """
    return Event(
        event_id=event_id,
        event_type=event_type,
        time=timestamps.sortable(timestamps.parse(at)),
        user_id=user,
        anonymous_id=anonymous,
        properties=properties,
        context={},
        guarded=guarded,
        own_time=timestamps.sortable(timestamps.parse(own)) if own else None,
        user_may_change=anonymous is not None,
        sole_id=sole_id,
    )


def make_single(event: Event | None = None, *, project: str = "acme", received: datetime = NOW) -> Chunk:
    """A single: a chunk of one event that is stamped as ingestion does it."""
    chunk = make_chunk(event or make_event(), project=project, received=received)
    return replace(chunk, chunk_id=single_id(chunk.chunk_id, chunk.events[0].ref))


def make_chunk(*events: Event, project: str = "acme", received: datetime = NOW, repeats: int = 0) -> Chunk:
    """A chunk with an id of its own, of one event or of those given, which must share an hour; never a single."""
    events = events or (make_event(at=received.isoformat()) if received < NOW else make_event(),)
    newest = MINUTE.name_of(max(event.time for event in events))
    chunk_id = mint_chunk_id(received, newest, next(_numbers).to_bytes(10, "big"))
    return Chunk(chunk_id, Sender(project, received, "192.0.2.1", "browser"), events, repeats)


def make_body(single: Chunk) -> bytes:
    (event,) = single.events
    return StoredEvent.of(event, single).body(event, single)


def make_record(chunk: Chunk, owned: Sequence[Event] | None = None, archive_object: str = "object") -> CommitRecord:
    """The commit record of a chunk that owns all its events, or those given."""
    body = make_body(chunk) if chunk.is_single and owned is None else None
    return commit.make_record(chunk, chunk.events if owned is None else owned, archive_object, ("page",), body=body)


def make_quarantined(chunk: Chunk, code: str = "too_old") -> Quarantined:
    return failures.quarantined_chunk(chunk, code, NOW)


def make_report(window: Window, version: int = 1, published: int = 0, **content: Any) -> Report:
    return Report(window, version, {"complete": True, "events": 1} | content, published)


def make_message(chunk: Chunk, *, receive_count: int = 1) -> Message:
    return Message(chunks.encode(chunk), f"handle-{next(_numbers)}", receive_count)


@dataclass
class World:
    """A pipeline whose ports are all fakes; one table is behind events, commits and quarantine."""

    queue: FakeQueue = field(default_factory=FakeQueue)
    dead_letters: FakeDeadLetters = field(default_factory=FakeDeadLetters)
    events: FakeEventStore = field(default_factory=FakeEventStore)
    commits: FakeCommitLog = field(default_factory=FakeCommitLog)
    failure_notes: FakeFailureNotes = field(default_factory=FakeFailureNotes)
    quarantine: FakeQuarantine = field(default_factory=FakeQuarantine)
    archive: FakeArchive = field(default_factory=FakeArchive)
    reports: FakeReportStore = field(default_factory=FakeReportStore)
    hour_summaries: FakeHourSummaryStore = field(init=False)
    agenda: FakeAgenda = field(init=False)
    topic: FakeTopic = field(default_factory=FakeTopic)
    meter: FakeMeter = field(default_factory=FakeMeter)
    seconds_left: Callable[[], float] = lambda: math.inf
    lifetimes: History = HISTORY

    def __post_init__(self) -> None:
        self.commits.events, self.quarantine.commits = self.events, self.commits
        self.hour_summaries = FakeHourSummaryStore(self.reports)
        self.agenda = FakeAgenda(self.marks, self.reports)

    @property
    def counters(self) -> FakeCounters:
        return self.commits.counters

    @property
    def marks(self) -> FakeMarks:
        return self.commits.marks

    @property
    def ledger_sums(self) -> FakeLedgerSums:
        return self.commits.ledger_sums

    @property
    def erasure(self) -> FakeErasure:
        return FakeErasure(self.events, self.commits)

    def process(self, *messages: Message, now: datetime = NOW) -> None:
        processor.process(
            messages,
            queue=self.queue,
            events=self.events,
            commits=self.commits,
            failure_notes=self.failure_notes,
            archive=self.archive,
            quarantine=self.quarantine,
            meter=self.meter,
            now=now,
            lifetimes=self.lifetimes,
            report_properties=SETTINGS.report_properties,
            seconds_left=self.seconds_left,
        )

    def take(self, *given: Chunk) -> None:
        """Give chunks their effects, each in a batch of its own."""
        for chunk in given:
            self.process(make_message(chunk), now=chunk.sender.received)

    def aggregate(self, now: datetime = NOW, **options: Any) -> dict[str, int]:
        return aggregator.aggregate(
            agenda=self.agenda,
            marks=self.marks,
            counters=self.counters,
            commits=self.commits,
            reports=self.reports,
            hour_summaries=self.hour_summaries,
            topic=self.topic,
            meter=self.meter,
            now=now,
            **{"lifetimes": self.lifetimes, **options},
        )

    def find_events(
        self, parameters: Mapping[str, str], *, project: str = "acme", at_most: int = limits.MAX_EXAMINED
    ) -> dict[str, Any]:
        return query.find_events(
            parameters,
            project=project,
            events=self.events,
            counters=self.counters,
            commits=self.commits,
            secret=SETTINGS.cursor_secret,
            now=NOW,
            at_most=at_most,
        )

    def find_reports(self, parameters: Mapping[str, str], *, project: str = "acme") -> dict[str, Any]:
        return query.find_reports(parameters, project=project, reports=self.reports, secret=SETTINGS.cursor_secret)

    def count(self, parameters: Mapping[str, str], *, project: str = "acme") -> list[dict[str, Any]]:
        counts: list[dict[str, Any]] = query.count(
            parameters, project=project, counters=self.counters, marks=self.marks
        )["counts"]
        return counts

    def receipt(self, chunk_id: str, *, project: str = "acme", now: datetime = NOW) -> dict[str, Any]:
        return query.get_receipt(
            chunk_id,
            project=project,
            commits=self.commits,
            quarantine=self.quarantine,
            failure_notes=self.failure_notes,
            lifetimes=self.lifetimes,
            now=now,
        )

    def archived(self) -> dict[str, list[str]]:
        """The ids of the archived events, by object."""
        return {name: [event["event_id"] for event in events] for name, events in self.archive.documents().items()}

    def counted(self) -> dict[tuple[str, str], int]:
        """What the counters say: project and event type to events."""
        sums: dict[tuple[str, str], int] = {}
        for (project, _, event_type), minutes in self.counters.counts.items():
            sums[project, event_type] = sums.get((project, event_type), 0) + minutes.total()
        return sums


def handles(messages: Iterable[Message]) -> set[str]:
    return {message.receipt_handle for message in messages}


# Event id to time, user and type; b2 differs from b in its user alone.
ROWS = {
    "a": ("2015-05-16T23:59:59.999Z", "u1", "view"),
    "b": ("2015-05-17T10:05:00Z", "u1", "view"),
    "b2": ("2015-05-17T10:05:00Z", "u2", "view"),
    "c": ("2015-05-17T10:05:30Z", "u2", "click"),
    "d": ("2015-05-17T10:59:59Z", "u1", "click"),
    "e": ("2015-05-17T11:00:00Z", "u2", "view"),
    "f": ("2015-05-18T00:00:00Z", "u1", "view"),
}
NEWEST_FIRST = ["f", "e", "d", "c", "b2", "b", "a"]


def make_row(event_id: str) -> Event:
    at, user, event_type = ROWS[event_id]
    return make_event(event_id, at=at, user=user, event_type=event_type)


def world_of_rows() -> World:
    """The rows in chunks of one hour each, duplicates among them, and two events of another project."""
    world = World()
    for together in (["d", "b"], ["a"], ["f"], ["c", "b", "b2"], ["e"], ["b", "d"]):
        world.take(make_chunk(*map(make_row, together)))
    world.take(make_chunk(make_row("b"), make_event("theirs"), project="other"))
    return world


def read_pages(
    ask: Callable[[Mapping[str, str]], dict[str, Any]], parameters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All pages of an answer, each asked for with the cursor of the one before."""
    pages = [ask(parameters)]
    while pages[-1]["next"]:
        assert len(pages) < 1000, "the pages do not end"
        pages.append(ask({**parameters, "cursor": pages[-1]["next"]}))
    return pages
