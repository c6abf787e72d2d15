"""Erases a user: the events in the table, and the lines in the archive. Safe to repeat, and to run twice at once.

Events whose chunk is not committed are left: its message is on its way, and would archive them again.
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
    """Whose events are erased: the user that they are stored under."""

    project: str
    user: str

    def sent(self, line: ArchivedEvent) -> bool:
        return (self.project, self.user) == (line.sender.project, line.event.user)


@dataclass
class Erased:
    """What an erasure did; on a dry run, what it would do. The last five count what was left: `unreadable` are
    lines that hold the user's name and are not the pipeline's, `quarantined` are events, and so are `anonymous`, which
    lie under anonymous ids that the user's events name.
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
        """Whether another run of the same erasure would find nothing."""
        return not (self.events_in_flight or self.lines_in_flight or self.unreadable or self.quarantined)

    @property
    def is_complete(self) -> bool:
        return self.is_settled and not self.anonymous


@dataclass
class Eraser:
    """Erases a person's events from table and archive. On a dry run it only counts. Methods raise StoreFailed.

    `is_settled`: whether no copy of a chunk that was minted then can be processed any more, unless it is in quarantine,
    whether or not it has a commit record. `anonymous_ids`: those that the erased events name. A device may have several
    users, so that what lies under them is left to the operator. `left`: events that are left so far.
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
        """Erase the events in the table; yields how many were looked at."""
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
        """Erase events of one chunk. What others keep changing, or the table refuses, is left, and the others go on."""
        project = self.person.project
        standing: list[Event] = []
        for attempt in range(retries.ERASE.attempts):
            standing = [Event.from_json(each, guarded=False) for each in self.events.get_many(project, refs)]
            if not standing:
                return
            # Asked in this order: who sees that a chunk has left the quarantine also sees its record.
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
        """Whether events are surely erased. Raises StoreFailed if nothing was changed, and nothing ever will be."""
        try:
            return self.erasure.erase(self.person.project, chunk_id, events, record, attempt=attempt)
        except StoreFailed as error:
            if isinstance(error, NotApplied) and not error.passes:
                raise
            _log.warning("nobody knows whether events were erased: %s", error)
            return False

    def erase_lines(self, objects: Iterable[ArchiveObject]) -> Iterator[int]:
        """Rewrite the archive's objects without the user's lines; yields how many objects were looked at.

        Comes after `erase_events`.
        """
        for batch in archive_scan.scan(self.archive, objects):
            for scanned in batch:
                self._rewrite(scanned)
            yield len(batch)

    def _rewrite(self, scanned: Scanned) -> None:
        content: Content | None = scanned.content
        theirs: dict[int, ArchivedEvent] = {}
        for _ in range(retries.REWRITE.attempts):
            if content is None:  # the sweep was here
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
        """The numbers of the lines that no commit can count on: the event was erased (on a dry run, it would be),
        or the table does not know it and whatever its chunk does is done.
        """
        if not lines:
            return set()
        refs = {number: line.event.ref for number, line in lines.items()}
        # Asked in this order: who sees that a single-event chunk is committed also sees its event.
        committed = self.commits.archived_in({line.chunk for line in lines.values()})
        needed = {line.chunk_id for line in lines.values() if line.chunk_id not in committed and self._may_commit(line)}
        known = self.erasure.standing(self.person.project, list(refs.values()))
        if self.dry_run:
            known = {ref: stands and ref in self.left for ref, stands in known.items()}
        return {number for number, line in lines.items() if not known.get(refs[number], line.chunk_id in needed)}

    def _may_commit(self, line: ArchivedEvent) -> bool:
        """Whether a chunk that is not committed may still be; one in quarantine may be renewed, however old it is."""
        is_settled = self.is_settled(minted_at(line.chunk_id))
        return not is_settled or self.quarantine.code_of(self.person.project, line.chunk_id) is not None

    def _note_anonymous_id(self, anonymous_id: str | None) -> None:
        if anonymous_id not in (None, self.person.user):
            self.anonymous_ids.add(anonymous_id)

    def count_anonymous(self) -> dict[str, int]:
        """Count the events in the table that are left under the person's anonymous ids, by id. Comes last."""
        left = {
            each: sum(1 for _ in self.events.of_user(self.person.project, each, first="", after="~"))
            for each in sorted(self.anonymous_ids)
        }
        self.totals.anonymous += sum(left.values())
        return {each: number for each, number in left.items() if number}

    def count_left(self) -> None:
        """Count the user's events that are in quarantine, and those that were committed meanwhile. Comes last."""
        # Asked in this order: who sees that a chunk has left the quarantine also sees its events.
        for entry in self.quarantine.waiting():
            if entry.project == self.person.project and (content := self.quarantine.content(entry)) is not None:
                chunk = chunks.decode(json.loads(content)["message"])
                self.totals.quarantined += sum(event.user == self.person.user for event in chunk.events)
        if not self.dry_run:
            standing = sum(1 for _ in self.events.of_user(self.person.project, self.person.user, first="", after="~"))
            self.totals.events_in_flight += max(0, standing - len(self.left))


def _lines_of(person: Person, content: Content) -> tuple[dict[int, ArchivedEvent], int]:
    """The user's lines by number, and how many that hold the name cannot be read."""
    name = json.dumps(person.user).encode()  # as it stands in a line: the others need not be parsed
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
    """What may be shown and kept: the user is named by a hash alone."""
    return {
        "project": person.project,
        "user_hash": stable_id(person.project, person.user),
        "started": timestamps.readable_of(started),
        "finished": timestamps.readable_of(finished),
        **asdict(totals),
    }


def receipt_name(receipt: dict[str, str | int], person: Person) -> str:
    """The name of a receipt, by which it is found for an id that the person's events are stored under."""
    return f"{receipt['started']}-{stable_id(person.project, person.user)}"


def erased_since(receipts: Iterable[str]) -> dict[str, datetime]:
    """When each person was erased last, by the hash of project and user, from the names of the receipts."""
    erased: dict[str, datetime] = {}
    for name in receipts:
        started, _, user_hash = name.rpartition("-")
        erased[user_hash] = max(timestamps.parse(started), erased.get(user_hash, datetime.min.replace(tzinfo=UTC)))
    return erased
