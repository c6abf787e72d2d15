"""Stores rejected events for some days."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.items import Item, key_item, key_of, number, readable
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys

if TYPE_CHECKING:  # most cold starts reject nothing
    from chalicelib.core.rejection import RejectedPost


class RejectionLog:
    """The rejected events of each POST, as one item."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def keep(self, post: RejectedPost) -> None:
        body = zlib.compress(json.dumps([post.rows, post.uncounted]).encode())
        item = key_item(table_keys.rejection(post.project, post.name)) | {
            "b": {"B": body},
            "x": number(int(time.time() + self._retention.total_seconds())),
        }
        self._table.put(item)

    def between(self, project: str, *, first: str, after: str, page_items: int | None = None) -> Iterator[RejectedPost]:
        """Yield the posts with first <= name < after, newest first. `page_items`: how many are read at first."""
        pk = table_keys.rejections_partition(project)
        items = self._table.query(pk, first=first, after=after, newest_first=True, page_items=page_items)
        return readable(items, _post)


def _post(item: Item) -> RejectedPost:
    from chalicelib.core.rejection import RejectedPost

    project, name = table_keys.parse_rejection(key_of(item))
    rows, uncounted = json.loads(zlib.decompress(item["b"]["B"]))
    if not all(row.keys() >= {"index", "code", "field", "message", "accepted", "event"} for row in rows):
        raise ValueError("not rows of rejections")
    return RejectedPost(project, name, tuple(rows), uncounted)
