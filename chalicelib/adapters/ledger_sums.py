"""The ledger's sums of what was committed, by hour of receipt; a commit adds to them in its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.adapters.table import Item, Table, add_part, read_item
from chalicelib.core import table_keys, timestamps, windows
from chalicelib.core.ledger import Committed
from chalicelib.core.table_keys import Range


def sum_parts(received: Mapping[tuple[str, str], Committed], shard: int, retention: timedelta) -> list[Item]:
    """Add to the sums of each (hour of receipt, project): `c` chunks, `n` events accepted, `k` stored."""
    return [
        add_part(
            table_keys.ledger(hour, project, shard),
            {"c": sums.chunks, "n": sums.accepted, "k": sums.stored},
            int((timestamps.parse(windows.start(hour)) + retention).timestamp()),
        )
        for (hour, project), sums in received.items()
    ]


class LedgerSums:
    def __init__(self, table: Table) -> None:
        self._table = table

    def received(self, first: str, after: str) -> Committed:
        """Return what was committed of the chunks received in the hours with first <= hour < after."""
        items = self._table.query_each(table_keys.LEDGER_PARTITIONS, Range(first, after))
        return sum((read_item(item, _committed) for item in items), Committed())


def _committed(item: Item) -> Committed:
    return Committed(*(int(item[name]["N"]) for name in "cnk"))
