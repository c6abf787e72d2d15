"""Erases a user: the events in the table, and the lines in the archive. Safe to repeat, and to run twice at once.

Events whose chunk is not committed are left: its message is on its way, and would archive them again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import limits, timestamps
from chalicelib.core.chunk import minted_at
from chalicelib.core.event import Event, stable_id
from chalicelib.core.table_keys import EventRef
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content
from millrace.ops import archive_scan
from millrace.ops.archive_scan import Line, Scanned

# Only other erasures, and commits of the same counters, are in the way.
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Person:
    """Whose events are erased: the user that they are stored under. `settled_before`: of a chunk that was
    minted earlier no copy can be processed any more, unless it is in quarantine, whether or not it has a
    commit record.
    """

    project: str
    user: str
    settled_before: datetime

    def sent(self, line: Line) -> bool:
        return (self.project, self.user) == (line.sender.project, line.event.user)


@dataclass
class Erased:
    """What an erasure did; on a dry run, what it would do. The last four count what was left: `unreadable` are
    lines that hold the user's name and are not the pipeline's, `quarantined` are events.
    """

    events: int = 0
    lines: int = 0
    objects: int = 0
    events_in_flight: int = 0
    lines_in_flight: int = 0
    unreadable: int = 0
    quarantined: int = 0

    @property
    def is_complete(self) -> bool:
        return not (self.events_in_flight or self.lines_in_flight or self.unreadable or self.quarantined)


def erase_events(
    person: Person,
    *,
    events: ports.EventStore,
    commits: ports.CommitLog,
    erasure: ports.Erasure,
    totals: Erased,
    dry_run: bool,
) -> Iterator[int]:
    """Erase the user's events in the table; yields how many were looked at. A dry run only
    counts. Raises StoreFailed.
    """
    by_chunk: dict[str, list[EventRef]] = defaultdict(list)
    for ref, event in events.of_user(person.project, person.user, first="", after="~"):
        by_chunk[event["chunk_id"]].append(ref)
    for chunk_id, refs in by_chunk.items():
        remaining = iter(refs)
        while part := list(islice(remaining, limits.MAX_ERASED_AT_ONCE)):
            _erase_part(
                person, chunk_id, part, events=events, commits=commits, erasure=erasure, totals=totals, dry_run=dry_run
            )
            yield len(part)


def _erase_part(
    person: Person,
    chunk_id: str,
    refs: Sequence[EventRef],
    *,
    events: ports.EventStore,
    commits: ports.CommitLog,
    erasure: ports.Erasure,
    totals: Erased,
    dry_run: bool,
) -> None:
    for attempt in range(_ATTEMPTS):
        standing = [Event.from_json(each, guarded=False) for each in events.get_many(person.project, refs)]
        if not standing:
            return
        # Asked in this order: who sees that a chunk has left the quarantine also sees its record.
        is_parked = commits.quarantine_code(person.project, chunk_id) is not None
        record = commits.record(person.project, chunk_id)
        if record is None and (is_parked or minted_at(chunk_id) >= person.settled_before):
            totals.events_in_flight += len(standing)
            return
        if dry_run or erasure.erase(person.project, chunk_id, standing, record, attempt=attempt):
            totals.events += len(standing)
            return
    raise StoreFailed(f"the events of chunk {chunk_id} kept changing")


def erase_lines(
    person: Person,
    objects: Iterable[ArchiveObject],
    *,
    archive: ports.Archive,
    commits: ports.CommitLog,
    erasure: ports.Erasure,
    totals: Erased,
    dry_run: bool,
) -> Iterator[int]:
    """Rewrite the archive's objects without the user's lines; yields how many objects were looked at.

    Comes after `erase_events`. A dry run only counts. Raises StoreFailed.
    """
    for batch in archive_scan.scan(archive, objects):
        for scanned in batch:
            _rewrite(person, scanned, archive=archive, commits=commits, erasure=erasure, totals=totals, dry_run=dry_run)
        yield len(batch)


def _rewrite(
    person: Person,
    scanned: Scanned,
    *,
    archive: ports.Archive,
    commits: ports.CommitLog,
    erasure: ports.Erasure,
    totals: Erased,
    dry_run: bool,
) -> None:
    content: Content | None = scanned.content
    for _ in range(_ATTEMPTS):
        if content is None:  # the sweep was here
            return
        theirs, unreadable = _lines_of(person, content)
        gone = _erasable(person, theirs, commits, erasure, dry_run=dry_run)
        left = [raw for number, raw in enumerate(content.lines) if number not in gone]
        if not gone or dry_run or archive.rewrite_events(scanned.name, left, content.etag):
            totals.lines += len(gone)
            totals.objects += bool(gone)
            totals.lines_in_flight += len(theirs) - len(gone)
            totals.unreadable += unreadable
            return
        content = archive.read_events(scanned.name)
    raise StoreFailed(f"{scanned.name} kept changing")


def _lines_of(person: Person, content: Content) -> tuple[dict[int, Line], int]:
    """The user's lines by number, and how many that hold the name cannot be read."""
    name = json.dumps(person.user).encode()  # as it stands in a line: the others need not be parsed
    lines, unreadable = {}, 0
    for number, raw in enumerate(content.lines):
        if name not in raw:
            continue
        try:
            line = archive_scan.read_line(raw)
        except ValueError:
            unreadable += 1
            continue
        if person.sent(line):
            lines[number] = line
    return lines, unreadable


def _erasable(
    person: Person, lines: dict[int, Line], commits: ports.CommitLog, erasure: ports.Erasure, *, dry_run: bool
) -> set[int]:
    """The numbers of the lines that no commit can count on: the event was erased (on a dry run, it would be),
    or the table does not know it and whatever its chunk does is done.
    """
    if not lines:
        return set()
    refs = {number: line.event.ref for number, line in lines.items()}
    known = erasure.standing(person.project, list(refs.values()))
    standing = dict.fromkeys(known, False) if dry_run else known
    committed = commits.archived_in({line.chunk for line in lines.values()})

    def may_be_needed(line: Line) -> bool:
        return line.chunk_id not in committed and minted_at(line.chunk_id) >= person.settled_before

    return {number for number, line in lines.items() if not standing.get(refs[number], may_be_needed(line))}


def count_quarantined(person: Person, archive: ports.Archive, commits: ports.CommitLog) -> int:
    """How many of the user's events are in quarantine."""
    number = 0
    for entry in commits.quarantined():
        if entry.project == person.project:
            chunk = chunks.decode(json.loads(archive.read_quarantined(entry.object_name))["message"])
            number += sum(event.user == person.user for event in chunk.events)
    return number


def receipt(person: Person, totals: Erased, started: datetime, finished: datetime) -> dict[str, str | int]:
    """What may be shown and kept: the user is named by a digest alone."""
    return {
        "project": person.project,
        "user_hash": stable_id(person.project, person.user),
        "started": _readable(started),
        "finished": _readable(finished),
        **asdict(totals),
    }


def receipt_name(receipt: dict[str, str | int]) -> str:
    return f"{receipt['started']}-{receipt['user_hash']}"


def _readable(moment: datetime) -> str:
    return timestamps.readable(timestamps.sortable(moment))
