"""Ports and rules that are broken on purpose: a test of the tests must see what they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core.chunk import Chunk
from chalicelib.core.event import Event
from chalicelib.core.lifetimes import History, Lifetimes
from fakes import FakeEventStore


class ReadsStaleOwners(FakeEventStore):
    """What was written by the call before is not seen yet, and its absence taken for someone else's."""

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        existed = len(self.stored)
        owner = super()._claim(chunk, event)
        return owner if len(self.stored) > existed else "another"


class TakesStaleOwnersForItself(FakeEventStore):
    """An item that was written by the call before is not seen yet, and its absence taken for one's own."""

    last: Any = None

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        before, self.last = self.last, event.identity
        owner = super()._claim(chunk, event)
        return chunk.owner if before == event.identity else owner


class TakesAllForOwned(FakeEventStore):
    """What exists is taken as mine."""

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        super()._claim(chunk, event)
        return chunk.owner


class AsksNoPointer(FakeEventStore):
    """An event lies where it is stored, and nowhere else."""

    def _claim(self, chunk: Chunk, event: Event) -> str | None:
        return super()._claim(chunk, replace(event, own_time=None, user_may_change=False))


class JudgesNothingAsExpired(History):
    """Whatever its age, all that recognises an event is said to be there."""

    def may_expire(self, received: datetime, now: datetime) -> bool:  # noqa: ARG002
        return False

    def changed(self, wanted: Lifetimes, now: datetime) -> History:
        return JudgesNothingAsExpired(super().changed(wanted, now).entries)


class JudgesByToday(History):
    """The lifetimes of today judge all data."""

    def _smallest_since(self, moment: datetime) -> Lifetimes:  # noqa: ARG002
        return self.current

    def changed(self, wanted: Lifetimes, now: datetime) -> History:
        return JudgesByToday(super().changed(wanted, now).entries)
