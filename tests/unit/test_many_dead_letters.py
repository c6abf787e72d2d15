"""Working through thousands of dead letters: many to a call, and many calls at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Barrier
from typing import Any

import pytest

from builders import NOW, World, make_chunk
from chalicelib.core import chunk as chunks
from chalicelib.ports import Message
from millrace.ops import dead_letter_moves
from millrace.ops.dead_letter_moves import MoveOutcome
from millrace.ops.dead_letters import DeadLetterScan
from millrace.ops.selection import Selection
from waiting import PATIENCE_SECONDS


def world_with(count: int, *, decodable: bool) -> World:
    world = World()
    for _ in range(count):
        world.dead_letters.put(chunks.encode(make_chunk()) if decodable else "garbage")
    return world


def scan_of(world: World) -> DeadLetterScan:
    return DeadLetterScan(world.dead_letters, world.commits, world.failure_notes, now=NOW)


def look(world: World) -> int:
    with scan_of(world) as scan:
        return sum(len(some) for some in scan.batches())


class Crowd:
    """Lets nobody pass until several have come: calls one after the other would wait in vain."""

    def __init__(self) -> None:
        self._barrier = Barrier(8, timeout=PATIENCE_SECONDS)

    def then(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wait_and_call(*arguments: Any, **options: Any) -> Any:
            self._barrier.wait()
            return call(*arguments, **options)

        return wait_and_call


@pytest.mark.parametrize(
    ("port", "method"),
    [("dead_letters", "receive"), ("dead_letters", "delete"), ("dead_letters", "release"), ("quarantine", "add")],
)
def test_calls_for_many_messages_are_under_way_at_the_same_time(port: str, method: str) -> None:
    world = world_with(80, decodable=False)
    service = getattr(world, port)
    setattr(service, method, Crowd().then(getattr(service, method)))
    if method == "release":
        assert look(world) == 80
        return
    outcome = MoveOutcome()
    with scan_of(world) as scan:
        list(dead_letter_moves.move_to_quarantine(scan, Selection(), 0, outcome, quarantine=world.quarantine, now=NOW))
    assert outcome.moved == 80


def test_messages_are_sent_back_by_several_calls_at_the_same_time() -> None:
    world, outcome = world_with(80, decodable=True), MoveOutcome()
    world.queue.send = Crowd().then(world.queue.send)  # type: ignore[method-assign]
    with scan_of(world) as scan:
        list(dead_letter_moves.redrive(scan, Selection(), 0, outcome, queue=world.queue))
    assert outcome.moved == 80


def test_a_scan_that_takes_longer_than_its_hold_ends_and_has_seen_each_dead_letter() -> None:
    world, received = world_with(500, decodable=False), list[str]()
    receive = world.dead_letters.receive

    def show_again(*, hold_seconds: int) -> list[Message]:
        found = receive(hold_seconds=hold_seconds)
        for message in found:  # SQS keeps no order
            world.dead_letters.messages[message.receipt_handle] = world.dead_letters.messages.pop(
                message.receipt_handle
            )
        received.extend(message.receipt_handle for message in found)
        world.dead_letters.release(received[:-200])  # those whose hold is over
        return found

    world.dead_letters.receive = show_again  # type: ignore[method-assign]
    assert look(world) == 500


def test_many_messages_are_looked_up_in_few_calls() -> None:
    world, asked = world_with(1000, decodable=True), list[int]()
    committed = world.commits.committed

    def count(chunks: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        given = list(chunks)
        asked.append(len(given))
        return committed(given)

    world.commits.committed = count  # type: ignore[method-assign]
    assert look(world) == sum(asked) == 1000
    assert len(asked) < 10
