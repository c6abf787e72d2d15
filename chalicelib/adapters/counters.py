"""The counters: events by project, type and minute, the days with events, and the totals of finished days.

Commits and erasures write these items in their own transaction: `counter_parts` and `day_parts` return parts of it.
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
    """Return parts that add to counters. A counter: (project, hour, event type). Attributes: minutes, such as m05."""
    return [
        add_part(table_keys.counter(*counter, shard), {f"m{minute}": count for minute, count in minutes.items()})
        for counter, minutes in increments.items()
    ]


class ListedDay(NamedTuple):
    """A day of a project with events. `until`: the last day on which a commit record of this day may exist."""

    project: str
    day: str
    until: str


def days_of(hours: Iterable[tuple[str, str]], until: datetime) -> set[ListedDay]:
    """Return the days of (project, hour) pairs. `until`: when the last commit record of them expires."""
    last = DAY.name_of(timestamps.sortable(until))
    return {ListedDay(project, DAY.name_of(hour), last) for project, hour in hours}


def day_parts(days: Iterable[ListedDay], shard: int) -> list[Item]:
    """Return parts that list days."""
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
        """Return the days from `first` to before `after` that have events, oldest first.

        `at_most`: return only this many of the newest days. `recorded_at`: only days that may have had commit records
        at that time.
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
        """Return all counters of some days. One counter may be split into several."""
        pks = [pk for day in days for pk in table_keys.day_partitions(project, day)]
        return [read_item(item, _counter) for item in self._table.query_each(pks, table_keys.COUNTERS)]

    def of_day(self, project: str, day: str) -> Iterator[HourCounter]:
        """Yield all counters of a day, page by page as the caller goes on. One counter may be split into several."""
        for pk in table_keys.day_partitions(project, day):
            for item in self._table.query(pk, first=table_keys.COUNTERS.first, after=table_keys.COUNTERS.after):
                yield read_item(item, _counter)

    def totals(self, project: str, *, first: str, after: str) -> Iterator[DayTotals]:
        """Yield the totals of the days that have them, newest first."""
        pk = table_keys.totals_partition(project)
        items = self._table.query(pk, first=first, after=after, newest_first=True)
        return readable((item for item in items if "b" in item), _totals)

    def sum_up(self, project: str, day: str) -> None:
        """Save the totals of a day, made from its counters.

        Raises NotApplied if another aggregator saved them meanwhile: its counters may be older or newer than ours.
        """
        key = table_keys.day_totals(project, day)
        current = self._table.get(key) or {}  # read before the counters: a save in between makes ours fail
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
