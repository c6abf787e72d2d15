"""Lets items of the fakes expire, as the table does: each by the lifetime that was in force when it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import timestamps
from chalicelib.core.chunk_id import minted_at
from fakes import FakeCommitLog, FakeEventStore


@dataclass
class Expiry:
    """When each item of an event store and a commit log expires.

    `pointing_kept`: how long guards and pointers are kept, if not as long as events.
    """

    events: FakeEventStore
    commits: FakeCommitLog
    pointing_kept: timedelta | None = None
    moments: dict[Any, datetime] = field(default_factory=dict)

    def note(self, kept: timedelta) -> None:
        """Note of each new item when it expires. Comes before the lifetimes change."""
        for key, event in self.events.stored.items():
            self.moments.setdefault(key, minted_at(event["chunk_id"]) + kept)
        for place, (chunk_id, _) in self.events.pointing.items():
            self.moments.setdefault(("pointing", place), minted_at(chunk_id) + (self.pointing_kept or kept))
        for chunk_id, record in self.commits.records_by_id.items():
            self.moments.setdefault(chunk_id, timestamps.parse(record.received) + kept)

    def delete(self, now: datetime) -> None:
        """Delete what has expired."""
        for key, event in list(self.events.stored.items()):
            if self.moments[key] < now:
                del self.events.stored[key]
                self.commits.shared.pop((key[0], event["chunk_id"]), None)
        for place in [each for each in self.events.pointing if self.moments["pointing", each] < now]:
            del self.events.pointing[place]
        for chunk_id in [each for each in self.commits.records_by_id if self.moments[each] < now]:
            del self.commits.records_by_id[chunk_id]
