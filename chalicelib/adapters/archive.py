"""The archive (S3): owned events for the long term, reports, and what was quarantined."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from chalicelib.adapters.aws import translated_errors


class Archive:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write_events(self, lines: Iterable[bytes], now: datetime) -> str:
        """Write one gzip JSON-lines object and answer its name, which no other attempt ever uses:
        an object under a shared name could be replaced by an attempt that owns fewer events.
        """
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{uuid4().hex}.jsonl.gz"
        self._put(name, gzip.compress(b"\n".join(lines) + b"\n", mtime=0), "application/gzip")
        return name

    def write_report(self, project: str, grain: str, window: str, version: int, content: str) -> None:
        name = f"reports/project={project}/grain={grain}/{window}/v{version}.json"
        self._put(name, content.encode(), "application/json")

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

    def _put(self, name: str, body: bytes, content_type: str) -> None:
        with translated_errors():
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType=content_type)
