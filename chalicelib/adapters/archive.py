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

    def write_quarantined(self, chunk_id: str, content: str) -> None:
        self._put(f"quarantine/{chunk_id}.json", content.encode(), "application/json")

    def _put(self, name: str, body: bytes, content_type: str) -> None:
        with translated_errors():
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType=content_type)
