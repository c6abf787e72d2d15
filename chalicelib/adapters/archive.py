"""The archive: stored events for the long term, in objects of the bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import uuid4

from chalicelib.adapters import archive_format
from chalicelib.adapters.bucket import Bucket
from chalicelib.core.event_body import StoredEvent
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content


class Archive:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def write(self, events: Iterable[StoredEvent], now: datetime) -> str:
        """Write one object and answer its name, which no other attempt ever uses: an object under a shared name
        could be replaced by an attempt that owns fewer events.
        """
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{uuid4().hex}.jsonl.gz"
        self._bucket.put(name, archive_format.pack(events), archive_format.CONTENT_TYPE)
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
            return Content(archive_format.unpack(body), etag)
        except ValueError as error:
            raise StoreFailed(f"{name} is damaged: {error}") from error

    def rewrite(self, name: str, events: Iterable[StoredEvent], etag: str) -> bool:
        """Replace the events of an object if it is still as it was read; False if it has moved on."""
        return self._bucket.replace(name, archive_format.pack(events), archive_format.CONTENT_TYPE, etag=etag)

    def delete(self, name: str) -> None:
        """Delete an object; one that is gone is no error."""
        self._bucket.delete(name)
