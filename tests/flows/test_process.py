"""The processor: only what is committed is acknowledged, and every effect happens once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, World, handles, make_chunk, make_event, make_message, make_record, make_single
from chalicelib.core.chunk import Chunk
from chalicelib.errors import ProcessingFailed

VIEW = ("acme", "page_view")
DAY = timedelta(days=1)


def chunk_of(*event_ids: str, **options: Any) -> Chunk:
    return make_chunk(*(make_event(event_id) for event_id in event_ids), **options)


def outcome(world: World, chunk: Chunk) -> tuple[int, int]:
    """Stored and duplicates, as the receipt says."""
    record = world.commits.records_by_id[chunk.chunk_id]
    return record.stored, record.duplicates


def committed(world: World) -> set[str]:
    return set(world.commits.records_by_id)


def test_a_batch_is_stored_archived_counted_and_left_to_the_queue_to_delete() -> None:
    world, first, second = World(), chunk_of("e1", "e2"), chunk_of("e3")
    world.process(make_message(first), make_message(second))
    assert {ref.event_id for _, ref in world.events.stored} == {"e1", "e2", "e3"}
    assert list(world.archived().values()) == [["e1", "e2", "e3"]]
    assert world.counted() == {VIEW: 3}
    assert committed(world) == {first.chunk_id, second.chunk_id}
    assert world.queue.deleted == []


def test_the_commit_record_names_the_object_that_holds_the_chunks_events() -> None:
    world, first, second = World(), chunk_of("e1"), chunk_of("e2")
    world.take(first, second)
    for chunk, event_id in ((first, "e1"), (second, "e2")):
        name = world.commits.records_by_id[chunk.chunk_id].archive_object
        assert name
        assert world.archived()[name] == [event_id]


def test_an_archive_line_is_the_event_with_all_that_is_known_of_it() -> None:
    world, chunk = World(), make_chunk(make_event(page="/home"))
    world.take(chunk)
    (event,) = world.events.stored.values()
    assert list(world.archive.documents().values()) == [[event]]
    assert (event["properties"], event["project"], event["chunk_id"]) == ({"page": "/home"}, "acme", chunk.chunk_id)


def test_nothing_is_archived_that_a_chunk_does_not_own() -> None:
    world, first, second = World(), chunk_of("e1", "e2"), chunk_of("e2", "e3")
    world.take(first, second)
    assert list(world.archived().values()) == [["e1", "e2"], ["e3"]]
    assert (outcome(world, first), outcome(world, second)) == ((2, 0), (1, 1))
    assert world.counted() == {VIEW: 3}


def test_a_chunk_of_duplicates_alone_is_committed_without_an_object() -> None:
    world, copy = World(), chunk_of("e1")
    world.take(chunk_of("e1"), copy)
    assert outcome(world, copy) == (0, 1)
    assert world.commits.records_by_id[copy.chunk_id].archive_object is None
    assert len(world.archive.objects) == 1


def test_duplicates_across_the_chunks_of_a_batch_are_counted_once() -> None:
    world, first, second = World(), chunk_of("e1", "e2", repeats=1), chunk_of("e2", "e1", "e3")
    world.process(make_message(first), make_message(second))
    assert world.counted() == {VIEW: 3}
    assert list(world.archived().values()) == [["e1", "e2", "e3"]]
    assert (outcome(world, first), outcome(world, second)) == ((2, 1), (1, 2))


def test_projects_in_one_batch_are_counted_apart() -> None:
    world = World()
    world.process(make_message(chunk_of("e1")), make_message(chunk_of("e1", project="other")))
    assert world.counted() == {VIEW: 1, ("other", "page_view"): 1}


def test_copies_of_a_chunk_in_a_batch_are_merged_and_acknowledged_together() -> None:
    world, chunk, failing = World(), chunk_of("e1"), chunk_of("lost")
    world.events.unknown = {"lost"}
    copies = [make_message(chunk), make_message(chunk)]
    with pytest.raises(ProcessingFailed):
        world.process(copies[0], make_message(failing), copies[1])
    assert world.events.claims == [["e1", "lost"], ["lost"]]
    assert world.counted() == {VIEW: 1}
    assert set(world.queue.deleted) == handles(copies)


def test_an_unknown_owner_fails_its_chunk_alone_until_it_is_known() -> None:
    world, good, bad = World(), chunk_of("e1"), chunk_of("e2", "e3")
    world.events.unknown = {"e3"}
    messages = [make_message(bad), make_message(good)]
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(*messages)
    assert world.queue.deleted == [messages[1].receipt_handle]
    assert committed(world) == {good.chunk_id}
    assert list(world.archived().values()) == [["e1"]]
    world.events.unknown = set()
    world.process(make_message(bad, receive_count=2))
    assert outcome(world, bad) == (2, 0)
    assert world.counted() == {VIEW: 3}


def test_a_failed_archive_commits_nothing_and_the_next_delivery_owns_its_events_still() -> None:
    world, first, second = World(), chunk_of("e1"), chunk_of("e2")
    world.archive.fails = True
    with pytest.raises(ProcessingFailed, match="2 of 2"):
        world.process(make_message(first), make_message(second))
    assert (world.commits.attempts, world.queue.deleted, world.counted()) == ([], [], {})
    world.archive.fails = False
    world.process(make_message(first, receive_count=2), make_message(second, receive_count=2))
    assert (outcome(world, first), outcome(world, second)) == ((1, 0), (1, 0))


def test_a_redelivered_chunk_that_is_committed_is_done_without_claiming() -> None:
    world, chunk = World(), chunk_of("e1")
    world.take(chunk)
    world.process(make_message(chunk, receive_count=2))
    assert world.events.claims == [["e1"]]
    assert (len(world.archive.objects), world.counted()) == (1, {VIEW: 1})


def test_a_committed_chunk_that_comes_as_if_new_has_no_second_effect() -> None:
    world, chunk = World(), chunk_of("e1")
    world.take(chunk, chunk)
    assert world.counted() == {VIEW: 1}
    first_object = next(iter(world.archive.objects))
    assert world.commits.records_by_id[chunk.chunk_id].archive_object == first_object


def test_a_failed_look_at_what_is_committed_costs_only_work() -> None:
    world, old, new = World(), chunk_of("e1"), chunk_of("e2")
    world.take(old)
    world.commits.fails = True
    world.process(make_message(old, receive_count=2), make_message(new))
    assert world.counted() == {VIEW: 2}


@pytest.mark.parametrize("outcomes", [["lost"], ["lost", "refused"], ["refused"] * 4, ["refused", "lost"]])
def test_a_commit_of_unknown_outcome_is_repeated_until_it_is_surely_done(outcomes: list[str]) -> None:
    world, first, second = World(), chunk_of("e1"), chunk_of("e2")
    world.commits.outcomes = outcomes
    world.process(make_message(first), make_message(second))
    assert committed(world) == {first.chunk_id, second.chunk_id}
    assert world.counted() == {VIEW: 2}


def test_a_group_is_counted_anew_when_one_of_it_turns_out_to_be_committed() -> None:
    world, old, new = World(), chunk_of("e1"), chunk_of("e2", "e3")
    world.commits.commit([make_record(old)])
    world.process(make_message(old), make_message(new))
    assert world.commits.attempts[1:] == [sorted([old.chunk_id, new.chunk_id]), [new.chunk_id]]
    assert world.counted() == {VIEW: 3}


def test_a_chunk_that_cannot_be_committed_does_not_hold_its_neighbours() -> None:
    world, given = World(), [chunk_of(f"e{number}") for number in range(4)]
    messages = [make_message(chunk) for chunk in given]
    world.commits.uncommittable = {given[2].chunk_id}
    with pytest.raises(ProcessingFailed, match="1 of 4"):
        world.process(*messages)
    assert committed(world) == {chunk.chunk_id for chunk in given} - {given[2].chunk_id}
    assert set(world.queue.deleted) == handles(messages) - handles([messages[2]])
    assert world.counted() == {VIEW: 3}


def test_nothing_is_acknowledged_when_nothing_can_be_committed() -> None:
    world, chunk = World(), chunk_of("e1")
    world.commits.outcomes = ["refused"] * 100
    with pytest.raises(ProcessingFailed):
        world.process(make_message(chunk))
    assert (world.queue.deleted, world.counted()) == ([], {})


def single_of(event_id: str, **options: Any) -> Chunk:
    return make_single(make_event(event_id, **options))


def receipt(world: World, chunk: Chunk) -> tuple[int, int]:
    """Stored and duplicates, as the receipt says."""
    told = world.receipt(chunk.chunk_id, project=chunk.project)
    return told["stored"], told["duplicates"]


def test_singles_of_a_batch_are_stored_archived_and_counted_under_one_record() -> None:
    world, one, two, chunk = World(), single_of("e1"), single_of("e2"), chunk_of("e3", "e4")
    world.process(*map(make_message, (one, two, chunk)))
    assert {ref.event_id for _, ref in world.events.stored} == {"e1", "e2", "e3", "e4"}
    assert list(world.archived().values()) == [["e1", "e2", "e3", "e4"]]
    assert world.counted() == {VIEW: 4}
    assert len(committed(world)) == 2
    assert receipt(world, one) == receipt(world, two) == (1, 0)


def test_a_single_that_comes_again_has_no_second_effect() -> None:
    world, single = World(), single_of("e1")
    world.take(single, single)
    world.process(make_message(single, receive_count=2))
    assert world.counted() == {VIEW: 1}
    assert receipt(world, single) == (1, 0)
    assert len(world.archive.objects) == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_single_whose_event_belongs_to_another_is_a_duplicate(together: bool) -> None:
    world, first, again, new = World(), single_of("e1"), single_of("e1"), single_of("e2")
    batches = [[first, again, new]] if together else [[first], [again, new]]
    for batch in batches:
        world.process(*map(make_message, batch))
    assert (receipt(world, first), receipt(world, again), receipt(world, new)) == ((1, 0), (0, 1), (1, 0))
    assert world.counted() == {VIEW: 2}
    assert sorted(line for lines in world.archived().values() for line in lines) == ["e1", "e2"]
    named = world.commits.archived_in([("acme", each.chunk_id) for each in (first, again, new)])
    assert [named[each.chunk_id] is None for each in (first, again, new)] == [False, True, False]


@pytest.mark.parametrize("single_comes_first", [True, False])
def test_a_single_whose_event_a_chunk_of_its_batch_has_is_not_archived(single_comes_first: bool) -> None:
    world, chunk, single = World(), chunk_of("e1", "e2"), single_of("e1")
    batch = [single, chunk] if single_comes_first else [chunk, single]
    world.process(*map(make_message, batch))
    assert (receipt(world, chunk), receipt(world, single)) == ((2, 0), (0, 1))
    assert list(world.archived().values()) == [["e1", "e2"]]


@pytest.mark.parametrize("outcomes", [["lost"], ["lost", "refused"], ["refused"] * 4, ["refused", "lost"]])
def test_a_commit_of_singles_of_unknown_outcome_is_repeated_until_it_is_surely_done(outcomes: list[str]) -> None:
    world, first, second = World(), single_of("e1"), single_of("e2")
    world.commits.outcomes = outcomes
    world.process(make_message(first), make_message(second))
    assert (receipt(world, first), receipt(world, second)) == ((1, 0), (1, 0))
    assert world.counted() == {VIEW: 2}


def test_singles_wait_for_the_next_delivery_when_nobody_can_tell_what_was_done() -> None:
    world, single, chunk = World(), single_of("e1"), chunk_of("e2", "e3")
    messages = [make_message(single), make_message(chunk)]
    world.commits.fails = True
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(*messages)
    assert world.queue.deleted == [messages[1].receipt_handle]
    world.commits.fails = False
    world.process(make_message(single, receive_count=2))
    assert world.counted() == {VIEW: 3}
    assert sorted(line for lines in world.archived().values() for line in lines) == ["e1", "e2", "e3"]


#: How an event that another chunk claimed is sent again.
AGAIN: dict[str, Chunk] = {"in a chunk": chunk_of("e1", "e2"), "alone": single_of("e1")}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("days", [31, 5])
def test_a_duplicate_of_an_event_that_was_claimed_and_never_committed_names_the_chunk(again: Chunk, days: int) -> None:
    world, stuck = World(), chunk_of("e1", "e3", received=NOW - timedelta(days=days))
    world.events.claim([(stuck, event) for event in stuck.events])
    world.process(make_message(again))
    assert world.commits.records_by_id[again.chunk_id].waits_for == (stuck.chunk_id,)
    assert world.meter.values["waiting_duplicates"] == [1]


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize(
    "first", [chunk_of("e1", received=NOW - DAY), make_single(make_event("e1"), received=NOW - DAY)]
)
def test_a_duplicate_of_what_is_committed_waits_for_nothing(again: Chunk, first: Chunk) -> None:
    world = World()
    world.take(first, again)
    assert world.commits.records_by_id[again.chunk_id].waits_for == ()


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_the_usual_retry_reads_nothing_of_its_owner(again: Chunk) -> None:
    world, first = World(), chunk_of("e1", received=NOW - timedelta(minutes=50))
    world.events.claim([(first, event) for event in first.events])
    world.process(make_message(again))
    assert world.commits.records_by_id[again.chunk_id].waits_for == ()


def test_what_nobody_can_tell_of_the_owner_of_a_duplicate_fails_nothing() -> None:
    world, stuck, again = World(), chunk_of("e1", received=NOW - DAY), chunk_of("e1")
    world.events.claim([(stuck, event) for event in stuck.events])
    world.commits.fails = True
    world.process(make_message(again))
    assert outcome(world, again) == (0, 1)
