"""Counts the events of a project and minute against its quota."""

from __future__ import annotations

import time
from datetime import timedelta

from chalicelib.adapters.table import Table, number
from chalicelib.core import table_keys


class QuotaCounter:
    """One item a project and minute: a write unit each time, and only for projects that have a quota."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        """Add events to a minute that is not yet full; False if it is."""
        values = {
            ":n": number(events),
            ":quota": number(quota),
            ":x": number(int(time.time() + self._retention.total_seconds())),
        }
        key = table_keys.quota(project, minute)
        return self._table.update_if(key, "ADD n :n SET x = :x", "attribute_not_exists(n) OR n < :quota", values)
