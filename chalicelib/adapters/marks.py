"""The marks on hours whose reports are behind; a commit and an erasure put them in their transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from uuid import uuid4

from chalicelib.adapters.table import Item, Table, key_item, key_of, put_part, readable, text
from chalicelib.core import table_keys
from chalicelib.core.table_keys import Mark
from chalicelib.core.windows import DAY


def mark_parts(hours: Iterable[tuple[str, str]], shard: int) -> list[Item]:
    """Put a mark on each (project, hour). Its token holds when it was put, and something that no other has."""
    token = {"k": text(f"{time.time():.0f}-{uuid4().hex}")}
    return [put_part(key_item(table_keys.mark(project, hour, shard)) | token) for project, hour in hours]


class Marks:
    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Iterator[Mark]:
        """Yield the marks of hours that gained or lost events since their mark was last removed."""
        for pk in table_keys.MARKS_PARTITIONS:
            yield from readable(self._table.query(pk), _mark)

    def days(self, project: str) -> set[str]:
        """The days of a project of which some report is behind."""
        found = self._table.query_each(table_keys.MARKS_PARTITIONS, table_keys.marks_of(project))
        return {DAY.name_of(mark.hour) for mark in readable(found, _mark)}

    def remove(self, mark: Mark) -> None:
        """Remove a mark, unless a commit has put it anew since it was read."""
        key = table_keys.mark(mark.project, mark.hour, mark.shard)
        self._table.delete_if(key, "k = :k", {":k": text(mark.token)})


def _mark(item: Item) -> Mark:
    mark = Mark(*table_keys.parse_mark(key_of(item)), item["k"]["S"])
    mark.put_at  # noqa: B018 - raises ValueError where the token tells no time
    return mark
