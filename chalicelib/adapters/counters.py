"""The counters: events by project, type and minute; and the days that have any.

Their items are written in the transaction of a commit or an erasure: `counter_parts` and `day_parts` are parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chalicelib.adapters.table import Item, Table, add_part, key_item, put_part
from chalicelib.core import table_keys
from chalicelib.core.counting import HourCounter


def counter_parts(increments: Mapping[tuple[str, str, str], Mapping[str, int]], shard: int) -> list[Item]:
    """Add to counters: one item for a (project, hour, event type), with an attribute m05 for the minute "05"."""
    return [
        add_part(table_keys.counter(*counter, shard), {f"m{minute}": count for minute, count in minutes.items()})
        for counter, minutes in increments.items()
    ]


def day_parts(hours: Iterable[tuple[str, str]], shard: int) -> list[Item]:
    """List the days of (project, hour) pairs."""
    days = sorted({(project, hour[:10]) for project, hour in hours})
    return [put_part(key_item(table_keys.day(project, day, shard))) for project, day in days]


class Counters:
    def __init__(self, table: Table) -> None:
        self._table = table

    def days(self, project: str) -> list[str]:
        """Return the days that have events, oldest first."""
        return sorted({item["sk"]["S"][:10] for item in self._table.query(table_keys.days_partition(project))})

    def of_days(self, project: str, days: Iterable[str]) -> list[HourCounter]:
        """Return every counter of some days; a counter may come in several parts."""
        pks = [table_keys.day_partition(project, day, shard) for day in days for shard in range(table_keys.SHARDS)]
        return [_counter(item) for item in self._table.query_each(pks, first="n#", after="n$")]


def _counter(item: Item) -> HourCounter:
    day = item["pk"]["S"].split("#")[2]
    _, hour, event_type = item["sk"]["S"].split("#", 2)
    minutes = {name[1:]: int(value["N"]) for name, value in item.items() if name.startswith("m")}
    return HourCounter(f"{day}T{hour}", event_type, minutes)
