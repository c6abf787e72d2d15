"""Keeps rejected events for some days."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta

from chalicelib.adapters.table import Item, Table, number, text
from chalicelib.core import table_keys
from chalicelib.core.rejection import RejectedPost


class RejectionLog:
    """One item a POST, for some days."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def keep(self, post: RejectedPost) -> None:
        body = zlib.compress(json.dumps([post.rows, post.uncounted]).encode())
        item: Item = {
            "pk": text(table_keys.rejections_partition(post.project)),
            "sk": text(post.name),
            "b": {"B": body},
            "x": number(int(time.time() + self._retention.total_seconds())),
        }
        self._table.put(item)

    def between(self, project: str, *, first: str, after: str) -> Iterator[RejectedPost]:
        """The posts with first <= name < after, newest first."""
        pk = table_keys.rejections_partition(project)
        for item in self._table.query(pk, first=first, after=after, newest_first=True):
            rows, uncounted = json.loads(zlib.decompress(item["b"]["B"]))
            yield RejectedPost(project, item["sk"]["S"], tuple(rows), uncounted)
