"""The ports in memory. They are trusted because they pass the same contract tests as the adapters.

State lies in public attributes for tests to look at; so do the failures that a test may script.
"""

from __future__ import annotations

import copy
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib.core import commit, event_body
from chalicelib.core.access_key import AccessKey
from chalicelib.core.chunk import Chunk, newest_minute_of, owner_of, stored_form
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.counting import HourCounter
from chalicelib.core.event import Event, stable_id
from chalicelib.core.failures import Failure, Quarantined
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.ledger import Committed
from chalicelib.core.metrics import CATALOGUE
from chalicelib.core.project import Project
from chalicelib.core.rejection import RejectedPost
from chalicelib.core.report import Report, Window
from chalicelib.core.table_keys import EventRef, Mark
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content, Message

_WRITTEN = datetime(2015, 5, 17, tzinfo=UTC)


@dataclass
class FakeQueue:
    """`refuse`: positions of a send that are not queued."""

    bodies: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refuse: set[int] = field(default_factory=set)

    def send(self, bodies: Sequence[str]) -> set[int]:
        queued = set(range(len(bodies))) - self.refuse
        self.bodies += [bodies[position] for position in sorted(queued)]
        return queued

    def depth(self) -> int:
        return len(self.messages())

    def delete(self, receipt_handles: Sequence[str]) -> None:
        self.deleted += receipt_handles

    def messages(self) -> list[Message]:
        """What a consumer gets: everything that was sent and not deleted."""
        sent = [Message(body, f"handle-{number}") for number, body in enumerate(self.bodies)]
        return [message for message in sent if message.receipt_handle not in self.deleted]


@dataclass
class FakeDeadLetters:
    """`letters`: what is in it, by receipt handle; `held`: the handles that nobody else sees.
    `undeletable`: nothing can be deleted.
    """

    letters: dict[str, Message] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    undeletable: bool = False

    def put(self, body: str, **facts: Any) -> Message:
        number = len(self.letters) + 1
        message = Message(body, f"dead-{number}", message_id=f"message-{number}", **facts)
        self.letters[message.receipt_handle] = message
        return message

    def receive(self, *, hold_seconds: int) -> list[Message]:  # noqa: ARG002 - no time passes here
        seen = [handle for handle in self.letters if handle not in self.held][:10]
        self.held |= set(seen)
        for handle in seen:
            message = self.letters[handle]
            self.letters[handle] = replace(message, receive_count=message.receive_count + 1)
        return [self.letters[handle] for handle in seen]

    def release(self, receipt_handles: Sequence[str]) -> None:
        self.held -= set(receipt_handles)

    def delete(self, receipt_handles: Sequence[str]) -> int:
        gone = [handle for handle in receipt_handles if not self.undeletable and self.letters.pop(handle, None)]
        self.held -= set(gone)
        return len(gone)

    def depth(self) -> int:
        return len(self.letters)

    def start_moving_all(self) -> bool:
        return False

    def moving(self) -> tuple[str, int]:
        raise AssertionError("nothing was started")


@dataclass
class FakeEventStore:
    """`unknown`: ids of events whose owner nobody can tell. `claims`: the event ids of each call."""

    stored: dict[tuple[str, EventRef], dict[str, Any]] = field(default_factory=dict)
    guards: dict[tuple[str, str, str], tuple[str, EventRef]] = field(default_factory=dict)  # to (owner, event)
    erased: set[tuple[str, EventRef]] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    claims: list[list[str]] = field(default_factory=list)

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        self.claims.append([event.event_id for _, event in claims])
        return [self._claim(chunk, event) for chunk, event in claims]

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        if event.event_id in self.unknown:
            return None
        ref = event.ref
        if event.guarded:
            guard = (chunk.project, "" if event.sole_id else event.user, event.event_id)
            owner, _ = self.guards.setdefault(guard, (chunk.owner, ref))
            if owner != chunk.owner:
                return owner
        key = (chunk.project, ref)
        if key in self.erased:
            return "erased"
        return owner_of(self.stored.setdefault(key, stored_form(event, chunk))["chunk_id"])

    def get(self, project: str, ref: EventRef) -> dict[str, Any] | None:
        event = self.stored.get((project, ref))
        for user in (ref.user, ""):
            guard = self.guards.get((project, user, ref.event_id))
            if event is None and guard is not None:
                event = self.stored.get((project, guard[1]))
        return copy.deepcopy(event)

    def get_many(self, project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        return [copy.deepcopy(self.stored[project, ref]) for ref in refs if (project, ref) in self.stored]

    def of_user(self, project: str, user: str, *, first: str, after: str) -> Iterator[tuple[EventRef, dict[str, Any]]]:
        for ref, event in self.search(project, user, event_type=None, first=first, after=after, at_most=None):
            assert event is not None
            yield ref, event

    def search(
        self, project: str, user: str, *, event_type: str | None, first: str, after: str, at_most: int | None
    ) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
        mine = sorted(
            (
                ref
                for owner, ref in [*self.stored, *self.erased]
                if (owner, ref.user) == (project, user) and first <= f"{ref.time}#{ref.event_id}" < after
            ),
            reverse=True,
        )
        for ref in mine[:at_most]:
            event = self.stored.get((project, ref))
            if event is not None and event_type in (None, event["event_type"]):
                yield ref, copy.deepcopy(event)
        if at_most is not None and len(mine) > at_most:
            yield mine[at_most - 1], None


@dataclass
class FakeCommitLog:
    """`outcomes`: of the next calls of commit: "applied", "refused" or "lost" (applied, but nobody learns
    it); applied when it runs out. `uncommittable`: chunk ids that make their whole call fail. `unreadable`:
    (project, hour) whose records cannot be read. `reads`: how many records were read. `fails`: no look at
    what is committed succeeds. `meanwhile`: what others do just after the next reads of records, one for
    each. `quarantine_entries`: by project and name. `notes`: why chunks failed last. `events`: where singles put
    theirs; `shared`: the record that each single shares, by (project, chunk_id).
    """

    events: FakeEventStore = field(default_factory=FakeEventStore)
    shared: dict[tuple[str, str], str] = field(default_factory=dict)
    ledger: dict[tuple[str, str], Committed] = field(default_factory=dict)
    records_by_id: dict[str, CommitRecord] = field(default_factory=dict)
    counts: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)
    mark_tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    quarantine_entries: dict[tuple[str | None, str], Quarantined] = field(default_factory=dict)
    notes: dict[tuple[str, str], Failure] = field(default_factory=dict)
    attempts: list[list[str]] = field(default_factory=list)
    outcomes: Iterable[str] = ()
    uncommittable: set[str] = field(default_factory=set)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    reads: int = 0
    fails: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    _tokens: Iterator[int] = field(default_factory=count)

    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:  # noqa: ARG002 - no waiting
        ids = {record.chunk_id for record in records}
        self.attempts.append(sorted(ids))
        self.outcomes = iter(self.outcomes)
        result = next(self.outcomes, "applied")
        if result == "refused" or ids & self.uncommittable:
            return Outcome(set())
        own = [each for each in records if each.body is None and self._find(each.project, each.chunk_id)]
        known = [
            self._know(each.project, each.chunk_id, each.owned[0].ref) for each in records if each.body is not None
        ]
        taken = _sum([Outcome({each.chunk_id for each in own}), *known])
        if not any(taken):
            self._apply(records)
        if result == "lost":
            return Outcome(set())
        return taken if any(taken) else Outcome(ids)

    def look(self, chunks: Iterable[Chunk]) -> Outcome:
        if self.fails:
            raise StoreFailed("the log does not answer")
        asked = list(chunks)
        own = {each.chunk_id for each in asked if not each.is_single and self._find(each.project, each.chunk_id)}
        known = [self._know(each.project, each.chunk_id, each.events[0].ref) for each in asked if each.is_single]
        return _sum([Outcome(own), *known])

    def _know(self, project: str, single: str, ref: EventRef) -> Outcome:
        """What the event of a single says of it."""
        if (project, single) in self.shared:
            return Outcome({single})
        is_there = (project, ref) in self.events.stored or (project, ref) in self.events.erased
        return Outcome(set(), {single} if is_there else set())

    def _apply(self, records: Sequence[CommitRecord]) -> None:
        singles = [record for record in records if record.body is not None]
        assert len({(each.project, each.owned[0].ref) for each in singles}) == len(singles), (
            "an item comes once in a transaction"
        )
        for shared, theirs in commit.share(singles, self._fresh_id):
            self.records_by_id[shared.chunk_id] = shared
            for each in theirs:
                self.shared[each.project, each.chunk_id] = shared.chunk_id
                event = each.owned[0]
                self.events.stored[each.project, event.ref] = event_body.unpack(
                    each.body or b"", each.project, event.ref, event.event_type, each.chunk_id
                )
        for record in records:
            if record.body is None:
                owned, value_counts = commit.unpack_summary(commit.pack_summary(record))
                self.records_by_id[record.chunk_id] = replace(record, owned=owned, value_counts=value_counts)
        for counter, minutes in commit.increments(records).items():
            self.counts.setdefault(counter, Counter()).update(minutes)
        for entry, added in commit.received_hours(records).items():
            self.ledger[entry] = self.ledger.get(entry, Committed()) + added
        self.mark_tokens |= {hour: f"{next(self._tokens)}-token" for hour in commit.marked_hours(records)}

    def _fresh_id(self, minute: str) -> str:
        return f"{next(self._tokens):026}-{minute.replace(':', '')}"

    def erase(self, before: CommitRecord, after: CommitRecord) -> None:
        self.records_by_id[before.chunk_id] = after
        for counter, minutes in commit.decrements(before, after).items():
            self.counts[counter].update(minutes)
        self.mark_tokens[before.project, before.hour] = f"{next(self._tokens)}-token"

    def committed(self, chunks: Iterable[Chunk]) -> set[str]:
        if self.fails:
            raise StoreFailed("the log does not answer")
        return {chunk.chunk_id for chunk in chunks if self.record(chunk.project, chunk.chunk_id)}

    def record(self, project: str, chunk_id: str) -> CommitRecord | None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        return self._find(project, chunk_id)

    def _find(self, project: str, chunk_id: str) -> CommitRecord | None:
        record = self.records_by_id.get(self.shared.get((project, chunk_id), chunk_id))
        return record if record is not None and record.project == project else None

    def records(self, project: str, window: str) -> list[CommitRecord]:
        if (project, window) in self.unreadable:
            raise StoreFailed(f"{window} cannot be read")
        every = self.records_by_id.values()
        found = [each for each in every if each.project == project and each.hour.startswith(window)]
        self.reads += len(found)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found

    def newest(self, project: str, hour: str, first: str, last: str) -> list[CommitRecord]:
        """`reads` counts these as well."""
        found = [
            each
            for each in self.records_by_id.values()
            if (each.project, each.hour) == (project, hour) and first <= newest_minute_of(each.chunk_id) <= last
        ]
        self.reads += len(found)
        return found

    def archived_in(self, chunks: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        found = [(chunk_id, self.record(project, chunk_id)) for project, chunk_id in chunks]
        return {chunk_id: record.archive_object for chunk_id, record in found if record is not None}

    def days(self, project: str) -> list[str]:
        return sorted({hour[:10] for owner, hour, _ in self.counts if owner == project})

    def counters(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        wanted = set(days)
        return [
            HourCounter(hour, event_type, dict(minutes))
            for (owner, hour, event_type), minutes in self.counts.items()
            if owner == project and hour[:10] in wanted
        ]

    def received(self, first: str, after: str) -> Committed:
        return sum((each for (hour, _), each in self.ledger.items() if first <= hour < after), Committed())

    def marks(self) -> list[Mark]:
        return [Mark(project, hour, 0, token) for (project, hour), token in self.mark_tokens.items()]

    def remove_mark(self, mark: Mark) -> None:
        if self.mark_tokens.get((mark.project, mark.hour)) == mark.token:
            del self.mark_tokens[mark.project, mark.hour]

    def note_failure(self, chunk: Chunk, failure: Failure) -> None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        self.notes[chunk.project, chunk.chunk_id] = failure

    def failures(self, chunks: Iterable[tuple[str, str]]) -> dict[str, Failure]:
        return {chunk[1]: self.notes[chunk] for chunk in chunks if chunk in self.notes}

    def quarantine(self, entry: Quarantined) -> None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        self.quarantine_entries.setdefault((entry.project, entry.name), entry)

    def remove_quarantined(self, entry: Quarantined) -> None:
        self.quarantine_entries.pop((entry.project, entry.name), None)

    def quarantined(self) -> Iterator[Quarantined]:
        return (entry for entry in self._entries() if not self._is_resolved(entry))

    def resolved(self) -> Iterator[Quarantined]:
        return (entry for entry in self._entries() if self._is_resolved(entry))

    def _entries(self) -> list[Quarantined]:
        return sorted(self.quarantine_entries.values(), key=lambda entry: f"{entry.project or ''}#{entry.name}")

    def _is_resolved(self, entry: Quarantined) -> bool:
        return entry.project is not None and self._find(entry.project, entry.name) is not None

    def quarantine_code(self, project: str, chunk_id: str) -> str | None:
        entry = self.quarantine_entries.get((project, chunk_id))
        return entry.code if entry else None


def _sum(outcomes: Iterable[Outcome]) -> Outcome:
    committed, duplicates = set[str](), set[str]()
    for outcome in outcomes:
        committed |= outcome.committed
        duplicates |= outcome.duplicates
    return Outcome(committed, duplicates)


@dataclass
class FakeErasure:
    """`meanwhile`: what others do just before the next attempts, one for each."""

    events: FakeEventStore
    commits: FakeCommitLog
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def erase(
        self,
        project: str,
        chunk_id: str,
        events: Sequence[Event],
        record: CommitRecord | None,
        *,
        attempt: int = 0,  # noqa: ARG002 - no waiting
    ) -> bool:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        keys = [(project, event.ref) for event in events]
        if any(self.events.stored.get(key, {}).get("chunk_id") != chunk_id for key in keys):
            return False
        if record is not None:
            if self.commits.records_by_id[record.chunk_id] != record:
                return False
            self.commits.erase(record, commit.without(record, events))
        for key in keys:
            del self.events.stored[key]
            self.events.erased.add(key)
        return True

    def standing(self, project: str, refs: Sequence[EventRef]) -> dict[EventRef, bool]:
        found = {ref: (project, ref) in self.events.stored for ref in refs}
        return {ref: stands for ref, stands in found.items() if stands or (project, ref) in self.events.erased}


@dataclass
class FakeArchive:
    """`objects`: bytes by name. `modified`: when one was written, if a test says so. `meanwhile`: what others
    do just after the next reads of objects, one for each.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    fails: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def write_events(self, lines: Iterable[bytes], now: datetime) -> str:
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{len(self.objects)}.jsonl.gz"
        self._put(name, gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
        self.modified[name] = now
        return name

    def write_report(self, project: str, grain: str, window: str, version: int, content: str) -> None:
        self._put(f"reports/project={project}/grain={grain}/{window}/v{version}.json", content.encode())

    def write_hour_summary(self, project: str, hour: str, packed: bytes) -> str:
        name = f"{project}/{hour}/{len(self.objects)}"
        self._put(f"summaries/{name}", packed)
        return name

    def read_hour_summary(self, name: str) -> bytes | None:
        return self.objects.get(f"summaries/{name}")

    def delete_hour_summary(self, name: str) -> None:
        self.objects.pop(f"summaries/{name}", None)

    def write_quarantined(self, name: str, content: str) -> str:
        self._put(f"quarantine/{name}.json", content.encode())
        return f"quarantine/{name}.json"

    def read_quarantined(self, object_name: str) -> str:
        if object_name not in self.objects:
            raise StoreFailed(f"there is no {object_name}")
        return self.objects[object_name].decode()

    def delete_quarantined(self, object_name: str) -> None:
        self.objects.pop(object_name, None)

    def write_erasure(self, name: str, content: str) -> None:
        self._put(f"erasures/{name}.json", content.encode())

    def find_events(self, first_day: str = "") -> Iterator[ArchiveObject]:
        for name in sorted(self.objects):
            if name.startswith("events/") and name > f"events/date={first_day}":
                yield ArchiveObject(name, self.modified.get(name, _WRITTEN))

    def read_events(self, name: str) -> Content | None:
        if self.fails:
            raise StoreFailed("the archive does not answer")
        body = self.objects.get(name)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return None if body is None else Content(gzip.decompress(body).splitlines(), stable_id(body.hex()))

    def rewrite_events(self, name: str, lines: Sequence[bytes], etag: str) -> bool:
        if name not in self.objects or stable_id(self.objects[name].hex()) != etag:
            return False
        self._put(name, gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
        return True

    def delete_events(self, name: str) -> None:
        self.objects.pop(name, None)

    def _put(self, name: str, body: bytes) -> None:
        if self.fails:
            raise StoreFailed("the archive does not answer")
        self.objects[name] = body


@dataclass
class FakeReportStore:
    """`listed`: the unfinished windows, each with the version that may finish it."""

    reports: dict[Window, Report] = field(default_factory=dict)
    listed: dict[Window, int] = field(default_factory=dict)

    def get(self, window: Window) -> Report | None:
        return copy.deepcopy(self.reports.get(window))

    def save(self, report: Report) -> bool:
        current = self.reports.get(report.window)
        if current is not None and current.version >= report.version:
            return False
        self.reports[report.window] = copy.deepcopy(report)
        self.listed[report.window] = report.version
        return True

    def mark_published(self, report: Report) -> None:
        current = self.reports.get(report.window)
        if current is not None and current.version == report.version:
            self.reports[report.window] = replace(current, published=report.version)

    def unfinished(self) -> list[Window]:
        return sorted(self.listed, key=lambda window: (window.project, window.grain, window.name))

    def finish(self, report: Report) -> None:
        if self.listed.get(report.window) == report.version:
            del self.listed[report.window]

    def between(self, project: str, grain: str, *, first: str, after: str) -> Iterator[Report]:
        for window in sorted(self.reports, key=lambda window: window.name, reverse=True):
            if (window.project, window.grain) == (project, grain) and first <= window.name < after:
                yield copy.deepcopy(self.reports[window])


@dataclass
class FakeHourSummaryStore:
    """`kept`: each hour's summary, with the version of the report that it belongs to. `meanwhile`: what others do
    just after the next reads of a day's hour_summaries, one for each.
    """

    reports: FakeReportStore
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

    def of_day(self, project: str, day: str) -> dict[str, HourSummary]:
        found = {
            window.name: copy.deepcopy(summary)
            for window, (_, summary) in self.kept.items()
            if window.project == project and window.name.startswith(day)
        }
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found


@dataclass
class FakeMeter:
    """`values`: what was measured, by name. Reads it back too, whatever the time."""

    values: dict[str, list[float]] = field(default_factory=dict)
    fails: bool = False
    oldest_seconds: float | None = None

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:  # noqa: ARG002 - one time
        assert name in CATALOGUE
        self.values.setdefault(name, []).append(value)

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.add(name, 0, at=moment)

    def sums(self, names: Iterable[str], first: datetime, after: datetime) -> dict[str, int]:  # noqa: ARG002
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        return {name: round(sum(self.values.get(name, []))) for name in names}

    def by_minute(
        self, series: Iterable[tuple[str, str]], first: datetime, after: datetime
    ) -> dict[tuple[str, str], dict[datetime, float]]:
        """Everything in the last minute; of percentiles the largest value."""
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        last = after - timedelta(minutes=1)
        assert first <= last
        value = {True: sum, False: max}
        return {
            (name, stat): {last: value[stat == "Sum"](self.values[name])} if name in self.values else {}
            for name, stat in series
        }

    def oldest_message_seconds(self, now: datetime) -> float | None:  # noqa: ARG002
        if self.fails:
            raise StoreFailed("the metrics do not answer")
        return self.oldest_seconds


@dataclass
class FakeTopic:
    """`published`: subject, text, document and attributes of each message."""

    published: list[dict[str, Any]] = field(default_factory=list)
    fails: bool = False

    def publish(self, *, subject: str, text: str, document: str, attributes: dict[str, str]) -> None:
        if self.fails:
            raise StoreFailed("the topic does not answer")
        self.published.append({"subject": subject, "text": text, "document": document, "attributes": attributes})


@dataclass
class FakeProjectStore:
    """`reads`: what was asked for, of projects and keys, in order."""

    projects: dict[str, Project] = field(default_factory=dict)
    catalogues: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    access_keys: dict[str, AccessKey] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    fails: bool = False

    def get(self, name: str) -> Project | None:
        self._read(name)
        return self.projects.get(name)

    def all(self) -> list[Project]:
        return [project for _, project in sorted(self.projects.items())]

    def save(self, project: Project, *, replacing: Project | None) -> bool:
        current = self.projects.get(project.name)
        if current != (replacing and replace(replacing, schemas={})):
            return False
        self.projects[project.name] = replace(project, schemas={})
        return True

    def schemas(self, project: str, version: str) -> dict[str, str]:
        self._read(version)
        return dict(self.catalogues.get((project, version), {}))

    def save_schemas(self, project: str, schemas: dict[str, str]) -> str:
        version = f"{len(repr(sorted(schemas.items())))}-{hash(tuple(sorted(schemas.items()))):x}"
        if sum(map(len, schemas.values())) > 1_000_000:
            raise ValueError("too large")
        self.catalogues[project, version] = dict(schemas)
        return version

    def key(self, key_id: str) -> AccessKey | None:
        self._read(key_id)
        return self.access_keys.get(key_id)

    def all_keys(self) -> list[AccessKey]:
        return [key for _, key in sorted(self.access_keys.items())]

    def save_key(self, key: AccessKey) -> None:
        self.access_keys[key.key_id] = key

    def remove_key(self, key_id: str) -> None:
        self.access_keys.pop(key_id, None)

    def _read(self, name: str) -> None:
        if self.fails:
            raise StoreFailed("the project store does not answer")
        self.reads.append(name)


@dataclass
class FakeQuotaCounter:
    """`taken`: events by project and minute; `lots`: the size of each call."""

    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    lots: list[int] = field(default_factory=list)
    fails: bool = False

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        if self.fails:
            raise StoreFailed("the counter does not answer")
        self.lots.append(events)
        if self.taken[project, minute] >= quota:
            return False
        self.taken[project, minute] += events
        return True


@dataclass
class FakeRejectionLog:
    posts: list[RejectedPost] = field(default_factory=list)
    fails: bool = False

    def keep(self, post: RejectedPost) -> None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        self.posts.append(copy.deepcopy(post))

    def between(self, project: str, *, first: str, after: str) -> Iterator[RejectedPost]:
        for post in sorted(self.posts, key=lambda each: each.name, reverse=True):
            if post.project == project and first <= post.name and (not after or post.name < after):
                yield copy.deepcopy(post)
