"""The queue: what is answered as queued is delivered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from builders import make_chunk, make_event
from chalicelib.core import chunk as chunks
from chalicelib.ports import Message, Queue
from fakes import FakeQueue
from stage import Stage


@dataclass
class EmulatedConsumer:
    """The other end of the emulator's queue."""

    stage: Stage

    def receive(self) -> list[Message]:
        messages: list[Message] = []
        while found := self._receive_some():
            messages += [Message(each["Body"], each["ReceiptHandle"]) for each in found]
        return messages

    def _receive_some(self) -> list[dict[str, str]]:
        url = self.stage.settings.queue_url
        answer = self.stage.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return list(answer.get("Messages", []))

    def show_again(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.stage.clients.sqs.change_message_visibility(
                QueueUrl=self.stage.settings.queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=0
            )


@dataclass
class FakeConsumer:
    queue: FakeQueue

    def receive(self) -> list[Message]:
        return self.queue.messages()

    def show_again(self, messages: Iterable[Message]) -> None:
        """Nothing to do: the fake hides nothing."""


Ends = tuple[Queue, EmulatedConsumer | FakeConsumer]


@pytest.fixture
def ends(backend: Stage | None) -> Ends:
    if backend is None:
        queue = FakeQueue()
        return queue, FakeConsumer(queue)
    return backend.queue, EmulatedConsumer(backend)


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([], id="none"),
        pytest.param(["one"], id="one"),
        pytest.param([f"body {number}" for number in range(23)], id="more than a call takes"),
        pytest.param([f"{number}" + "x" * 250_000 for number in range(9)], id="over 1 MiB in total"),
        pytest.param([f"{number}" + "x" * 131_071 for number in range(8)], id="1 MiB exactly"),
    ],
)
def test_what_is_answered_as_queued_is_delivered_once(ends: Ends, bodies: list[str]) -> None:
    queue, consumer = ends
    assert queue.send(bodies) == set(range(len(bodies)))
    assert sorted(message.body for message in consumer.receive()) == sorted(bodies)


def test_a_chunk_with_control_characters_and_emoji_is_the_same_chunk_behind_the_queue(ends: Ends) -> None:
    queue, consumer = ends
    chunk = make_chunk(make_event("a\u0000b", user="zoë\ufffe", page="\U0001f600\r\n\u2028"))
    assert queue.send([chunks.encode(chunk)]) == {0}
    assert [chunks.decode(message.body) for message in consumer.receive()] == [chunk]


def test_a_message_that_is_deleted_does_not_come_again_and_the_others_do(ends: Ends) -> None:
    queue, consumer = ends
    queue.send([f"body {number}" for number in range(15)])
    messages = consumer.receive()
    finished, others = messages[:12], messages[12:]
    queue.delete([message.receipt_handle for message in finished])
    consumer.show_again(others)
    assert sorted(message.body for message in consumer.receive()) == sorted(message.body for message in others)


def test_deleting_nothing_leaves_everything(ends: Ends) -> None:
    queue, consumer = ends
    queue.send(["one"])
    queue.delete([])
    assert [message.body for message in consumer.receive()] == ["one"]


def test_the_depth_counts_what_waits_and_what_is_being_worked_on(ends: Ends) -> None:
    queue, consumer = ends
    assert queue.depth() == 0
    queue.send(["a", "b", "c"])
    assert queue.depth() == 3
    taken = consumer.receive()
    assert queue.depth() == 3
    queue.delete([taken[0].receipt_handle])
    assert queue.depth() == 2


def test_the_depth_counts_what_is_delayed(stage: Stage) -> None:
    """Nothing is sent with a delay, but a queue can be set up to delay everything."""
    stage.clients.sqs.send_message(QueueUrl=stage.settings.queue_url, MessageBody="later", DelaySeconds=900)
    assert stage.queue.depth() == 1
