"""Reads the archive for commands: finds objects and parses their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from chalicelib import ports
from chalicelib.core import chunk_rules, limits, timestamps
from chalicelib.core.chunk import Sender
from chalicelib.core.chunk_id import check_id
from chalicelib.core.event import Event
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.table_keys import is_project_name
from chalicelib.core.windows import DAY, Span
from chalicelib.errors import Undecodable
from chalicelib.ports import ArchiveObject, Content

# The number of a client's connections. On AWS, readers mostly wait.
_READERS = 16
#: Objects of one batch.
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Scanned:
    """An object with its content."""

    name: str
    modified: datetime
    content: Content


@dataclass(frozen=True, slots=True)
class ArchivedEvent:
    """An archived event with its sender and its chunk."""

    chunk_id: str
    sender: Sender
    event: Event

    @property
    def chunk(self) -> tuple[str, str]:
        return (self.sender.project, self.chunk_id)


def read_event(stored: StoredEvent) -> ArchivedEvent:
    """Return the event in a line. Raises ValueError if the pipeline did not write it."""
    try:
        document = chunk_rules.parse_json(stored.dumped.decode())
        sender = Sender(
            document["project"],
            timestamps.parse(document["received_at"]),
            document.get("source_ip"),
            document.get("user_agent"),
        )
        check_id(document["chunk_id"])
        event = Event.from_json(document, guarded=False)
        chunk_rules.check_event(document, event)
        if not is_project_name(sender.project):
            raise ValueError("no project has this name")
        return ArchivedEvent(document["chunk_id"], sender, event)
    except (KeyError, TypeError, AttributeError, RecursionError, Undecodable) as error:
        raise ValueError("not an event of the archive") from error


def objects_of(archive: ports.Archive, span: Span) -> list[ArchiveObject]:
    """Return the objects that may hold events with times in the span.

    Events may be processed long after their time, but at most a day before it: ingestion rejects later times.
    """
    if span.start is None:
        return list(archive.find())
    try:
        earliest = span.start - timedelta(seconds=limits.MAX_FUTURE_SECONDS)
    except OverflowError:
        return list(archive.find())
    return list(archive.find(DAY.name_of(timestamps.sortable(earliest))))


def scan(archive: ports.Archive, objects: Iterable[ArchiveObject]) -> Iterator[list[Scanned]]:
    """Yield batches of objects in order, read in parallel. Objects that have been deleted meanwhile are left out."""
    remaining = iter(objects)
    with ThreadPoolExecutor(_READERS) as pool:
        while batch := list(islice(remaining, AT_ONCE)):
            contents = pool.map(archive.read, [each.name for each in batch])
            yield [
                Scanned(each.name, each.modified, content)
                for each, content in zip(batch, contents, strict=True)
                if content is not None
            ]
