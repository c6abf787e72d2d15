"""A sweep removes what crashes left, and nothing that a slow worker may still commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from builders import HISTORY, NOW, World, make_chunk, make_event, make_message
from chalicelib.core.chunk import Chunk
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.event_body import StoredEvent
from chalicelib.errors import ProcessingFailed
from millrace.ops import sweep as sweeping
from millrace.ops.sweep import Swept

DAY = timedelta(days=1)


def sweep(world: World, *, now: datetime, dry_run: bool = False) -> Swept:
    totals = Swept()
    judged = [each for each in world.archive.find() if sweeping.may_be_judged(each, now, HISTORY)]
    list(sweeping.sweep(judged, archive=world.archive, commits=world.commits, totals=totals, dry_run=dry_run))
    return totals


def crash_once(world: World, chunk: Chunk) -> str:
    """Process a chunk up to its commit; the object that is left."""
    before = set(world.archive.objects)
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(ProcessingFailed):
        world.process(make_message(chunk))
    world.commits.outcomes = ()
    (left,) = set(world.archive.objects) - before
    return left


def test_an_orphan_goes_when_no_worker_can_name_it_any_more_and_not_before() -> None:
    world, chunk = World(), make_chunk()
    orphan = crash_once(world, chunk)
    world.take(chunk)
    assert sweep(world, now=NOW + 31 * DAY).orphans == 0
    assert sweep(world, now=NOW + 32 * DAY, dry_run=True).orphans == 1
    assert orphan in world.archive.objects
    totals = sweep(world, now=NOW + 32 * DAY)
    assert (totals.objects, totals.orphans, totals.lines) == (2, 1, 1)
    assert list(world.archived().values()) == [["e1"]]
    assert orphan not in world.archive.objects


def test_the_object_of_a_slow_zombie_that_commits_at_last_survives() -> None:
    """It wrote its object, stalled for a month while nobody else finished the chunk, and then commits."""
    world, chunk = World(), make_chunk()
    stalled = world.commits.commit

    def stall(records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        for days in (1, 29, 31, 32, 60):
            assert sweep(world, now=NOW + days * DAY).orphans == 0
        return stalled(records, attempt=attempt)

    world.commits.commit = stall  # type: ignore[method-assign]
    world.take(chunk)
    assert sweep(world, now=NOW + 61 * DAY).orphans == 0
    assert list(world.archived().values()) == [["e1"]]


def test_the_object_of_a_zombie_that_lost_to_another_worker_is_swept_and_the_winners_is_kept() -> None:
    world, chunk = World(), make_chunk()
    first = crash_once(world, chunk)
    world.take(chunk)
    second = crash_once(world, make_chunk(make_event("e2")))
    assert sweep(world, now=NOW + 40 * DAY).orphans == 1
    assert first not in world.archive.objects
    assert second in world.archive.objects  # its chunk is still to be committed


def test_an_object_is_kept_for_the_sake_of_one_chunk_that_names_it() -> None:
    world, committed, other = World(), make_chunk(make_event("e1")), make_chunk(make_event("e2"))
    world.commits.uncommittable = {other.chunk_id}
    with pytest.raises(ProcessingFailed):
        world.process(make_message(committed), make_message(other))
    world.commits.uncommittable = set()
    world.take(other)
    assert sweep(world, now=NOW + 40 * DAY).orphans == 0
    assert len(world.archive.objects) == 2


def test_nothing_is_swept_after_the_table_was_lost_or_the_records_expired() -> None:
    world = World()
    world.take(make_chunk(), make_chunk(make_event("e2")))
    world.commits.records_by_id.clear()
    for days in (40, 100, 369, 500):
        assert sweep(world, now=NOW + days * DAY).orphans == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_hour_summaries_that_died_with_their_writer_are_removed(dry_run: bool) -> None:
    world, totals = World(), Swept()
    world.hour_summaries.orphans = ["acme/2015-05-17T10/lost"]
    sweeping.sweep_summaries(world.hour_summaries, NOW, totals, dry_run=dry_run)
    assert (totals.summaries, len(world.hour_summaries.orphans)) == (1, int(dry_run))


def test_a_line_that_cannot_be_read_keeps_its_object() -> None:
    world = World()
    world.archive.write([StoredEvent(b"not json")], NOW)
    totals = sweep(world, now=NOW + 40 * DAY)
    assert (totals.unreadable, totals.orphans) == (1, 0)
