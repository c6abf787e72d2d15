"""The archive: stored events for the long term, as gzip JSON lines in objects of the bucket.

Lines are not parsed here. A damaged or foreign line is passed on like the others. Readers of events report it. A
rewrite of the object keeps it byte by byte.
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
# The compression level of gzip. The default, 9, takes twice the CPU to save one percent.
_LEVEL = 6


class Archive:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def write(self, events: Iterable[StoredEvent], now: datetime) -> str:
        """Write one object and return its name. No other attempt ever uses the name.

        With a shared name, an attempt that owns fewer events could replace the object.
        """
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{uuid4().hex}.jsonl.gz"
        self._bucket.put(name, pack(events), _CONTENT_TYPE)
        return name

    def find(self, first_day: str = "") -> Iterator[ArchiveObject]:
        """Yield the objects with events that were processed on `first_day` (as 2015-05-17) or later, oldest first."""
        # "date=2015-05-17" sorts before all names of its day, and after all names of earlier days.
        return self._bucket.find("events/", after=f"events/date={first_day}" if first_day else "")

    def read(self, name: str) -> Content | None:
        """Return the content of an object, with its etag; None if the object does not exist. Raises StoreFailed."""
        found = self._bucket.get(name)
        if found is None:
            return None
        body, etag = found
        try:
            return Content(unpack(body), etag)
        except ValueError as error:
            raise StoreFailed(f"{name} is damaged: {error}") from error

    def rewrite(self, name: str, events: Iterable[StoredEvent], etag: str) -> bool:
        """Replace the events of an object. Return False if it has changed since it was read."""
        return self._bucket.replace(name, pack(events), _CONTENT_TYPE, etag=etag)

    def delete(self, name: str) -> None:
        """Delete an object. A missing object is not an error."""
        self._bucket.delete(name)


def pack(events: Iterable[StoredEvent]) -> bytes:
    return gzip.compress(b"".join(event.dumped + b"\n" for event in events), _LEVEL, mtime=0)


def unpack(body: bytes) -> list[StoredEvent]:
    """Return the events that `pack` has packed into an object. Raises ValueError if the object is not gzip."""
    try:
        lines = gzip.decompress(body).split(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip: {error}") from error
    if not lines[-1]:  # each line ends with a line feed
        lines.pop()
    return [StoredEvent(line) for line in lines]
