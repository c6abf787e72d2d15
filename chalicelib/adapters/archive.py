"""The archive: stored events for the long term, in objects of the bucket: gzip, with an event a line.

A line that is no stored event, damaged or foreign, is handed on like the others: who reads the event finds out, and
says so, and who rewrites the object keeps the line, byte by byte.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import uuid4

from chalicelib.adapters.bucket import Bucket
from chalicelib.core.event_body import StoredEvent
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content

_CONTENT_TYPE = "application/gzip"
# Of gzip: 9, its default, takes twice the CPU for a percent of the size.
_LEVEL = 6


class Archive:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def write(self, events: Iterable[StoredEvent], now: datetime) -> str:
        """Write one object and answer its name, which no other attempt ever uses: an object under a shared name
        could be replaced by an attempt that owns fewer events.
        """
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{uuid4().hex}.jsonl.gz"
        self._bucket.put(name, pack(events), _CONTENT_TYPE)
        return name

    def find(self, first_day: str = "") -> Iterator[ArchiveObject]:
        """The objects with events that were processed on a day (2015-05-17) or later, oldest first."""
        # "date=2015-05-17" sorts before every name of its day, and after every name of an earlier day.
        return self._bucket.find("events/", after=f"events/date={first_day}" if first_day else "")

    def read(self, name: str) -> Content | None:
        """The events of an object, and what names this state of it; None if there is no such object."""
        found = self._bucket.get(name)
        if found is None:
            return None
        body, etag = found
        try:
            return Content(unpack(body), etag)
        except ValueError as error:
            raise StoreFailed(f"{name} is damaged: {error}") from error

    def rewrite(self, name: str, events: Iterable[StoredEvent], etag: str) -> bool:
        """Replace the events of an object if it is still as it was read; False if it has moved on."""
        return self._bucket.replace(name, pack(events), _CONTENT_TYPE, etag=etag)

    def delete(self, name: str) -> None:
        """Delete an object; one that is gone is no error."""
        self._bucket.delete(name)


def pack(events: Iterable[StoredEvent]) -> bytes:
    return gzip.compress(b"".join(event.dumped + b"\n" for event in events), _LEVEL, mtime=0)


def unpack(body: bytes) -> list[StoredEvent]:
    """The inverse of `pack`. Raises ValueError for what is not gzip."""
    try:
        lines = gzip.decompress(body).split(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip: {error}") from error
    if not lines[-1]:  # each line ends with a line feed
        lines.pop()
    return [StoredEvent(line) for line in lines]
