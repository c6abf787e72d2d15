"""The archive in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.event import stable_id
from chalicelib.core.event_body import StoredEvent
from chalicelib.errors import StoreFailed
from chalicelib.ports import ArchiveObject, Content

_WRITTEN = datetime(2015, 5, 17, tzinfo=UTC)


@dataclass
class FakeArchive:
    """`objects`: events by name. `modified`: when one was written, if a test says so. `meanwhile`: what others
    do just after the next reads of objects, one for each.
    """

    objects: dict[str, list[StoredEvent]] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    fails: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def write(self, events: Iterable[StoredEvent], now: datetime) -> str:
        if self.fails:
            raise StoreFailed("the archive does not answer")
        name = f"events/date={now:%Y-%m-%d}/hour={now:%H}/{len(self.objects)}.jsonl.gz"
        self.objects[name] = list(events)
        self.modified[name] = now
        return name

    def find(self, first_day: str = "") -> Iterator[ArchiveObject]:
        for name in sorted(self.objects):
            if name > f"events/date={first_day}":
                yield ArchiveObject(name, self.modified.get(name, _WRITTEN))

    def read(self, name: str) -> Content | None:
        if self.fails:
            raise StoreFailed("the archive does not answer")
        events = self.objects.get(name)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return None if events is None else Content(list(events), _etag(events))

    def rewrite(self, name: str, events: Iterable[StoredEvent], etag: str) -> bool:
        if name not in self.objects or _etag(self.objects[name]) != etag:
            return False
        self.objects[name] = list(events)
        return True

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """The events of each object, for tests."""
        return {name: [json.loads(event.dumped) for event in events] for name, events in self.objects.items()}


def _etag(events: Iterable[StoredEvent]) -> str:
    return stable_id(*(event.dumped.hex() for event in events))
