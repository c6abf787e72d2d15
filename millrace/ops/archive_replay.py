"""Replays archived events: sends them to the queue again, in new chunks.

A new chunk keeps the sender and the time of receipt, but gets a new id: with the old id it would exceed the maximum
chunk age. Events keep their identities, so an event that the table holds is a duplicate.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk, Sender
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.event import Event
from chalicelib.core.lifetimes import History
from chalicelib.core.windows import HOUR, Span
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject
from millrace.ops import archive_scan
from millrace.ops.archive_scan import ArchivedEvent, Scanned


@dataclass(frozen=True, slots=True)
class Selection:
    """Which archived events to replay. `lifetimes`: if given, leave out events that may expire before they are done."""

    span: Span
    project: str | None
    event_type: str | None
    lifetimes: History | None
    now: datetime

    def holds(self, line: ArchivedEvent) -> bool:
        return (
            self.span.holds(line.event.time)
            and self.project in (None, line.sender.project)
            and self.event_type in (None, line.event.event_type)
        )

    def is_expired(self, line: ArchivedEvent) -> bool:
        return self.lifetimes is not None and self.lifetimes.may_expire(line.sender.received, self.now)


@dataclass
class Replayed:
    """The numbers of a replay. `objects` counts objects, the last two count chunks, and the others count events."""

    objects: int = 0
    fed: int = 0
    expired: int = 0
    orphaned: int = 0
    unreadable: int = 0
    stored: int = 0
    duplicates: int = 0
    chunks_in_flight: int = 0
    chunks_quarantined: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.unreadable or self.chunks_in_flight or self.chunks_quarantined)


class Step(NamedTuple):
    """A finished step of a replay: SQS has confirmed all selected events of some objects.

    `objects`: the number of these objects. `last`: the name of the last object. `queued`: the id and project of each
    chunk that was sent.
    """

    objects: int
    last: str
    queued: list[tuple[str, str]]


def replay(
    objects: Iterable[ArchiveObject],
    *,
    selection: Selection,
    archive: ports.Archive,
    commits: ports.CommitLog,
    queue: ports.Queue | None,
    now: datetime,
    totals: Replayed,
) -> Iterator[Step]:
    """Queue the selected events of the objects. Yield after each batch. Raises StoreFailed.

    Without a queue, only count.
    """
    for batch in archive_scan.scan(archive, objects):
        if not batch:
            continue
        packed = _pack(_select(batch, selection, commits, totals), now)
        if queue is not None and len(queue.send([chunks.encode(chunk) for chunk in packed])) < len(packed):
            raise StoreFailed("not every event could be queued")
        totals.objects += len(batch)
        totals.fed += sum(chunk.accepted for chunk in packed)
        queued = [] if queue is None else [(chunk.chunk_id, chunk.project) for chunk in packed]
        yield Step(len(batch), batch[-1].name, queued)


def _select(
    batch: Iterable[Scanned], selection: Selection, commits: ports.CommitLog, totals: Replayed
) -> list[ArchivedEvent]:
    wanted = [(name, line) for name, line in _read(batch, totals) if selection.holds(line)]
    fresh = [(name, line) for name, line in wanted if not selection.is_expired(line)]
    named = commits.archived_in({line.chunk for _, line in fresh})
    # If no commit record names the object that counts, events are replayed from each object. The processor recognises
    # the duplicates.
    counting = [line for name, line in fresh if named.get(line.chunk_id, name) == name]
    totals.expired += len(wanted) - len(fresh)
    totals.orphaned += len(fresh) - len(counting)
    return counting


def _read(batch: Iterable[Scanned], totals: Replayed) -> Iterator[tuple[str, ArchivedEvent]]:
    for scanned in batch:
        for stored in scanned.content.events:
            try:
                yield scanned.name, archive_scan.read_event(stored)
            except ValueError:
                totals.unreadable += 1


def _pack(lines: Iterable[ArchivedEvent], now: datetime) -> list[Chunk]:
    """Return chunks of events with the same sender. An identity occurs once in a chunk, as after ingestion."""
    by_sender: dict[Sender, dict[tuple[str, str, str], Event]] = {}
    repeats: dict[Sender, Counter[str]] = {}
    for line in lines:
        sender, event = line.sender, line.event
        first = by_sender.setdefault(sender, {}).setdefault(event.identity, event)
        if first is not event:
            repeats.setdefault(sender, Counter())[HOUR.name_of(event.time)] += 1
    return [
        chunk
        for sender, identities in by_sender.items()
        for chunk, _ in chunks.pack(
            identities.values(),
            sender=sender,
            repeats=repeats.get(sender, {}),
            mint=lambda minute: mint_chunk_id(now, minute, os.urandom(10)),
        )
    ]
