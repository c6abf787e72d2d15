"""Recomputes reports from the archive, and compares them with the live ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib import ports
from chalicelib.core import commit, hour_summary, report, windows
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import hour_of, minted_at
from chalicelib.core.commit import CommitRecord
from chalicelib.core.windows import Grain, Span, Window, reported
from chalicelib.ports import ArchiveObject
from millrace.ops import archive_scan
from millrace.ops.archive_scan import ArchivedEvent, Scanned

_COMPARED = ("events", "unique_users", "counts", "top")
_NOTHING: dict[str, Any] = {"events": 0, "unique_users": 0, "counts": {}, "top": {}}


@dataclass
class Archived:
    """The content of the archive: a record for each chunk that counts, by project and hour.

    `seen`: identities that counted without a record. `projects`: the projects of all lines.
    """

    objects: int = 0
    unreadable: int = 0
    records: dict[tuple[str, str], list[CommitRecord]] = field(default_factory=lambda: defaultdict(list))
    seen: set[tuple[str, ...]] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)


def whole_windows(span: Span) -> Span:
    """Return the span extended to the whole windows that it overlaps."""
    for grain in reported():
        span = grain.whole(span)
    return span


def read(
    objects: Iterable[ArchiveObject],
    *,
    span: Span,
    project: str | None,
    archive: ports.Archive,
    commits: ports.CommitLog,
    is_forgotten: Callable[[datetime], bool],
    report_properties: Sequence[str],
    archived: Archived,
) -> Iterator[int]:
    """Collect the lines that count. Yield how many objects were examined. Raises StoreFailed.

    A line counts if its chunk's commit record names its object. If there is no record and it may have expired, the
    first line with an identity counts. `is_forgotten`: takes the time when a chunk was minted, and returns whether its
    record may have expired.
    """
    for batch in archive_scan.scan(archive, objects):
        lines = [
            (scanned.name, line)
            for scanned in batch
            for line in _read(scanned, archived)
            if span.holds(line.event.time) and project in (None, line.sender.project)
        ]
        archived.projects |= {line.sender.project for _, line in lines}
        named = commits.archived_in({line.chunk for _, line in lines})
        by_chunk: dict[tuple[str, str], list[ArchivedEvent]] = defaultdict(list)
        for name, line in lines:
            if line.chunk_id in named:
                counts = named[line.chunk_id] == name
            else:
                counts = is_forgotten(minted_at(line.chunk_id)) and _is_first(line, archived)
            if counts:
                by_chunk[line.chunk].append(line)
        for (owner, chunk_id), theirs in by_chunk.items():
            archived.records[owner, hour_of(chunk_id)].append(_record(theirs, report_properties))
        archived.objects += len(batch)
        yield len(batch)


def _read(scanned: Scanned, archived: Archived) -> Iterator[ArchivedEvent]:
    for stored in scanned.content.events:
        try:
            yield archive_scan.read_event(stored)
        except ValueError:
            archived.unreadable += 1


def _is_first(line: ArchivedEvent, archived: Archived) -> bool:
    identity = (line.sender.project, *line.event.identity)
    is_first = identity not in archived.seen
    archived.seen.add(identity)
    return is_first


def _record(lines: Sequence[ArchivedEvent], report_properties: Sequence[str]) -> CommitRecord:
    events = [line.event for line in lines]
    return commit.make_record(Chunk(lines[0].chunk_id, lines[0].sender, tuple(events)), events, None, report_properties)


def differences(
    archived: Archived, reports: ports.ReportStore, span: Span, project: str | None
) -> Iterator[dict[str, Any]]:
    """Yield each window whose live report differs, with both versions of the fields that differ."""
    projects = archived.projects | ({project} if project else set())
    for owner in sorted(projects):
        for grain in reported():
            rebuilt = _rebuild(archived, owner, grain)
            first, after = grain.windows(span)
            live = {each.window: each.content for each in reports.between(owner, grain.name, first=first, after=after)}
            for window in sorted(rebuilt.keys() | live.keys(), key=lambda window: window.name):
                yield from _compare(window, live.get(window, _NOTHING), rebuilt.get(window, _NOTHING))


def _rebuild(archived: Archived, project: str, grain: Grain) -> dict[Window, dict[str, Any]]:
    records: dict[Window, list[CommitRecord]] = defaultdict(list)
    for (owner, hour), found in archived.records.items():
        if owner == project:
            records[Window(owner, grain.name, grain.name_of(hour))] += found
    return {window: report.summarise(hour_summary.of(found), complete=True) for window, found in records.items()}


def _compare(window: Window, live: dict[str, Any], rebuilt: dict[str, Any]) -> Iterator[dict[str, Any]]:
    different = [name for name in _COMPARED if live[name] != rebuilt[name]]
    if different:
        yield {
            "project": window.project,
            "grain": window.grain,
            "start": windows.start(window.name),
            "live": {name: live[name] for name in different},
            "archive": {name: rebuilt[name] for name in different},
        }
