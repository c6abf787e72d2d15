"""The marks on hours whose reports are out of date. Commits and erasures put them in their own transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from chalicelib.adapters.items import Item, key_item, key_of, number, put_part, readable, text
from chalicelib.adapters.table import Conflict, Table
from chalicelib.core import table_keys, timestamps
from chalicelib.core.table_keys import Key, Mark
from chalicelib.core.windows import DAY, HOUR


def mark_parts(hours: Iterable[tuple[str, str]], shard: int, seconds: int | None = None) -> list[Item]:
    """Return parts that put a mark on each (project, hour). Its token holds the time and a unique text."""
    seconds = int(time.time()) if seconds is None else seconds
    put_in = HOUR.name_of(timestamps.sortable(datetime.fromtimestamp(seconds, UTC)))
    values = {":k": text(f"{seconds}-{uuid4().hex}"), ":f": number(seconds)}
    return [
        {
            "Update": {
                "Key": key_item(table_keys.mark(project, put_in, hour, shard)),
                "UpdateExpression": "SET k = :k, f = if_not_exists(f, :f)",
                "ExpressionAttributeValues": values,
            }
        }
        for project, hour in hours
    ]


class Marks:
    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Iterator[Mark]:
        """Yield the marks of all hours that gained or lost events since their last mark was removed."""
        for pk in table_keys.MARKS_PARTITIONS:
            yield from readable(self._table.query(pk), mark_of)

    def days(self, project: str, *, at_most: int) -> set[str] | None:
        """Return the days of a project whose reports are out of date.

        None: a shard has more than `at_most` marks.
        """
        days = set[str]()
        wanted = table_keys.of_project(project)
        for pk in table_keys.MARKS_PARTITIONS:
            items = self._table.query(pk, first=wanted.first, after=wanted.after)
            for count, mark in enumerate(readable(items, mark_of), 1):
                if count > at_most:
                    return None
                days.add(DAY.name_of(mark.hour))
        return days

    def remove(self, mark: Mark) -> None:
        """Remove a mark, unless a commit has replaced it since it was read."""
        try:
            self._table.delete_if(_key(mark), "k = :k", {":k": text(mark.token)})
        except Conflict:
            return  # a commit is replacing it

    def keep(self, mark: Mark, since: datetime) -> None:
        """Leave a mark in place. Set the time since when events may be missing in reports."""
        values = {":since": number(int(since.timestamp())), ":before": number(int(mark.since.timestamp()))}
        try:
            self._table.update_if(_key(mark), "SET f = :since", "f = :before", values)
        except Conflict:
            return  # the next run sets it

    def put_off(self, mark: Mark, now: datetime) -> None:
        """Move a mark behind all others of its project, unless a commit has replaced it since it was read."""
        put_in = HOUR.name_of(timestamps.sortable(now))
        if put_in <= mark.put_in:
            return
        later = key_item(table_keys.mark(mark.project, put_in, mark.hour, mark.shard))
        since = number(int(mark.since.timestamp()))
        old = {"Key": key_item(_key(mark)), "ConditionExpression": "k = :k"}
        delete = {"Delete": old | {"ExpressionAttributeValues": {":k": text(mark.token)}}}
        # A commit may have put a mark there meanwhile. Its token differs, and must stay.
        put = put_part(later | {"k": text(mark.token), "f": since}, "attribute_not_exists(pk)")
        self._table.transact([delete, put])


def _key(mark: Mark) -> Key:
    return table_keys.mark(mark.project, mark.put_in, mark.hour, mark.shard)


def mark_of(item: Item) -> Mark:
    """Return the mark in an item. Raises ValueError or KeyError if it is not a mark."""
    since = datetime.fromtimestamp(int(item["f"]["N"]), UTC)
    project, put_in, hour, shard = table_keys.parse_mark(key_of(item))
    mark = Mark(project, hour, shard, item["k"]["S"], since, put_in)
    mark.put_at  # noqa: B018 - raises ValueError if the token holds no time
    return mark
