"""Counts the events of a project and minute against its quota."""

from __future__ import annotations

import time

from chalicelib.adapters.table import Table, number
from chalicelib.core import table_keys

_MINUTE_KEPT_SECONDS = 3600


class QuotaCounter:
    """One item a project and minute: a write unit each time, and only for projects that have a quota."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        """Add events to a minute that is not yet full; False if it is."""
        values = {
            ":n": number(events),
            ":quota": number(quota),
            ":x": number(int(time.time()) + _MINUTE_KEPT_SECONDS),
        }
        key = table_keys.quota(project, minute)
        return self._table.update_if(key, "ADD n :n SET x = :x", "attribute_not_exists(n) OR n < :quota", values)
