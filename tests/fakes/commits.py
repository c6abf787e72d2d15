"""Commits and what belongs to them in memory: records, counters, marks, sums; and erasures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from chalicelib.core import commit, counting, event_body, hour_summary, limits
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import NOBODY, single_id
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.counting import DayTotals, HourCounter
from chalicelib.core.event import Event, EventRef
from chalicelib.core.ledger import Committed
from chalicelib.core.summary import RecordSums
from chalicelib.core.table_keys import Mark, place_of_record
from chalicelib.errors import StoreFailed
from fakes.events import FakeEventStore


@dataclass
class FakeCounters:
    """`counts`: events by minute, by project, hour and type; `packed`: the totals of a project's days. `counted`: how
    many days were counted. `without_records`: the days whose commit records have expired.
    """

    counts: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)
    packed: dict[tuple[str, str], bytes] = field(default_factory=dict)
    counted: int = 0
    without_records: set[str] = field(default_factory=set)

    def add(self, increments: Mapping[tuple[str, str, str], Counter[str]]) -> None:
        for counter, minutes in increments.items():
            self.counts.setdefault(counter, Counter()).update(minutes)

    def days(
        self,
        project: str,
        *,
        first: str = "",
        after: str = "",
        at_most: int | None = None,
        recorded_at: datetime | None = None,
    ) -> list[str]:
        days = {hour[:10] for owner, hour, _ in self.counts if owner == project}
        if recorded_at:
            days -= self.without_records
        return sorted(day for day in days if first <= day < (after or "~"))[-(at_most or 0) :]

    def totals(self, project: str, *, first: str, after: str) -> Iterator[DayTotals]:
        for owner, day in sorted(self.packed, reverse=True):
            if owner == project and first <= day < after:
                yield counting.unpack_totals(day, self.packed[owner, day])

    def sum_up(self, project: str, day: str) -> None:
        packed = counting.pack_totals(self.of_day(project, day), at_most=limits.MAX_TOTALS_ENTRIES)
        if packed is not None:
            self.packed[project, day] = packed

    def of_day(self, project: str, day: str) -> list[HourCounter]:
        return self.of_days(project, [day])

    def of_days(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        wanted = set(days)
        self.counted += len(wanted)
        return [
            HourCounter(hour, event_type, dict(minutes))
            for (owner, hour, event_type), minutes in self.counts.items()
            if owner == project and hour[:10] in wanted
        ]


@dataclass
class FakeMarks:
    """`tokens`: by project and hour; `since`: since when each hour waits. `unremovable`: the hours whose mark cannot be
    removed. `now`: when marks are put; by default so long ago that none is young.
    """

    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    since: dict[tuple[str, str], datetime] = field(default_factory=dict)
    unremovable: set[str] = field(default_factory=set)
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    _put_in: dict[tuple[str, str], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def put(self, hours: Iterable[tuple[str, str]]) -> None:
        for hour in hours:
            if hour not in self.tokens:
                self.since[hour], self._put_in[hour] = self.now, f"{self.now:%Y-%m-%dT%H}"
            self.tokens[hour] = f"{self.now.timestamp():.0f}-{next(self._numbers)}"

    def all(self) -> list[Mark]:
        return [
            Mark(*hour, 0, token, self.since[hour], put_in=self._put_in[hour]) for hour, token in self.tokens.items()
        ]

    def days(self, project: str, *, at_most: int) -> set[str] | None:
        hours = [hour for owner, hour in self.tokens if owner == project]
        return None if len(hours) > at_most else {hour[:10] for hour in hours}

    def remove(self, mark: Mark) -> None:
        if mark.hour in self.unremovable:
            raise StoreFailed("a commit is in the way")
        if self.tokens.get((mark.project, mark.hour)) == mark.token:
            del self.tokens[mark.project, mark.hour]

    def keep(self, mark: Mark, since: datetime) -> None:
        if (mark.project, mark.hour) in self.tokens:
            self.since[mark.project, mark.hour] = since

    def put_off(self, mark: Mark, now: datetime) -> None:
        if self.tokens.get((mark.project, mark.hour)) == mark.token:
            self._put_in[mark.project, mark.hour] = f"{now:%Y-%m-%dT%H}"


@dataclass
class FakeLedgerSums:
    """`sums`: by hour of receipt."""

    sums: dict[str, Committed] = field(default_factory=dict)

    def add(self, received: Mapping[str, Committed]) -> None:
        for hour, added in received.items():
            self.sums[hour] = self.sums.get(hour, Committed()) + added

    def received(self, first: str, after: str) -> dict[str, Committed]:
        return {hour: each for hour, each in self.sums.items() if first <= hour < after}


@dataclass
class FakeCommitLog:
    """`outcomes`: of the next calls of commit: "applied", "refused" or "lost" (applied, but nobody learns
    it); applied when it runs out. `uncommittable`: chunk ids that make their whole call fail.
    `unlookable`: chunk ids of which a look learns nothing. `unreadable`:
    (project, hour) whose records cannot be read. `reads`: how many records were read. `fails`: no look at
    what is committed succeeds. `meanwhile`: what others do just after the next reads of records, one for
    each. `shared`: the record that each single shares, by (project, chunk_id). The others are what a commit
    changes as well: one table is behind them all.
    """

    events: FakeEventStore = field(default_factory=FakeEventStore)
    counters: FakeCounters = field(default_factory=FakeCounters)
    marks: FakeMarks = field(default_factory=FakeMarks)
    ledger_sums: FakeLedgerSums = field(default_factory=FakeLedgerSums)
    shared: dict[tuple[str, str], str] = field(default_factory=dict)
    records_by_id: dict[str, CommitRecord] = field(default_factory=dict)
    attempts: list[list[str]] = field(default_factory=list)
    outcomes: Iterable[str] = ()
    uncommittable: set[str] = field(default_factory=set)
    unlookable: set[str] = field(default_factory=set)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    reads: int = 0
    fails: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

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
        if not any(taken[:2]):
            self._apply(records)
        if result == "lost":
            return Outcome(set())
        return taken if any(taken[:2]) else Outcome(ids)

    def look(self, chunks: Iterable[Chunk]) -> Outcome:
        if self.fails:
            raise StoreFailed("the log does not answer")
        given = list(chunks)
        asked = [each for each in given if each.chunk_id not in self.unlookable]
        own = {each.chunk_id for each in asked if not each.is_single and self._find(each.project, each.chunk_id)}
        known = [self._know(each.project, each.chunk_id, each.events[0].ref) for each in asked if each.is_single]
        unknown = {each.chunk_id for each in given} & self.unlookable
        return _sum([Outcome(own), *known])._replace(unknown=unknown)

    def _know(self, project: str, single: str, ref: EventRef) -> Outcome:
        """What the event of a single says of it."""
        if (project, single) in self.shared:
            return Outcome({single})
        there = (self.events.stored, self.events.erased, self.events.pointing)
        if not any((project, ref) in each for each in there):
            return Outcome(set())
        owner = self.events.owner_at(project, ref)
        is_open = owner != NOBODY and (project, single_id(owner, ref)) not in self.shared
        return Outcome(set(), {single}, {single: owner} if is_open else {})

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
        self.counters.add(commit.increments(records))
        self.ledger_sums.add(commit.received_hours(records))
        self.marks.put(commit.marked_hours(records))

    def _fresh_id(self, minute: str) -> str:
        return f"{next(self._numbers):026}-{minute.replace(':', '')}"

    def erase(self, before: CommitRecord, after: CommitRecord) -> None:
        self.records_by_id[before.chunk_id] = after
        self.counters.add(commit.decrements(before, after))
        self.marks.put([(before.project, before.hour)])

    def committed(self, chunks: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        if self.fails:
            raise StoreFailed("the log does not answer")
        return {chunk for chunk in chunks if self._find(*chunk)}

    def record(self, project: str, chunk_id: str) -> CommitRecord | None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        return self._find(project, chunk_id)

    def _find(self, project: str, chunk_id: str) -> CommitRecord | None:
        record = self.records_by_id.get(self.shared.get((project, chunk_id), chunk_id))
        return record if record is not None and record.project == project else None

    def sums(self, project: str, hour: str) -> Iterator[RecordSums]:
        return map(hour_summary.sums_of, self.records(project, hour))

    def records(self, project: str, window: str) -> list[CommitRecord]:
        if (project, window) in self.unreadable:
            raise StoreFailed(f"{window} cannot be read")
        every = self.records_by_id.values()
        found = [each for each in every if each.project == project and each.hour.startswith(window)]
        self.reads += len(found)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found

    def newest(
        self,
        project: str,
        day: str,
        *,
        first: str = "",
        after: str = "~",
        page_items: int = 100,  # noqa: ARG002 - nothing is read in pages
    ) -> Iterator[CommitRecord]:
        """`reads` counts these as well."""
        every = self.records_by_id.values()
        of_day = {
            place_of_record(each.chunk_id): each
            for each in every
            if each.project == project and each.hour.startswith(day)
        }
        for place in sorted((place for place in of_day if first <= place < after), reverse=True):
            self.reads += 1
            yield of_day[place]

    def archived_in(self, chunks: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        found = [(chunk_id, self.record(project, chunk_id)) for project, chunk_id in chunks]
        return {chunk_id: record.archive_object for chunk_id, record in found if record is not None}


def _sum(outcomes: Iterable[Outcome]) -> Outcome:
    committed, duplicates, owners = set[str](), set[str](), dict[str, str]()
    for outcome in outcomes:
        committed |= outcome.committed
        duplicates |= outcome.duplicates
        owners |= outcome.owners
    return Outcome(committed, duplicates, owners)


@dataclass
class FakeErasure:
    """`meanwhile`: what others do just before the next attempts, one for each."""

    events: FakeEventStore
    commits: FakeCommitLog
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)

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

    def save_receipt(self, name: str, receipt: str) -> None:
        self.saved[name] = receipt

    def receipts(self) -> list[str]:
        return list(self.saved)
