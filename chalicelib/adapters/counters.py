"""The counters: events by project, type and minute; the days that have any; and the totals of days that are over.

Their items are written in the transaction of a commit or an erasure: `counter_parts` and `day_parts` are parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from chalicelib.adapters.items import Item, add_part, key_item, key_of, number, put_part, read_item, readable, text
from chalicelib.adapters.table import Table
from chalicelib.core import counting, limits, table_keys, timestamps
from chalicelib.core.counting import DayTotals, HourCounter
from chalicelib.core.windows import DAY
from chalicelib.errors import NotApplied


def counter_parts(increments: Mapping[tuple[str, str, str], Mapping[str, int]], shard: int) -> list[Item]:
    """Add to counters: one item for a (project, hour, event type), with an attribute m05 for the minute "05"."""
    return [
        add_part(table_keys.counter(*counter, shard), {f"m{minute}": count for minute, count in minutes.items()})
        for counter, minutes in increments.items()
    ]


class ListedDay(NamedTuple):
    """A day of a project with events. `until`: the last day on which a commit record of it may be there."""

    project: str
    day: str
    until: str


def days_of(hours: Iterable[tuple[str, str]], until: datetime) -> set[ListedDay]:
    """The days of (project, hour) pairs."""
    last = DAY.name_of(timestamps.sortable(until))
    return {ListedDay(project, DAY.name_of(hour), last) for project, hour in hours}


def day_parts(days: Iterable[ListedDay], shard: int) -> list[Item]:
    """List days."""
    return [
        put_part(key_item(table_keys.day(each.project, each.day, shard)) | {"u": text(each.until)})
        for each in sorted(days)
    ]


class Counters:
    def __init__(self, table: Table) -> None:
        self._table = table

    def days(
        self,
        project: str,
        *,
        first: str = "",
        after: str = "",
        at_most: int | None = None,
        recorded_at: datetime | None = None,
    ) -> list[str]:
        """The days from `first` to before `after` that have events, oldest first; the newest so many of them.

        `recorded_at`: only days that may have had commit records then.
        """
        pk = table_keys.days_partition(project)
        today = DAY.name_of(timestamps.sortable(recorded_at)) if recorded_at else ""
        items: Iterable[Item] = self._table.query(pk, first=first, after=after, newest_first=True)
        items = (item for item in items if item.get("u", {}).get("S", "~") >= today)
        found: dict[str, None] = {}
        for day in readable(items, lambda item: table_keys.parse_day(key_of(item))[1]):
            found[day] = None
            if len(found) == at_most:
                break
        return list(found)[::-1]

    def of_days(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        """Return every counter of some days; a counter may come in several parts."""
        pks = [pk for day in days for pk in table_keys.day_partitions(project, day)]
        return [read_item(item, _counter) for item in self._table.query_each(pks, table_keys.COUNTERS)]

    def of_day(self, project: str, day: str) -> Iterator[HourCounter]:
        """Yield every counter of a day, page by page as the caller reads on; a counter may come in several parts."""
        for pk in table_keys.day_partitions(project, day):
            for item in self._table.query(pk, first=table_keys.COUNTERS.first, after=table_keys.COUNTERS.after):
                yield read_item(item, _counter)

    def totals(self, project: str, *, first: str, after: str) -> Iterator[DayTotals]:
        """The totals of those days that were summed up, newest first."""
        pk = table_keys.totals_partition(project)
        items = self._table.query(pk, first=first, after=after, newest_first=True)
        return readable((item for item in items if "b" in item), _totals)

    def sum_up(self, project: str, day: str) -> None:
        """Keep the totals of a day, made from its counters. Raises NotApplied if they were kept meanwhile by another,
        whose look at the counters may be older than ours or newer.
        """
        key = table_keys.day_totals(project, day)
        current = self._table.get(key) or {}  # before the counters, as a report is read before what it is made of
        packed = counting.pack_totals(self.of_day(project, day), at_most=limits.MAX_TOTALS_ENTRIES)
        version = int(current["v"]["N"]) if "v" in current else 0
        item = key_item(key) | {"v": number(version + 1)}
        if packed is not None and len(packed) <= limits.MAX_TOTALS_BYTES:
            item["b"] = {"B": packed}
        condition, values = ("v = :v", {":v": number(version)}) if version else ("attribute_not_exists(v)", None)
        if not self._table.put_if(item, condition, values):
            raise NotApplied("another aggregator has summed up the same day")


def _totals(item: Item) -> DayTotals:
    return counting.unpack_totals(table_keys.parse_day_totals(key_of(item)), item["b"]["B"])


def _counter(item: Item) -> HourCounter:
    _, hour, event_type = table_keys.parse_counter(key_of(item))
    minutes = {name[1:]: int(value["N"]) for name, value in item.items() if name.startswith("m")}
    return HourCounter(hour, event_type, minutes)
