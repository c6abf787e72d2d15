"""Removes orphans: archived objects that a crash left before a commit record named them."""

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
    """The numbers of a sweep. `unreadable`: objects with lines that the pipeline did not write.

    `summaries`: removed objects of hour summaries.
    """

    objects: int = 0
    orphans: int = 0
    lines: int = 0
    unreadable: int = 0
    summaries: int = 0


def may_be_judged(each: ArchiveObject, now: datetime, lifetimes: History) -> bool:
    """Return whether commit records can show that an object is an orphan.

    This takes two conditions. First, no record can still be written: only the invocation that wrote the object can name
    the object, and this invocation may have stalled. Second, no record can have expired.

    An erasure rewrites objects, so a name may be old and the last change young. Each condition uses the safer time: the
    first the last change, and the second the hour in the name.
    """
    processed = processed_at(each.name)
    if processed is None:
        return False
    # A record's lifetime begins when its chunk is minted, at most the maximum chunk age before it is processed.
    minted = processed - lifetimes.current.settled
    return lifetimes.is_settled(each.modified, now) and not lifetimes.is_forgotten(minted, now)


def processed_at(name: str) -> datetime | None:
    """Return the hour in which an object was first written, from its name, or None."""
    match = _HOUR.match(name)
    if not match:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}:00:00").replace(tzinfo=UTC)
    except ValueError:
        return None


def was_processed(each: ArchiveObject, span: Span) -> bool:
    """Return whether an object was first written in an hour that begins in the span."""
    processed = processed_at(each.name)
    return processed is not None and span.holds(timestamps.sortable(processed))


def is_orphan(name: str, chunk_ids: Iterable[str], archived_in: dict[str, str | None]) -> bool:
    """Return whether all chunks with lines in an object are committed with another object, or with none.

    A chunk without a record may be a dead letter that is replayed, or the table may be lost. An object without lines
    was emptied by an erasure, and records may name it.
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
    """Remove the orphans among the objects. Yield how many were examined. Raises StoreFailed.

    Objects for which `may_be_judged` is False are skipped.
    """
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
    """Remove objects of hour summaries that no item names: they may contain ids of erased users."""
    for name in hour_summaries.unnamed(now - Lifetimes.worker_stalls):
        if not dry_run:
            hour_summaries.delete(name)
        totals.summaries += 1


def _chunks_of(scanned: Scanned) -> set[tuple[str, str]] | None:
    """Return the (project, chunk_id) of all lines; None if a line is unreadable, so that the object is kept."""
    try:
        return {archive_scan.read_event(stored).chunk for stored in scanned.content.events}
    except ValueError:
        return None
