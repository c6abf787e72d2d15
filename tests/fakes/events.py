"""The event store in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.chunk_id import NOBODY, owner_of
from chalicelib.core.event import Event, EventRef


@dataclass
class FakeEventStore:
    """`unknown`: ids of events whose owner nobody can tell. `claims`: the event ids of each call.

    `pointing`: (owner, event) by what tells an event before its own item does: a guard, or its natural key.
    """

    stored: dict[tuple[str, EventRef], dict[str, Any]] = field(default_factory=dict)
    pointing: dict[tuple[str, EventRef], tuple[str, EventRef]] = field(default_factory=dict)
    erased: set[tuple[str, EventRef]] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    claims: list[list[str]] = field(default_factory=list)

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        self.claims.append([event.event_id for _, event in claims])
        return [self._claim(chunk, event) for chunk, event in claims]

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        if event.event_id in self.unknown:
            return None
        for place in _told_by(event):
            key = (chunk.project, place)
            there = self._owner(key) if key in self.stored or key in self.erased else None
            owner = there or self.pointing.setdefault(key, (chunk.owner, event.ref))[0]
            if owner != chunk.owner:
                return owner
        key = (chunk.project, event.ref)
        if key in self.pointing:
            return self.pointing[key][0]
        if key not in self.erased:
            self.stored.setdefault(key, stored_form(event, chunk))
        return self._owner(key)

    def _owner(self, key: tuple[str, EventRef]) -> str:
        return NOBODY if key in self.erased else owner_of(self.stored[key]["chunk_id"])

    def owner_at(self, project: str, ref: EventRef) -> str:
        """Return the owner of the item that lies there."""
        key = (project, ref)
        return self.pointing[key][0] if key in self.pointing else self._owner(key)

    def get(self, project: str, ref: EventRef) -> dict[str, Any] | None:
        for place in (ref, ref._replace(time=""), EventRef("", "", ref.event_id)):
            if (project, place) in self.pointing:
                return copy.deepcopy(self.stored.get((project, self.pointing[project, place][1])))
            if (project, place) in self.stored or (project, place) in self.erased:
                return copy.deepcopy(self.stored.get((project, place)))
        return None

    def get_many(self, project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        return [copy.deepcopy(self.stored[project, ref]) for ref in refs if (project, ref) in self.stored]

    def of_user(self, project: str, user: str, *, first: str, after: str) -> Iterator[tuple[EventRef, dict[str, Any]]]:
        for ref, event in self.search(project, user, event_type=None, first=first, after=after, at_most=None):
            assert event is not None
            yield ref, event

    def search(
        self,
        project: str,
        user: str,
        *,
        event_type: str | None,
        first: str,
        after: str,
        at_most: int | None,
        page_items: int | None = None,  # noqa: ARG002 - nothing is read in pages
    ) -> Iterator[tuple[EventRef, dict[str, Any] | None]]:
        mine = sorted(
            (
                ref
                for owner, ref in [*self.stored, *self.erased, *self.pointing]
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


def _told_by(event: Event) -> list[EventRef]:
    """What is claimed before the event."""
    guards = [event.natural._replace(time="")] if event.guarded else []
    sole = [EventRef("", "", event.event_id)] if event.sole_id else []
    return [*sole, *guards, *([event.pointed_from] if event.pointed_from else [])]
