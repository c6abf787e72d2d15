"""Erasures of a user from a world of fakes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from builders import HISTORY, NOW, World, make_chunk, make_event
from chalicelib.core.chunk import Chunk
from chalicelib.core.windows import Window
from fakes import FakeErasure
from millrace.ops.erasure import Erased, Eraser, Person

DAY = timedelta(days=1)
HOUR = Window("acme", "hour", "2015-05-17T10")


def eraser_of(
    world: World, user: str = "u1", *, now: datetime = NOW, port: FakeErasure | None = None, dry_run: bool = False
) -> Eraser:
    return Eraser(
        Person("acme", user),
        events=world.events,
        commits=world.commits,
        quarantine=world.quarantine,
        erasure=port or world.erasure,
        archive=world.archive,
        is_settled=lambda minted: HISTORY.is_settled(minted, now),
        dry_run=dry_run,
    )


def erase(world: World, user: str = "u1", **options: Any) -> Erased:
    eraser = eraser_of(world, user, **options)
    list(eraser.erase_events())
    list(eraser.erase_lines(list(world.archive.find())))
    eraser.count_left()
    return eraser.totals


def users_of(world: World) -> dict[str, set[str]]:
    """Whose events the table, and whose lines the archive holds, of the project."""
    lines = [line for events in world.archive.documents().values() for line in events if line["project"] == "acme"]
    return {
        "table": {ref.user for project, ref in world.events.stored if project == "acme"},
        "archive": {line["user_id"] for line in lines},
    }


def take_both() -> tuple[World, Chunk]:
    world = World()
    chunk = make_chunk(
        make_event("e1", page="/home"),
        make_event("e2", event_type="click"),
        make_event("e3", user="u2", page="/home"),
    )
    world.take(chunk)
    return world, chunk
