"""The ledger's exact sums of committed chunks, by hour of receipt. Each commit adds to them in its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.adapters.items import Item, add_part, key_of, read_item
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys, timestamps, windows
from chalicelib.core.ledger import Committed


def sum_parts(received: Mapping[str, Committed], shard: int, retention: timedelta) -> list[Item]:
    """Return parts that add to the sums of each hour.

    `c`: chunks. `n`: accepted events. `k`: stored events. `h`: the chunks' hashes.
    """
    return [
        add_part(
            table_keys.ledger(hour, shard),
            {"c": sums.chunks, "n": sums.accepted, "k": sums.stored, "h": sums.hashes},
            int((timestamps.parse(windows.start(hour)) + retention).timestamp()),
        )
        for hour, sums in received.items()
    ]


class LedgerSums:
    def __init__(self, table: Table) -> None:
        self._table = table

    def received(self, first: str, after: str) -> dict[str, Committed]:
        """Return the committed sums, by hour, of the chunks received in the hours with first <= hour < after."""
        sums: dict[str, Committed] = {}
        for pk in table_keys.LEDGER_PARTITIONS:
            for item in self._table.query(pk, first=first, after=after):
                hour = table_keys.parse_ledger(key_of(item))
                sums[hour] = sums.get(hour, Committed()) + read_item(item, _committed)
        return sums


def _committed(item: Item) -> Committed:
    return Committed(*(int(item[name]["N"]) for name in "cnkh"))
