"""Counts a project's events of a minute, and its old hours of a day, up to a limit."""

from __future__ import annotations

import time
import zlib
from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from chalicelib.adapters.items import number
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys

# A set of 10,000 hours takes about 150 KB, and one POST may add 2,500. An item takes 400 KB.
_HOURS_OF_AN_ITEM = 10_000


class QuotaCounter:
    """Counts against quotas. A minute of a project is one item, and each count costs a write unit.

    The old hours of a project and day are one item, or several if the limit is high.
    """

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        """Add events to a minute. Return False if the minute had already reached the quota."""
        values = {
            ":n": number(events),
            ":quota": number(quota),
            ":x": number(int(time.time() + self._retention.total_seconds())),
        }
        key = table_keys.quota(project, minute)
        return self._table.update_if(key, "ADD n :n SET x = :x", "attribute_not_exists(n) OR n < :quota", values)

    def take_hours(self, project: str, day: str, hours: Collection[str], *, limit: int) -> set[str]:
        """Add hours to the old hours of a project and day, unless the limit is reached. Return all hours counted."""
        parts = max(1, -(-limit // _HOURS_OF_AN_ITEM))
        expiry = int(time.time() + (timedelta(days=1) + self._retention).total_seconds())
        by_part: dict[int, list[str]] = defaultdict(list)
        for hour in hours:
            by_part[zlib.crc32(hour.encode()) % parts].append(hour)
        taken = set[str]()
        for part, theirs in by_part.items():
            key = table_keys.old_hours(project, day, parts, part)
            taken |= self._table.extend(key, theirs, limit=-(-limit // parts), expiry=expiry)
        return taken
