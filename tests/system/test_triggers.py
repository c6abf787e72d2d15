"""What calls the functions of the local stack: it waits cheaply, and ends at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from chalice.app import SQSEventConfig

import app
from millrace.local.emulator import Emulator, changes
from millrace.local.triggers import Due, QueueTrigger
from stage import Clients
from waiting import PATIENCE_SECONDS, eventually

SOURCE = next(each for each in app.app.event_sources if isinstance(each, SQSEventConfig))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_schedule_is_due_while_anything_changes_and_some_seconds_longer() -> None:
    clock, count = Clock(), [0]
    due = Due(lambda: count[0], clock)
    found = []
    for clock.now in range(30):
        count[0] += clock.now < 10
        found.append(due())
    assert found == [True] * 25 + [False] * 5  # the last change is of second 9


def test_the_schedule_is_due_once_a_minute_where_nothing_changes_and_at_once_when_something_does() -> None:
    clock, count = Clock(), [0]
    due = Due(lambda: count[0], clock)
    due()
    clock.now = 100
    assert due()
    clock.now = 159
    assert not due()
    clock.now = 160
    assert due()
    clock.now, count[0] = 161, 1
    assert due()


class Queue:
    """A queue in which one message waits; whoever asks for another waits for ever."""

    def __init__(self) -> None:
        self.messages = [{"MessageId": "1", "ReceiptHandle": "r", "Body": "{}"}]
        self.asked_in_vain, self.deleted = threading.Event(), list[str]()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        if not self.messages:
            self.asked_in_vain.set()
            threading.Event().wait()
        return {"Messages": [self.messages.pop()]}

    def delete_message_batch(self, Entries: list[dict[str, str]], **_: Any) -> None:  # noqa: N803 - the SDK's name
        self.deleted += [each["ReceiptHandle"] for each in Entries]


def test_a_trigger_that_waits_for_messages_ends_at_once() -> None:
    queue = Queue()
    queue.messages.clear()
    trigger = QueueTrigger(queue, "url", SOURCE, lambda *_: None)
    trigger.start()
    assert queue.asked_in_vain.wait(PATIENCE_SECONDS)
    trigger.end()  # would hang


def test_a_trigger_ends_when_its_batch_is_done_and_deleted() -> None:
    queue, begun, go_on = Queue(), threading.Event(), threading.Event()

    def function(*_: Any) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)

    source = SQSEventConfig("process", "process", "chunks", None, 1, 0, None)
    trigger = QueueTrigger(queue, "url", source, function)
    trigger.start()
    assert begun.wait(PATIENCE_SECONDS)
    threading.Timer(0.2, go_on.set).start()
    trigger.end()
    assert queue.deleted == ["r"]


def test_reads_are_no_changes_and_writes_are(emulator: Emulator, clients: Clients) -> None:
    url = clients.sqs.create_queue(QueueName="changes")["QueueUrl"]
    before = changes(emulator.environment())
    clients.sqs.receive_message(QueueUrl=url)
    clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    clients.s3.list_buckets()
    assert changes(emulator.environment()) == before
    clients.sqs.send_message(QueueUrl=url, MessageBody="x")
    assert changes(emulator.environment()) == before + 1


def test_a_receiver_that_is_gone_takes_no_message(emulator: Emulator, clients: Clients) -> None:
    url = clients.sqs.create_queue(QueueName="gone", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    body = b'{"QueueUrl": "%s", "WaitTimeSeconds": 20}' % url.encode()
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{emulator.port}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
    head += f"X-Amz-Security-Token: {emulator.environment()['AWS_SESSION_TOKEN']}\r\n"
    head += f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", emulator.port)) as receiver:
        receiver.sendall(head.encode() + body)
        receiver.settimeout(1)
        with contextlib.suppress(TimeoutError):  # time to begin to wait
            assert not receiver.recv(1)
    clients.sqs.get_queue_attributes(QueueUrl=url)  # meanwhile the emulator hears of its end
    clients.sqs.send_message(QueueUrl=url, MessageBody="for somebody who is there")

    def receive() -> Any:
        return clients.sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"]).get("Messages")

    [message] = eventually(receive, "the message")
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
