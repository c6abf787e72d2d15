"""Sending quarantined chunks again: under their own id, never counted twice, and not when that is not sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from builders import HISTORY, LIFETIMES, NOW, World, make_chunk, make_event, make_message
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk
from chalicelib.errors import ProcessingFailed
from chalicelib.flows.quarantine import quarantine_chunk, quarantine_undecodable, settle
from chalicelib.ports import Message
from millrace.ops import erasure, quarantine_replay
from millrace.ops.erasure import Erased, Person, erased_since, receipt_name
from millrace.ops.quarantine_replay import ReplayOutcome
from millrace.ops.selection import Selection

VIEW = ("acme", "page_view")
DAY = timedelta(days=1)


def quarantine(world: World, *given: Chunk, code: str = "too_old") -> None:
    for chunk in given:
        message = make_message(chunk)
        quarantine_chunk(chunk, message, code=code, last_delivered=None, quarantine=world.quarantine, now=NOW)


def replay(
    world: World,
    *,
    now: datetime = NOW,
    renew: bool = False,
    dry_run: bool = False,
    limit: int = 0,
    receipts: Sequence[str] = (),
) -> ReplayOutcome:
    entries, outcome = quarantine_replay.selected(world.quarantine, Selection(), limit), ReplayOutcome()
    list(
        quarantine_replay.replay(
            entries, outcome, queue=world.queue, quarantine=world.quarantine,
            now=now, lifetimes=HISTORY, erased=erased_since(receipts), renew=renew, dry_run=dry_run,
        )
    )  # fmt: skip
    return outcome


def process_queue(world: World, now: datetime = NOW) -> None:
    messages = world.queue.messages()
    world.process(*messages, now=now)
    world.queue.delete([message.receipt_handle for message in messages])


def test_a_quarantined_chunk_is_sent_as_it_was_and_its_commit_ends_its_quarantine() -> None:
    world, given = World(), [make_chunk(make_event(f"e{number}")) for number in range(12)]
    quarantine(world, *given, code="commit_failed")
    assert replay(world).to_json() == {"sent": 12, "refused": 0, "failed": 0}
    assert sorted(chunks.decode(body).chunk_id for body in world.queue.bodies) == [each.chunk_id for each in given]
    assert len(list(world.quarantine.waiting())) == 12
    process_queue(world)
    assert list(world.quarantine.waiting()) == []
    assert settle(world.quarantine) == 12
    assert world.quarantine.contents == {}
    assert world.counted() == {VIEW: 12}


def test_sending_twice_before_it_is_processed_counts_once() -> None:
    world = World()
    quarantine(world, make_chunk(), code="commit_failed")
    replay(world)
    replay(world)
    process_queue(world)
    assert world.counted() == {VIEW: 1}


def test_a_dry_run_sends_nothing_and_says_the_same() -> None:
    world = World()
    quarantine(world, make_chunk(), make_chunk(received=NOW - 31 * DAY))
    assert (replay(world, dry_run=True).to_json(), world.queue.bodies) == ({"sent": 1, "refused": 1, "failed": 0}, [])


def test_what_the_queue_refuses_is_told() -> None:
    world = World()
    quarantine(world, make_chunk(), make_chunk())
    world.queue.refuse = {0}
    assert replay(world).to_json() == {"sent": 1, "refused": 0, "failed": 1}


def test_an_undecodable_message_stays_with_a_sentence() -> None:
    world = World()
    quarantine_undecodable(Message("garbage", "handle", message_id="m1"), quarantine=world.quarantine, now=NOW)
    outcome = replay(world)
    assert (outcome.to_json(), world.queue.bodies) == ({"sent": 0, "refused": 1, "failed": 0}, [])
    assert "undecodable" in outcome.problems[0]


def test_what_another_version_could_not_decode_is_listed_as_the_chunk_that_it_is_and_replayed() -> None:
    world, chunk = World(), make_chunk()
    body = chunks.encode(chunk)
    quarantine_undecodable(Message(body, "handle", message_id="m1"), quarantine=world.quarantine, now=NOW)
    assert replay(world, dry_run=True).sent == 1
    assert set(world.quarantine.entries) == {(None, "m1")}
    assert replay(world).to_json() == {"sent": 1, "refused": 0, "failed": 0}
    assert (world.queue.bodies, set(world.quarantine.entries)) == ([body], {("acme", chunk.chunk_id)})
    process_queue(world)
    assert list(world.quarantine.waiting()) == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"message": 5}', '{"message": "garbage"}', "[" * 100_000])
def test_an_entry_whose_object_is_damaged_stays_and_the_others_are_sent(content: str) -> None:
    world, damaged, good = World(), make_chunk(), make_chunk()
    quarantine(world, damaged, good)
    world.quarantine.contents[damaged.chunk_id] = content
    outcome = replay(world)
    assert outcome.to_json() == {"sent": 1, "refused": 1, "failed": 0}
    assert damaged.chunk_id in outcome.problems[0]
    assert world.queue.bodies == [chunks.encode(good)]


def test_a_chunk_older_than_the_guard_is_refused_unless_it_is_renewed() -> None:
    world, old = World(), make_chunk(received=NOW - 31 * DAY)
    quarantine(world, old)
    outcome = replay(world)
    assert (outcome.refused, world.queue.bodies) == (1, [])
    assert "--renew" in outcome.problems[0]
    assert replay(world, renew=True).sent == 1
    assert [chunks.decode(body) for body in world.queue.bodies] == [replace(old, renewed=NOW)]
    process_queue(world)
    assert (world.counted(), list(world.quarantine.waiting())) == ({VIEW: 1}, [])


def test_a_chunk_that_was_half_done_a_month_ago_is_finished_and_counted_once() -> None:
    """Under another chunk_id, what the first attempt stored would be a duplicate that nobody counts."""
    events = [make_event(event_id, at="2015-04-16T10:05:00Z") for event_id in ("e1", "e2")]
    world, old = World(), make_chunk(*events, received=NOW - 31 * DAY)
    world.commits.uncommittable = {old.chunk_id}
    with pytest.raises(ProcessingFailed):
        world.process(make_message(old), now=NOW - 31 * DAY)
    world.commits.uncommittable = set()
    assert (len(world.events.stored), world.counted()) == (2, {})
    quarantine(world, old)
    replay(world, renew=True)
    process_queue(world)
    record = world.commits.record("acme", old.chunk_id)
    assert record is not None
    assert (world.counted(), record.stored, record.duplicates) == ({VIEW: 2}, 2, 0)


def test_a_renewed_chunk_ages_again_and_can_be_renewed_again() -> None:
    world, old = World(), make_chunk(received=NOW - 31 * DAY)
    quarantine(world, old)
    replay(world, renew=True)
    later = NOW + 40 * DAY
    process_queue(world, now=later)
    assert (world.counted(), len(list(world.quarantine.waiting()))) == ({}, 1)
    assert replay(world, now=later).refused == 1
    assert replay(world, now=later, renew=True).sent == 1


def test_a_chunk_whose_records_may_expire_while_it_is_under_way_is_refused() -> None:
    kept = LIFETIMES.replayable
    for age, sent in ((kept, 1), (kept + timedelta(seconds=1), 0)):
        world = World()
        quarantine(world, make_chunk(received=NOW - age))
        outcome = replay(world, renew=True)
        assert (outcome.sent, outcome.refused) == (sent, 1 - sent)


def test_an_event_without_a_time_that_came_again_and_was_stored_is_not_counted_twice() -> None:
    received = NOW - 70 * DAY
    first, retry = (
        make_chunk(make_event("g1", at=f"{at:%Y-%m-%dT%H:%M:%SZ}", guarded=True), received=at)
        for at in (received, received + 3 * DAY)
    )
    world = World()
    world.take(retry)
    quarantine(world, first)
    assert replay(world, renew=True).sent == 1
    process_queue(world)
    assert (world.counted(), world.receipt(first.chunk_id)["duplicates"]) == ({VIEW: 1}, 1)


def test_a_limit_takes_the_first_entries() -> None:
    world = World()
    quarantine(world, *(make_chunk() for _ in range(5)))
    assert replay(world, limit=2).sent == 2


def test_what_a_person_sent_before_they_were_erased_is_not_sent_again() -> None:
    """Whoever was erased sent two events: one is in quarantine for a month, one was stored and erased."""
    world, person = World(), Person("acme", "u1")
    old, young = make_chunk(received=NOW - 40 * DAY), make_chunk(make_event("e2"), received=NOW - DAY)
    quarantine(world, old, young)
    receipts = [
        receipt_name(erasure.receipt(each, Erased(), at, at), each)
        for each, at in (
            (person, NOW - 50 * DAY),
            (person, NOW - 20 * DAY),
            (Person("acme", "another"), NOW),
            (Person("other", "u1"), NOW),
        )
    ]
    outcome = replay(world, renew=True, receipts=receipts)
    assert (outcome.sent, outcome.refused) == (1, 1)
    assert "erased" in outcome.problems[0]
    assert [chunks.decode(body).chunk_id for body in world.queue.bodies] == [young.chunk_id]


@pytest.mark.parametrize("is_old_first", [True, False])
def test_an_old_copy_in_the_batch_does_not_swallow_the_renewed_one(is_old_first: bool) -> None:
    world, old = World(), make_chunk(received=NOW - 40 * DAY)
    copies = [make_message(old), make_message(replace(old, renewed=NOW))]
    world.process(*(copies if is_old_first else copies[::-1]))
    assert (world.counted(), list(world.quarantine.waiting())) == ({VIEW: 1}, [])
