"""The event store in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.chunk_id import owner_of
from chalicelib.core.event import Event, EventRef


@dataclass
class FakeEventStore:
    """`unknown`: ids of events whose owner nobody can tell. `claims`: the event ids of each call."""

    stored: dict[tuple[str, EventRef], dict[str, Any]] = field(default_factory=dict)
    guards: dict[tuple[str, str, str], tuple[str, EventRef]] = field(default_factory=dict)  # to (owner, event)
    erased: set[tuple[str, EventRef]] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    claims: list[list[str]] = field(default_factory=list)

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        self.claims.append([event.event_id for _, event in claims])
        return [self._claim(chunk, event) for chunk, event in claims]

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        if event.event_id in self.unknown:
            return None
        ref = event.ref
        if event.guarded:
            guard = (chunk.project, "" if event.sole_id else event.user, event.event_id)
            owner, _ = self.guards.setdefault(guard, (chunk.owner, ref))
            if owner != chunk.owner:
                return owner
        key = (chunk.project, ref)
        if key in self.erased:
            return "erased"
        return owner_of(self.stored.setdefault(key, stored_form(event, chunk))["chunk_id"])

    def get(self, project: str, ref: EventRef) -> dict[str, Any] | None:
        event = self.stored.get((project, ref))
        for user in (ref.user, ""):
            guard = self.guards.get((project, user, ref.event_id))
            if event is None and guard is not None:
                event = self.stored.get((project, guard[1]))
        return copy.deepcopy(event)

    def get_many(self, project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        return [copy.deepcopy(self.stored[project, ref]) for ref in refs if (project, ref) in self.stored]

    def of_user(self, project: str, user: str, *, first: str, after: str) -> Iterator[tuple[EventRef, dict[str, Any]]]:
        for ref, event in self.search(project, user, event_type=None, first=first, after=after, at_most=None):
            assert event is not None
            yield ref, event

    def search(
        self, project: str, user: str, *, event_type: str | None, first: str, after: str, at_most: int | None
    ) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
        mine = sorted(
            (
                ref
                for owner, ref in [*self.stored, *self.erased]
                if (owner, ref.user) == (project, user) and first <= f"{ref.time}#{ref.event_id}" < after
            ),
            reverse=True,
        )
        for ref in mine[:at_most]:
            event = self.stored.get((project, ref))
            if event is not None and event_type in (None, event["event_type"]):
                yield ref, copy.deepcopy(event)
        if at_most is not None and len(mine) > at_most:
            yield mine[at_most - 1], None
