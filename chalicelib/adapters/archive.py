"""The archive (S3): owned events for the long term, reports, what was quarantined, receipts of erasures; and
the hour_summaries that are too large for the table.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, translated_errors
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content

# What S3 answers if an object is no longer the one that was read: changed, being changed, or gone.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_MOVED_ON = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
# What S3 answers about an object that is gone to who may list the bucket, and to who may not, as the aggregator.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_GONE = ("NoSuchKey", "AccessDenied")
# Of gzip: 9, its default, takes twice the CPU for a percent of the size.
_LEVEL = 6


class Archive:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write_events(self, lines: Iterable[bytes], now: datetime) -> str:
        """Write one gzip JSON-lines object and answer its name, which no other attempt ever uses:
        an object under a shared name could be replaced by an attempt that owns fewer events.
        """
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{uuid4().hex}.jsonl.gz"
        self._put(name, gzip.compress(b"\n".join(lines) + b"\n", _LEVEL, mtime=0), "application/gzip")
        return name

    def write_report(self, project: str, grain: str, window: str, version: int, content: str) -> None:
        name = f"reports/project={project}/grain={grain}/{window}/v{version}.json"
        self._put(name, content.encode(), "application/json")

    def write_hour_summary(self, project: str, hour: str, packed: bytes) -> str:
        """Write an hour summary and answer its name below summaries/, which is never used again."""
        name = f"{project}/{hour}/{uuid4().hex}"
        self._put(f"summaries/{name}", packed, "application/zlib")
        return name

    def read_hour_summary(self, name: str) -> bytes | None:
        """Return an hour summary; None if it is gone."""
        found = self._get(f"summaries/{name}", gone=_GONE)
        return found[0] if found else None

    def delete_hour_summary(self, name: str) -> None:
        """Delete an hour summary, if it is there."""
        with translated_errors():
            self._client.delete_object(Bucket=self._bucket, Key=f"summaries/{name}")

    def write_quarantined(self, name: str, content: str) -> str:
        """Write an object of the quarantine, or write it again, and answer its whole name."""
        object_name = f"quarantine/{name}.json"
        self._put(object_name, content.encode(), "application/json")
        return object_name

    def read_quarantined(self, object_name: str) -> str:
        with translated_errors():
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=object_name)["Body"].read()
        return body.decode()

    def delete_quarantined(self, object_name: str) -> None:
        """Delete an object, if it is there."""
        with translated_errors():
            self._client.delete_object(Bucket=self._bucket, Key=object_name)

    def write_erasure(self, name: str, content: str) -> None:
        self._put(f"erasures/{name}.json", content.encode(), "application/json")

    def find_events(self, first_day: str = "") -> Iterator[ArchiveObject]:
        """The objects with events that were processed on a day (2015-05-17) or later, oldest first."""
        # "date=2015-05-17" sorts before every name of its day, and after every name of an earlier day.
        return self._list("events/", after=f"events/date={first_day}" if first_day else "")

    def read_events(self, name: str) -> Content | None:
        """The lines of an object, and what names this state of it; None if there is no such object."""
        found = self._get(name)
        if found is None:
            return None
        body, etag = found
        try:
            return Content(gzip.decompress(body).splitlines(), etag)
        except (OSError, EOFError, zlib.error) as error:
            raise StoreFailed(f"{name} is not gzip: {error}") from error

    def rewrite_events(self, name: str, lines: Sequence[bytes], etag: str) -> bool:
        """Replace the lines of an object if it is still as it was read; False if it has moved on."""
        body = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
        with translated_errors():
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=name, Body=body, ContentType="application/gzip", IfMatch=etag
                )
            except ClientError as error:
                if error_code(error) in _MOVED_ON:
                    return False
                raise
        return True

    def delete_events(self, name: str) -> None:
        """Delete an object; one that is gone is no error."""
        with translated_errors():
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def _list(self, prefix: str, *, after: str = "") -> Iterator[ArchiveObject]:
        options = {"StartAfter": after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **options)
        with translated_errors():
            for page in pages:
                yield from (ArchiveObject(each["Key"], each["LastModified"]) for each in page.get("Contents", []))

    def _get(self, name: str, gone: Sequence[str] = ("NoSuchKey",)) -> tuple[bytes, str] | None:
        with translated_errors():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if error_code(error) in gone:
                    return None
                raise
            return answer["Body"].read(), answer["ETag"]

    def _put(self, name: str, body: bytes, content_type: str) -> None:
        with translated_errors():
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType=content_type)
