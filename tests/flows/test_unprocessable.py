"""Messages that the processor must not process: undecodable ones and over-aged chunks are quarantined."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import LIFETIMES, NOW, World, make_chunk, make_event, make_message, make_quarantined
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk
from chalicelib.core.event import Event
from chalicelib.core.failures import Failure, Quarantined
from chalicelib.errors import ProcessingFailed, StoreFailed
from chalicelib.flows.quarantine import quarantine_chunk, settle
from chalicelib.ports import Message
from fakes import FakeEventStore, FakeQuarantine

VIEW = ("acme", "page_view")
AGE = LIFETIMES.max_chunk_age
SECOND = timedelta(seconds=1)


def chunk_of(*event_ids: str, received: datetime = NOW) -> Chunk:
    """A chunk of events that were received when they happened."""
    at = received.isoformat()
    return make_chunk(*(make_event(event_id, at=at) for event_id in event_ids), received=received)


def committed(world: World) -> set[str]:
    return set(world.commits.records_by_id)


def changed(**fields: Any) -> str:
    """A chunk's message with some fields replaced."""
    return json.dumps(json.loads(chunks.encode(chunk_of("garbage"))) | fields)


def changed_event(**fields: Any) -> str:
    (event,) = json.loads(chunks.encode(chunk_of("garbage")))["events"]
    return changed(events=[event | fields])


@pytest.mark.parametrize(
    "body",
    [
        *(
            pytest.param(body, id=body[:20] or "empty")
            for body in ("", "hello", "null", "[]", "{}", '"', "[" * 100_000)
        ),
        pytest.param(changed()[:-9], id="cut short"),
        pytest.param(changed(format=4), id="future format"),
        pytest.param(changed(chunk_id="01ARZ3NDEKTSV4RRFFQ69G5FAV"), id="no hour in the id"),
        pytest.param(changed(events=[]), id="no events"),
        pytest.param(changed(events=None), id="null events"),
        pytest.param(changed_event(timestamp="2015-05-17T11:00:00Z"), id="another hour's event"),
        pytest.param(changed(received_at=1e300), id="impossible received time"),
        pytest.param(changed(shared=["page"]), id="a shared context in a list"),
        pytest.param(changed(repeats=float("inf")), id="infinite repeats"),
        pytest.param(changed_event(timestamp=1e300), id="impossible event time"),
        pytest.param(changed_event(properties=["page"]), id="properties in a list"),
        pytest.param(changed_event(event_type=["page_view"]), id="type in a list"),
        pytest.param(changed_event(event_id="\ud800"), id="half a surrogate pair"),
    ],
)
def test_an_undecodable_message_is_set_aside_whole_at_once_and_costs_its_neighbours_nothing(body: str) -> None:
    world, chunk = World(), chunk_of("e1")
    world.process(Message(body, "handle", message_id="m1"), make_message(chunk))
    assert (committed(world), world.queue.deleted) == ({chunk.chunk_id}, [])
    (entry,) = world.quarantine.waiting()
    assert (entry.project, entry.name, entry.code) == (None, "m1", "not_a_chunk")
    assert json.loads(world.quarantine.contents["m1"])["message"] == body
    assert world.meter.values["undecodable_messages"] == [1]


def test_an_undecodable_message_that_cannot_be_set_aside_comes_back() -> None:
    world, chunk = World(), chunk_of("e1")
    world.quarantine.fails = True
    message = make_message(chunk)
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(Message("garbage", "handle", message_id="m1"), message)
    assert (committed(world), world.queue.deleted) == ({chunk.chunk_id}, [message.receipt_handle])
    assert "undecodable_messages" not in world.meter.values


def test_a_chunk_whose_content_breaks_a_step_fails_alone() -> None:
    """Whatever the decoder overlooks."""
    world, chunk, good = World(), chunk_of("e1"), chunk_of("e2")

    class Particular(FakeEventStore):
        def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
            if chunk in [each for each, _ in claims]:
                raise OverflowError("date value out of range")
            return super().claim(claims)

    world.events = world.commits.events = Particular()
    messages = [make_message(chunk), make_message(good)]
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(*messages)
    assert (committed(world), world.queue.deleted) == ({good.chunk_id}, [messages[1].receipt_handle])


def test_a_chunk_older_than_the_guard_is_quarantined_whole_and_acknowledged() -> None:
    world, old = World(), chunk_of("e1", received=NOW - AGE - SECOND)
    message = make_message(old)
    world.process(message)
    assert list(world.quarantine.waiting()) == [make_quarantined(old)]
    quarantined = json.loads(world.quarantine.contents[old.chunk_id])
    assert (quarantined["code"], chunks.decode(quarantined["message"])) == ("too_old", old)
    assert (quarantined["received_at"], quarantined["quarantined_at"]) == (
        "2015-04-17T10:29:59Z",
        "2015-05-17T10:30:00Z",
    )
    assert (quarantined["first_delivered_at"], quarantined["last_delivered_at"]) == (None, "2015-05-17T10:30:00Z")
    assert (world.events.stored, world.counted(), committed(world)) == ({}, {}, set())


def test_a_chunk_as_old_as_the_guard_allows_is_processed() -> None:
    world, chunk = World(), chunk_of("e1", received=NOW - AGE)
    world.process(make_message(chunk))
    assert (world.counted(), world.quarantine.entries) == ({VIEW: 1}, {})


def test_an_old_chunk_that_was_committed_in_time_is_done_and_not_quarantined() -> None:
    world, chunk = World(), chunk_of("e1")
    world.take(chunk)
    world.process(make_message(chunk), now=NOW + AGE + SECOND)
    assert (world.quarantine.entries, world.counted()) == ({}, {VIEW: 1})


@pytest.mark.parametrize("broken", ["quarantine", "commits"])
def test_an_old_chunk_that_cannot_be_quarantined_comes_back(broken: str) -> None:
    world, old = World(), chunk_of("e1", received=NOW - AGE - SECOND)
    getattr(world, broken).fails = True
    with pytest.raises(ProcessingFailed):
        world.process(make_message(old))
    assert (world.quarantine.entries, world.queue.deleted, world.events.stored) == ({}, [], {})


def test_an_old_chunk_that_cannot_be_quarantined_does_not_hold_its_neighbours() -> None:
    world, old, new = World(), chunk_of("e1", received=NOW - AGE - SECOND), chunk_of("e2")
    world.commits.fails = True
    message = make_message(new)
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(make_message(old), message)
    assert (world.queue.deleted, committed(world)) == ([message.receipt_handle], {new.chunk_id})


@pytest.mark.parametrize("is_renewed_first", [True, False])
def test_of_an_old_and_a_renewed_copy_in_a_batch_the_younger_age_counts(is_renewed_first: bool) -> None:
    world, old = World(), chunk_of("e1", received=NOW - AGE - SECOND)
    copies = [make_message(replace(old, renewed=NOW)), make_message(old)]
    world.process(*(copies if is_renewed_first else reversed(copies)))
    assert (committed(world), list(world.quarantine.entries)) == ({old.chunk_id}, [])


def test_a_chunk_that_was_renewed_is_as_old_as_its_renewal() -> None:
    world, old = World(), chunk_of("e1", received=NOW - 2 * AGE)
    world.process(make_message(replace(old, renewed=NOW - AGE)))
    assert (world.counted(), world.quarantine.entries, committed(world)) == ({VIEW: 1}, {}, {old.chunk_id})
    again = chunk_of("e2", received=NOW - 3 * AGE)
    world.process(make_message(replace(again, renewed=NOW - AGE - SECOND)))
    assert (world.counted(), set(world.quarantine.entries)) == ({VIEW: 1}, {("acme", again.chunk_id)})


FAILING: dict[str, Callable[[World, Chunk], object]] = {
    "owner_unknown": lambda world, chunk: world.events.unknown.add(chunk.events[0].event_id),
    "archive_failed": lambda world, _: setattr(world.archive, "fails", True),
    "commit_failed": lambda world, chunk: world.commits.uncommittable.add(chunk.chunk_id),
}


@pytest.mark.parametrize("code", FAILING)
def test_a_chunk_that_fails_again_leaves_a_note_that_says_why(code: str) -> None:
    world, chunk = World(), chunk_of("e1")
    FAILING[code](world, chunk)
    with pytest.raises(ProcessingFailed):
        world.process(make_message(chunk, receive_count=1))
    assert world.failure_notes.notes == {}
    with pytest.raises(ProcessingFailed):
        world.process(make_message(chunk, receive_count=3))
    assert world.failure_notes.notes == {("acme", chunk.chunk_id): Failure(code, "2015-05-17T10:30:00.000000Z", 3)}


def test_a_chunk_too_old_that_cannot_be_quarantined_leaves_a_note() -> None:
    world, old = World(), chunk_of("e1", received=NOW - AGE - SECOND)
    world.quarantine.fails = True
    with pytest.raises(ProcessingFailed):
        world.process(make_message(old, receive_count=2))
    assert world.failure_notes.notes["acme", old.chunk_id].code == "quarantine_failed"


def test_a_note_that_cannot_be_written_changes_nothing() -> None:
    world, chunk, good = World(), chunk_of("e1"), chunk_of("e2")
    world.commits.uncommittable = {chunk.chunk_id}
    world.failure_notes.fails = True
    messages = [make_message(chunk, receive_count=3), make_message(good)]
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(*messages)
    assert (world.queue.deleted, committed(world)) == ([messages[1].receipt_handle], {good.chunk_id})


def test_what_was_quarantined_and_then_committed_leaves_the_quarantine() -> None:
    world, chunk, other = World(), chunk_of("e1"), chunk_of("e2")
    for each in (chunk, other):
        quarantine_chunk(
            each, make_message(each), code="unfinished", last_delivered=None,
            quarantine=world.quarantine, now=NOW,
        )  # fmt: skip
    assert settle(world.quarantine) == 0
    world.take(chunk)
    assert settle(world.quarantine) == 1
    assert set(world.quarantine.entries) == {("acme", other.chunk_id)}
    assert other.chunk_id in world.quarantine.contents
    assert chunk.chunk_id not in world.quarantine.contents
    assert settle(world.quarantine) == 0


def test_an_entry_that_cannot_be_removed_stays_and_does_not_hold_up_those_of_the_next_look() -> None:
    class CannotRemove(FakeQuarantine):
        def remove(self, entry: Quarantined) -> None:
            if entry.name == stuck.chunk_id:
                raise StoreFailed("the bucket does not answer")
            super().remove(entry)

    world, stuck, other = World(), chunk_of("e1"), chunk_of("e2")
    quarantine = CannotRemove(world.commits)
    for each in (stuck, other):
        quarantine.add(make_quarantined(each), "kept")
    world.take(stuck, other)
    assert [settle(quarantine, at_most=1) for _ in range(2)] == [0, 1]
    assert set(quarantine.entries) == {("acme", stuck.chunk_id)}
