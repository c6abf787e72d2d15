"""The dead-letter queue: looking holds a message, releasing shows it again, and only deleting removes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.ports import DeadLetters
from fakes import FakeDeadLetters
from stage import Stage

Box = tuple[DeadLetters, Callable[[str], object]]


@pytest.fixture
def box(backend: Stage | None) -> Box:
    """The dead-letter queue, and how a message gets there."""
    if backend is None:
        fake = FakeDeadLetters()
        return fake, fake.put
    url = backend.settings.dead_letter_url
    return backend.dead_letters, lambda body: backend.clients.sqs.send_message(QueueUrl=url, MessageBody=body)


def receive_all(dead_letters: DeadLetters) -> dict[str, str]:
    """Receipt handles by body."""
    found: dict[str, str] = {}
    while messages := dead_letters.receive(hold_seconds=60):
        found |= {message.body: message.receipt_handle for message in messages}
    return found


def test_an_empty_queue_has_nothing_to_show(box: Box) -> None:
    dead_letters, _ = box
    assert (dead_letters.receive(hold_seconds=60), dead_letters.depth()) == ([], 0)
    dead_letters.release([])
    assert dead_letters.delete([]) == 0


def test_each_message_is_seen_once_while_it_is_held_and_again_when_it_is_released(box: Box) -> None:
    dead_letters, put = box
    bodies = {f"message {number}" for number in range(25)}
    for body in bodies:
        put(body)
    found = receive_all(dead_letters)
    assert set(found) == bodies
    assert dead_letters.depth() == 25
    dead_letters.release(list(found.values())[:13])
    assert set(receive_all(dead_letters)) == set(list(found)[:13])


def test_what_is_deleted_is_gone_and_the_rest_stays(box: Box) -> None:
    dead_letters, put = box
    for number in range(15):
        put(f"message {number}")
    found = receive_all(dead_letters)
    assert dead_letters.delete(list(found.values())[:12]) == 12
    dead_letters.release(list(found.values())[12:])
    assert set(receive_all(dead_letters)) == set(list(found)[12:])
    assert dead_letters.depth() == 3


def test_a_dead_letter_has_an_id_of_its_own_and_counts_how_often_it_was_received(box: Box) -> None:
    dead_letters, put = box
    put("one")
    put("one")
    first = dead_letters.receive(hold_seconds=60)
    assert len({message.message_id for message in first}) == 2
    dead_letters.release([message.receipt_handle for message in first])
    again = dead_letters.receive(hold_seconds=60)
    assert {message.message_id for message in again} == {message.message_id for message in first}
    assert {message.receive_count - 1 for message in again} == {message.receive_count for message in first}


def test_a_queue_that_cannot_move_dead_letters_by_itself_says_so(box: Box) -> None:
    dead_letters, put = box
    put("one")
    assert dead_letters.start_moving_all() is False
    assert set(receive_all(dead_letters)) == {"one"}
