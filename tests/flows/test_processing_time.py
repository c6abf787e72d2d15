"""The processor's time: what it cannot begin any more comes back, and costs the others of its batch nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from builders import World, handles, make_chunk, make_event, make_message, make_single
from chalicelib.core.chunk import Chunk
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.event import Event
from chalicelib.errors import ProcessingFailed
from chalicelib.ports import Message
from fakes import FakeCommitLog, FakeEventStore


@dataclass
class Clock:
    seconds: float

    def left(self) -> float:
        return self.seconds


@dataclass
class SlowEvents(FakeEventStore):
    clock: Clock = field(default_factory=lambda: Clock(0))
    seconds: float = 0

    def claim(self, claims: Sequence[tuple[Chunk, Event]]) -> list[str | None]:
        self.clock.seconds -= self.seconds
        return super().claim(claims)


@dataclass
class SlowCommits(FakeCommitLog):
    clock: Clock = field(default_factory=lambda: Clock(0))
    seconds: float = 0

    def commit(self, records: Sequence[CommitRecord], *, attempt: int = 0) -> Outcome:
        self.clock.seconds -= self.seconds
        return super().commit(records, attempt=attempt)


def slow_world(*, seconds: float, a_claim: float = 0, a_commit: float = 0) -> World:
    clock = Clock(seconds)
    events, commits = SlowEvents(clock=clock, seconds=a_claim), SlowCommits(clock=clock, seconds=a_commit)
    return World(events=events, commits=commits, seconds_left=clock.left)


def batch(count: int, *, receive_count: int = 1, events: int = 100) -> list[Message]:
    given = [make_chunk(*(make_event(f"e{n}-{k}") for k in range(events))) for n in range(count)]
    return [make_message(each, receive_count=receive_count) for each in given]


# Of 60 s, claims may begin in the first 30: at 60, 48 and 36, each of 200 events. Of 12 s, at 12 and 7.
@pytest.mark.parametrize(("seconds", "a_claim", "claimed"), [(60, 12, 6), (12, 5, 4), (1000, 1, 10)])
def test_chunks_for_whose_claims_no_time_is_left_come_back_and_the_others_are_done(
    seconds: float, a_claim: float, claimed: int
) -> None:
    world, messages = slow_world(seconds=seconds, a_claim=a_claim), batch(10, receive_count=2)
    if claimed == len(messages):
        world.process(*messages)
        return
    with pytest.raises(ProcessingFailed, match=f"{10 - claimed} of 10"):
        world.process(*messages)
    assert len(world.commits.records_by_id) == claimed
    assert set(world.queue.deleted) == handles(messages[:claimed])
    assert [note.code for note in world.failure_notes.notes.values()] == ["out_of_time"] * (10 - claimed)
    world.seconds_left = lambda: 1000
    world.process(*messages[claimed:])
    assert sum(world.counted().values()) == 1000


def test_no_commit_begins_in_the_last_sixth_of_the_time() -> None:
    # Each of 8 chunks takes a group of its own. Commits begin at 60, 40 and 20 s.
    world = slow_world(seconds=60, a_commit=20)
    given = [make_chunk(*(make_event(f"e{n}-{k}", event_type=f"type-{n}-{k}") for k in range(60))) for n in range(8)]
    messages = [make_message(each) for each in given]
    with pytest.raises(ProcessingFailed, match="5 of 8"):
        world.process(*messages)
    assert len(world.commits.attempts) == 3
    assert len(world.queue.deleted) == 3


def test_what_is_not_asked_for_costs_no_time() -> None:
    world = slow_world(seconds=60)
    world.events.unknown = {"e0-0"}
    with pytest.raises(ProcessingFailed):
        world.process(*batch(1))
    assert len(world.events.claims) == 1  # alone in its call, it was alone already


def test_a_single_of_which_nothing_is_known_fails_alone() -> None:
    world, given = World(), [make_single(make_event(f"e{number}")) for number in range(4)]
    messages = [make_message(each) for each in given]
    world.commits.unlookable = {given[1].chunk_id}
    with pytest.raises(ProcessingFailed, match="1 of 4"):
        world.process(*messages)
    assert set(world.queue.deleted) == handles(messages) - handles([messages[1]])
    assert sorted(line for lines in world.archived().values() for line in lines) == ["e0", "e2", "e3"]


def test_a_chunk_that_owns_nothing_needs_no_archive() -> None:
    world, copy, new = World(), make_chunk(make_event("e1")), make_chunk(make_event("e2"))
    world.take(make_chunk(make_event("e1")))
    world.archive.fails = True
    with pytest.raises(ProcessingFailed, match="1 of 2"):
        world.process(make_message(copy), make_message(new))
    assert world.commits.records_by_id[copy.chunk_id].duplicates == 1
    assert new.chunk_id not in world.commits.records_by_id


def test_a_group_that_fails_waits_until_the_others_are_committed() -> None:
    world = World()
    given = [make_chunk(*(make_event(f"e{n}-{k}", event_type=f"type-{n}-{k}") for k in range(60))) for n in range(3)]
    world.commits.uncommittable = {given[0].chunk_id}
    with pytest.raises(ProcessingFailed, match="1 of 3"):
        world.process(*map(make_message, given))
    assert world.commits.attempts[:3] == [[each.chunk_id] for each in given]
