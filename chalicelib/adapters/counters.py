"""The counters: events by project, type and minute; and the days that have any.

Their items are written in the transaction of a commit or an erasure: `counter_parts` and `day_parts` are parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chalicelib.adapters.table import Item, Table, add_part, key_item, key_of, put_part, read_item, readable
from chalicelib.core import table_keys
from chalicelib.core.counting import HourCounter
from chalicelib.core.windows import DAY


def counter_parts(increments: Mapping[tuple[str, str, str], Mapping[str, int]], shard: int) -> list[Item]:
    """Add to counters: one item for a (project, hour, event type), with an attribute m05 for the minute "05"."""
    return [
        add_part(table_keys.counter(*counter, shard), {f"m{minute}": count for minute, count in minutes.items()})
        for counter, minutes in increments.items()
    ]


def day_parts(hours: Iterable[tuple[str, str]], shard: int) -> list[Item]:
    """List the days of (project, hour) pairs."""
    days = sorted({(project, DAY.name_of(hour)) for project, hour in hours})
    return [put_part(key_item(table_keys.day(project, day, shard))) for project, day in days]


class Counters:
    def __init__(self, table: Table) -> None:
        self._table = table

    def days(self, project: str) -> list[str]:
        """Return the days that have events, oldest first."""
        items = self._table.query(table_keys.days_partition(project))
        return sorted(set(readable(items, lambda item: table_keys.parse_day(key_of(item))[1])))

    def of_days(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        """Return every counter of some days; a counter may come in several parts."""
        pks = [pk for day in days for pk in table_keys.day_partitions(project, day)]
        return [read_item(item, _counter) for item in self._table.query_each(pks, table_keys.COUNTERS)]


def _counter(item: Item) -> HourCounter:
    _, hour, event_type = table_keys.parse_counter(key_of(item))
    minutes = {name[1:]: int(value["N"]) for name, value in item.items() if name.startswith("m")}
    return HourCounter(hour, event_type, minutes)
