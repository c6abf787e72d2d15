"""What reports say when some of the records that they were made of have expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from builders import LIFETIMES, World, make_chunk, make_event
from chalicelib.core.chunk import Chunk
from chalicelib.core.windows import Window
from fakes import FakeErasure

FIRST = datetime(2026, 1, 1, 10, 5, tzinfo=UTC)
LATER = FIRST + LIFETIMES.events + timedelta(days=1)
HOUR, DAY = Window("acme", "hour", "2026-01-01T10"), Window("acme", "day", "2026-01-01")


def send(world: World, *users: str, received: datetime) -> list[Chunk]:
    """One event of each user in the first hour, each in a chunk of its own."""
    chunks = [
        make_chunk(
            make_event(f"{user} {received}", at=FIRST.isoformat(), user=user, page=f"/{user}"), received=received
        )
        for user in users
    ]
    world.take(*chunks)
    return chunks


def expire(world: World, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        del world.commits.records_by_id[chunk.chunk_id]
    world.hour_summaries.kept.clear()


def said(world: World, window: Window) -> tuple[int, int, bool]:
    content = world.reports.reports[window].content
    return content["events"], content["unique_users"], content.get("records_expired", False)


def test_three_expired_and_four_late_events_are_seven_in_the_hour_and_in_its_day() -> None:
    world = World()
    expired = send(world, "a", "b", "c", received=FIRST)
    world.aggregate(FIRST + timedelta(days=1))
    expire(world, expired)
    send(world, "d", "e", "f", "g", received=LATER)
    world.aggregate(LATER)
    assert (said(world, HOUR), said(world, DAY)) == ((7, 4, True), (7, 4, True))
    assert world.aggregate(LATER + timedelta(minutes=5)) == {"refreshed": 0, "published": 0}
    send(world, "h", received=LATER + timedelta(days=1))
    world.aggregate(LATER + timedelta(days=1))
    assert (said(world, HOUR), said(world, DAY)) == ((8, 5, True), (8, 5, True))


def test_an_hour_that_is_as_old_and_has_all_its_records_is_reported_as_any_other() -> None:
    world = World()
    send(world, "a", "b", received=LATER)
    world.aggregate(LATER)
    assert (said(world, HOUR), said(world, DAY)) == ((2, 2, False), (2, 2, False))


def test_a_person_who_is_erased_leaves_hour_and_day_after_others_have_expired() -> None:
    world = World()
    expired = send(world, "a", "b", "c", received=FIRST)
    (late,) = send(world, "erased", received=LATER)
    world.aggregate(LATER)
    expire(world, expired)
    record = world.commits.records_by_id[late.chunk_id]
    assert FakeErasure(world.events, world.commits).erase("acme", late.chunk_id, late.events, record)
    world.aggregate(LATER + timedelta(hours=1))
    assert (said(world, HOUR)[0], said(world, DAY)[0]) == (3, 3)
    for window in (HOUR, DAY):
        assert "/erased" not in repr(world.reports.reports[window].content)
    assert "erased" not in {user for _, kept in world.hour_summaries.kept.values() for user in kept.users}
