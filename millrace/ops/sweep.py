"""Removes archived objects that a crash left: written, and then named by no commit record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.windows import Span
from chalicelib.ports import ArchiveObject
from millrace.ops import archive_scan
from millrace.ops.archive_scan import Scanned

_HOUR = re.compile(r"events/date=([0-9]{4}-[0-9]{2}-[0-9]{2})/hour=([0-9]{2})/")


@dataclass
class Swept:
    """What a sweep looked at and removed; `unreadable` objects hold lines that are not the pipeline's. `summaries`: of
    hours, that no item names.
    """

    objects: int = 0
    orphans: int = 0
    lines: int = 0
    unreadable: int = 0
    summaries: int = 0


def may_be_judged(each: ArchiveObject, now: datetime, lifetimes: History) -> bool:
    """Whether the commit records can tell if an object is an orphan: none that would name it is still to
    come, and none that named it has expired.

    To come: the invocation that wrote it is the only one that can ever name it, and may have stalled. From
    when on: a rewritten object is old in its name and young by its last change, so each bound takes the one
    that errs on the side of leaving it.
    """
    processed = processed_at(each.name)
    if processed is None:
        return False
    # A record lives from its chunk's minting on, which may have been the maximum chunk age before the processing.
    minted = processed - lifetimes.current.settled
    return lifetimes.is_settled(each.modified, now) and not lifetimes.is_forgotten(minted, now)


def processed_at(name: str) -> datetime | None:
    """The hour in which an object was written, as its name has it, which no rewriting changes."""
    match = _HOUR.match(name)
    if not match:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}:00:00").replace(tzinfo=UTC)
    except ValueError:
        return None


def was_processed(each: ArchiveObject, span: Span) -> bool:
    """Whether an object was written in an hour that begins in the span."""
    processed = processed_at(each.name)
    return processed is not None and span.holds(timestamps.sortable(processed))


def is_orphan(name: str, chunk_ids: Iterable[str], archived_in: dict[str, str | None]) -> bool:
    """Whether every chunk that has a line in an object is committed, and with another object or none.

    A chunk without a record may be a dead letter that comes back, or all that is left of a lost table. An
    object without lines was emptied by an erasure; records may name it.
    """
    asked = list(chunk_ids)
    return bool(asked) and all(each in archived_in and archived_in[each] != name for each in asked)


def sweep(
    objects: Iterable[ArchiveObject],
    *,
    archive: ports.Archive,
    commits: ports.CommitLog,
    totals: Swept,
    dry_run: bool,
) -> Iterator[int]:
    """Remove the orphans among objects that may be judged; yields how many were looked at. Raises StoreFailed."""
    for batch in archive_scan.scan(archive, objects):
        chunks = {scanned.name: _chunks_of(scanned) for scanned in batch}
        archived_in = commits.archived_in({chunk for each in chunks.values() for chunk in each or ()})
        for scanned in batch:
            found = chunks[scanned.name]
            totals.unreadable += found is None
            if found and is_orphan(scanned.name, (chunk_id for _, chunk_id in found), archived_in):
                if not dry_run:
                    archive.delete(scanned.name)
                totals.orphans += 1
                totals.lines += len(scanned.content.events)
        totals.objects += len(batch)
        yield len(batch)


def sweep_summaries(hour_summaries: ports.HourSummaryStore, now: datetime, totals: Swept, *, dry_run: bool) -> None:
    """Remove objects of hour summaries that died with their writer: they may hold the ids of erased users."""
    for name in hour_summaries.unnamed(now - Lifetimes.worker_stalls):
        if not dry_run:
            hour_summaries.delete(name)
        totals.summaries += 1


def _chunks_of(scanned: Scanned) -> set[tuple[str, str]] | None:
    """The (project, chunk_id) of each line; None if a line cannot be read: then nothing is said of the object."""
    try:
        return {archive_scan.read_event(stored).chunk for stored in scanned.content.events}
    except ValueError:
        return None
