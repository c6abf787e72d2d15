"""Erases a user's events from the table and lines from the archive. Safe to repeat, and to run twice at once.

Events of uncommitted chunks are left: their messages may still be processed, and would archive the events again.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import limits, retries, timestamps
from chalicelib.core.chunk_id import minted_at
from chalicelib.core.commit import CommitRecord
from chalicelib.core.event import Event, EventRef, stable_id
from chalicelib.errors import NotApplied, StoreFailed
from chalicelib.ports import ArchiveObject, Content
from millrace.ops import archive_scan
from millrace.ops.archive_scan import ArchivedEvent, Scanned

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """The person to erase. `user`: the id under which the events are stored."""

    project: str
    user: str

    def sent(self, line: ArchivedEvent) -> bool:
        return (self.project, self.user) == (line.sender.project, line.event.user)


@dataclass
class Erased:
    """The numbers of an erasure, or of a dry run. The last five are numbers of events and lines that were left.

    `unreadable`: lines that contain the user's id and were not written by the pipeline. `quarantined`: events in the
    quarantine. `anonymous`: events under anonymous ids that occur in the user's events.
    """

    events: int = 0
    lines: int = 0
    objects: int = 0
    events_in_flight: int = 0
    lines_in_flight: int = 0
    unreadable: int = 0
    quarantined: int = 0
    anonymous: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether another run of the same erasure would have nothing to do."""
        return not (self.events_in_flight or self.lines_in_flight or self.unreadable or self.quarantined)

    @property
    def is_complete(self) -> bool:
        return self.is_settled and not self.anonymous


@dataclass
class Eraser:
    """Erases a person's events from table and archive. A dry run only counts. Methods raise StoreFailed.

    `is_settled`: takes the time when a chunk was minted. Returns True if no copy of the chunk can be processed any
    more, except from the quarantine. `anonymous_ids`: the anonymous ids of the erased events. Other events under these
    ids are left to the operator, since several users may share a device. `left`: the events that could
    not be erased so far.
    """

    person: Person
    events: ports.EventStore
    commits: ports.CommitLog
    quarantine: ports.Quarantine
    erasure: ports.Erasure
    archive: ports.Archive
    is_settled: Callable[[datetime], bool]
    dry_run: bool = False
    totals: Erased = field(default_factory=Erased)
    anonymous_ids: set[str] = field(default_factory=set)
    left: set[EventRef] = field(default_factory=set)

    def erase_events(self) -> Iterator[int]:
        """Erase the events in the table. Yield how many were examined."""
        by_chunk: dict[str, list[EventRef]] = defaultdict(list)
        for ref, event in self.events.of_user(self.person.project, self.person.user, first="", after="~"):
            by_chunk[event["chunk_id"]].append(ref)
            self._note_anonymous_id(event.get("anonymous_id"))
        for chunk_id, refs in by_chunk.items():
            remaining = iter(refs)
            while part := list(islice(remaining, limits.MAX_ERASED_AT_ONCE)):
                self._erase_part(chunk_id, part)
                yield len(part)

    def _erase_part(self, chunk_id: str, refs: Sequence[EventRef]) -> None:
        """Erase some events of a chunk.

        Count the events as in flight if the chunk may still be processed, or if its items change at each attempt.
        """
        project = self.person.project
        standing: list[Event] = []
        for attempt in range(retries.ERASE.attempts):
            standing = [Event.from_json(each, guarded=False) for each in self.events.get_many(project, refs)]
            if not standing:
                return
            # Look into the quarantine first. A chunk that has just left it has a commit record: the next read finds it.
            is_quarantined = self.quarantine.code_of(project, chunk_id) is not None
            record = self.commits.record(project, chunk_id)
            if record is None and (is_quarantined or not self.is_settled(minted_at(chunk_id))):
                break
            if self.dry_run or self._erase(chunk_id, standing, record, attempt):
                self.totals.events += len(standing)
                return
        self.totals.events_in_flight += len(standing)
        self.left |= {event.ref for event in standing}

    def _erase(self, chunk_id: str, events: Sequence[Event], record: CommitRecord | None, attempt: int) -> bool:
        """Return whether the events are erased for certain. Raises StoreFailed if another attempt would fail too."""
        try:
            return self.erasure.erase(self.person.project, chunk_id, events, record, attempt=attempt)
        except StoreFailed as error:
            if isinstance(error, NotApplied) and not error.passes:
                raise
            _log.warning("it is unknown whether the events were erased: %s", error)
            return False

    def erase_lines(self, objects: Iterable[ArchiveObject]) -> Iterator[int]:
        """Rewrite the archive's objects without the user's lines. Yield how many objects were examined.

        Call it after `erase_events`.
        """
        for batch in archive_scan.scan(self.archive, objects):
            for scanned in batch:
                self._rewrite(scanned)
            yield len(batch)

    def _rewrite(self, scanned: Scanned) -> None:
        """Rewrite an object without the lines that may be deleted, however often it changes meanwhile."""
        content: Content | None = scanned.content
        theirs: dict[int, ArchivedEvent] = {}
        for _ in range(retries.REWRITE.attempts):
            if content is None:  # the sweep has deleted it
                return
            theirs, unreadable = _lines_of(self.person, content)
            for line in theirs.values():
                self._note_anonymous_id(line.event.anonymous_id)
            gone = self._erasable(theirs)
            left = [stored for number, stored in enumerate(content.events) if number not in gone]
            if not gone or self.dry_run or self.archive.rewrite(scanned.name, left, content.etag):
                self.totals.lines += len(gone)
                self.totals.objects += bool(gone)
                self.totals.lines_in_flight += len(theirs) - len(gone)
                self.totals.unreadable += unreadable
                return
            content = self.archive.read(scanned.name)
        self.totals.lines_in_flight += len(theirs)

    def _erasable(self, lines: dict[int, ArchivedEvent]) -> set[int]:
        """Return the numbers of the lines that may be deleted, since no commit needs them.

        A line may be deleted in two cases. Its event was erased (in a dry run: would be erased). Or the table does not
        have its event, and its chunk will not be committed any more.
        """
        if not lines:
            return set()
        refs = {number: line.event.ref for number, line in lines.items()}
        # Read the commits before the events. Then, if a single-event chunk is seen as committed, its event is seen too.
        committed = self.commits.archived_in({line.chunk for line in lines.values()})
        needed = {line.chunk_id for line in lines.values() if line.chunk_id not in committed and self._may_commit(line)}
        known = self.erasure.standing(self.person.project, list(refs.values()))
        if self.dry_run:
            known = {ref: stands and ref in self.left for ref, stands in known.items()}
        return {number for number, line in lines.items() if not known.get(refs[number], line.chunk_id in needed)}

    def _may_commit(self, line: ArchivedEvent) -> bool:
        """Return whether an uncommitted chunk may still be committed. A quarantined chunk of any age may be renewed."""
        is_settled = self.is_settled(minted_at(line.chunk_id))
        return not is_settled or self.quarantine.code_of(self.person.project, line.chunk_id) is not None

    def _note_anonymous_id(self, anonymous_id: str | None) -> None:
        if anonymous_id not in (None, self.person.user):
            self.anonymous_ids.add(anonymous_id)

    def count_anonymous(self) -> dict[str, int]:
        """Return the number of events left under each of the person's anonymous ids. Call it after `erase_lines`."""
        left = {
            each: sum(1 for _ in self.events.of_user(self.person.project, each, first="", after="~"))
            for each in sorted(self.anonymous_ids)
        }
        self.totals.anonymous += sum(left.values())
        return {each: number for each, number in left.items() if number}

    def count_left(self) -> None:
        """Count the user's events in the quarantine, and events that were committed meanwhile.

        Call it after `erase_lines`.
        """
        # Read the quarantine first. If a chunk has left it, the table has the chunk's events by then.
        for entry in self.quarantine.waiting():
            if entry.project == self.person.project and (content := self.quarantine.content(entry)) is not None:
                chunk = chunks.decode(json.loads(content)["message"])
                self.totals.quarantined += sum(event.user == self.person.user for event in chunk.events)
        if not self.dry_run:
            standing = sum(1 for _ in self.events.of_user(self.person.project, self.person.user, first="", after="~"))
            self.totals.events_in_flight += max(0, standing - len(self.left))


def _lines_of(person: Person, content: Content) -> tuple[dict[int, ArchivedEvent], int]:
    """Return the user's lines by number, and the number of unreadable lines that contain the user's id."""
    name = json.dumps(person.user).encode()  # lines without this text need not be parsed
    lines, unreadable = {}, 0
    for number, stored in enumerate(content.events):
        if name not in stored.dumped:
            continue
        try:
            line = archive_scan.read_event(stored)
        except ValueError:
            unreadable += 1
            continue
        if person.sent(line):
            lines[number] = line
    return lines, unreadable


def receipt(person: Person, totals: Erased, started: datetime, finished: datetime) -> dict[str, str | int]:
    """Return the receipt of an erasure. It names the user only by a hash."""
    return {
        "project": person.project,
        "user_hash": stable_id(person.project, person.user),
        "started": timestamps.readable_of(started),
        "finished": timestamps.readable_of(finished),
        **asdict(totals),
    }


def receipt_name(receipt: dict[str, str | int], person: Person) -> str:
    """Return the name of a receipt. It contains a hash of the user, so that the receipt can be found for a user."""
    return f"{receipt['started']}-{stable_id(person.project, person.user)}"


def erased_since(receipts: Iterable[str]) -> dict[str, datetime]:
    """Map the hash of each erased person (project and user) to the time of the last erasure.

    `receipts`: the names of the receipts.
    """
    erased: dict[str, datetime] = {}
    for name in receipts:
        started, _, user_hash = name.rpartition("-")
        erased[user_hash] = max(timestamps.parse(started), erased.get(user_hash, datetime.min.replace(tzinfo=UTC)))
    return erased
