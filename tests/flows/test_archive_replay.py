"""A replay of the archive: nothing new for a table that has it all, everything for one that has nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import HISTORY, LIFETIMES, NOW, ROWS, World, make_chunk, make_event, make_row, world_of_rows
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.lifetimes import History
from chalicelib.core.timestamps import parse
from chalicelib.core.windows import Span
from chalicelib.errors import StoreFailed
from fakes import FakeCommitLog, FakeEventStore
from millrace.ops import archive_replay, archive_scan
from millrace.ops.archive_replay import Replayed, Selection

LATER = NOW + timedelta(days=20)


def replay(
    world: World,
    *,
    span: Span = Span(),  # noqa: B008 - immutable
    project: str | None = None,
    event_type: str | None = None,
    lifetimes: History | None = None,
    now: datetime = LATER,
    dry_run: bool = False,
) -> Replayed:
    """Replay, and let everything that was queued be processed."""
    totals, queued = Replayed(), list[tuple[str, str]]()
    for step in archive_replay.replay(
        archive_scan.objects_of(world.archive, span),
        selection=Selection(span, project, event_type, lifetimes, now),
        archive=world.archive,
        commits=world.commits,
        queue=None if dry_run else world.queue,
        now=LATER,
        totals=totals,
    ):
        queued += step.queued
    for message in world.queue.messages():
        world.process(message, now=LATER)
        world.queue.delete([message.receipt_handle])
    for chunk_id, owner in queued:
        record = world.commits.record(owner, chunk_id)
        assert record is not None
        totals.stored += record.stored
        totals.duplicates += record.duplicates
    return totals


def everything(world: World) -> list[dict[str, Any]]:
    """All events as they were sent; which chunk owns one is another question."""
    rows = [row for project in ("acme", "other") for row in world.find_events({}, project=project)["events"]]
    return [{name: value for name, value in row.items() if name != "chunk_id"} for row in rows]


def empty_table(world: World) -> None:
    world.events, world.commits = FakeEventStore(), FakeCommitLog()


def test_a_table_that_has_everything_gains_nothing() -> None:
    world = world_of_rows()
    events, counted = everything(world), world.counted()
    totals = replay(world)
    assert (totals.fed, totals.stored, totals.duplicates) == (9, 0, 9)
    assert (everything(world), world.counted()) == (events, counted)


def test_an_empty_table_gets_all_events_and_counters_back() -> None:
    world = world_of_rows()
    events, counted = everything(world), world.counted()
    empty_table(world)
    totals = replay(world)
    assert (totals.stored, totals.duplicates) == (9, 0)
    assert (everything(world), world.counted()) == (events, counted)


def test_a_second_replay_into_the_restored_table_adds_nothing() -> None:
    world = world_of_rows()
    empty_table(world)
    replay(world)
    counted = world.counted()
    again = replay(world)
    # The lines that the lost records named are as good as the restored ones: nothing tells them apart.
    assert (again.fed, again.stored, again.duplicates) == (18, 0, 18)
    assert world.counted() == counted


def test_who_sent_an_event_and_when_is_kept() -> None:
    world = World()
    world.take(make_chunk(make_event(page="/home")))
    (before,) = world.find_events({})["events"]
    empty_table(world)
    replay(world)
    (after,) = world.find_events({})["events"]
    assert after.pop("chunk_id") != before.pop("chunk_id")
    assert after == before
    assert before["received_at"] == "2015-05-17T10:30:00Z"


def test_a_line_that_an_empty_table_is_fed_twice_is_stored_and_counted_once() -> None:
    world = World()
    chunk = make_chunk(make_event("e1"), make_event("e2"))
    world.take(chunk)
    (body,) = world.archive.objects.values()
    world.archive.objects["events/date=2015-05-17/hour=10/orphan.jsonl.gz"] = body
    empty_table(world)
    totals = replay(world)
    assert (totals.fed, totals.stored, totals.duplicates) == (4, 2, 2)
    assert world.counted() == {("acme", "page_view"): 2}


def test_lines_that_another_object_holds_for_their_chunk_are_left() -> None:
    world = World()
    world.take(make_chunk())
    (body,) = world.archive.objects.values()
    world.archive.objects["events/date=2015-05-17/hour=10/orphan.jsonl.gz"] = body
    totals = replay(world)
    assert (totals.objects, totals.fed, totals.orphaned) == (2, 1, 1)


@pytest.mark.parametrize(
    ("first", "after", "selected"),
    [
        ("2015-05-17T10:05:00Z", "2015-05-17T11:00:00Z", {"b", "b2", "c", "d"}),
        (None, "2015-05-17T00:00:00Z", {"a"}),
        ("2015-05-18T00:00:00Z", None, {"f"}),
        ("2015-06-01T00:00:00Z", None, set()),
    ],
)
def test_events_are_selected_by_their_own_time(first: str | None, after: str | None, selected: set[str]) -> None:
    world = world_of_rows()
    empty_table(world)
    span = Span(*(parse(each) if each else None for each in (first, after)))
    assert replay(world, span=span, project="acme").fed == len(selected)
    assert {event["event_id"] for event in world.find_events({})["events"]} == selected


def test_late_events_are_found_though_they_were_processed_long_after_their_time() -> None:
    world = World()
    world.take(make_chunk(received=NOW + timedelta(days=9)))
    empty_table(world)
    assert replay(world, span=Span(NOW - timedelta(hours=1), NOW)).stored == 1


def test_events_of_tomorrow_are_found_among_what_was_processed_today() -> None:
    world = World()
    world.take(make_chunk(make_event(at="2015-05-18T10:00:00Z")))
    empty_table(world)
    assert replay(world, span=Span(parse("2015-05-18T00:00:00Z"), None)).stored == 1


def test_a_type_and_a_project_can_be_selected() -> None:
    world = world_of_rows()
    assert replay(world, event_type="click").fed == sum(row[2] == "click" for row in ROWS.values())
    assert replay(world, project="other").fed == 2
    assert replay(world, project="other", event_type="click").fed == 0


def test_a_dry_run_counts_and_queues_nothing() -> None:
    world = world_of_rows()
    totals = replay(world, dry_run=True)
    assert (totals.fed, world.queue.bodies) == (9, [])


def test_what_has_expired_is_left_since_its_counters_have_not() -> None:
    world = World()
    world.take(make_chunk(make_event("old")), make_chunk(make_event("new"), received=NOW + timedelta(seconds=1)))
    totals = replay(world, lifetimes=HISTORY, now=NOW + LIFETIMES.replayable + timedelta(seconds=1))
    assert (totals.fed, totals.expired) == (1, 1)


def test_a_line_that_cannot_be_read_is_counted_and_costs_its_neighbours_nothing() -> None:
    world = World()
    name = world.archive.write([StoredEvent(line) for line in (b'{"event_id":"e1"}', b"[]", b"not json")], NOW)
    world.take(make_chunk(make_row("b")))
    totals = replay(world)
    assert name in world.archive.objects
    assert (totals.unreadable, totals.fed, totals.is_clean) == (3, 1, False)


def test_a_chunk_that_cannot_be_queued_ends_the_replay_before_its_objects_count_as_done() -> None:
    world = world_of_rows()
    world.queue.refuse = {2}
    with pytest.raises(StoreFailed):
        replay(world)


def test_a_replay_remembers_numbers_alone_however_much_it_feeds() -> None:
    assert {type(value) for value in vars(replay(world_of_rows())).values()} == {int}
