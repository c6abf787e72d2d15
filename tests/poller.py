"""Lambda's side of the queue: receives batches, deletes what succeeded, lets the rest come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.adapters.queue import make_message
from chalicelib.errors import ProcessingFailed, StoreFailed
from chalicelib.ports import Message
from oracle import Violation
from stage import Clients, Stage


class Poller:
    """`crash`: an exception that stands for a dead process; like the failures that the product raises on purpose it
    leaves the batch. Lambda does so whatever is raised; here anything else is a defect, and ends the test.
    """

    def __init__(self, stage: Stage, clients: Clients, crash: type[BaseException]) -> None:
        self._url, self._sqs = stage.settings.queue_url, clients.sqs
        self._failures = (StoreFailed, ProcessingFailed, crash)
        self._in_flight: list[str] = []

    def receive(self) -> list[Message]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        messages = [
            make_message(each["Body"], each["ReceiptHandle"], each["MessageId"], each["Attributes"])
            for each in answer.get("Messages", [])
        ]
        self._in_flight += [message.receipt_handle for message in messages]
        return messages

    def deliver(self, messages: Sequence[Message], function: Callable[[Sequence[Message]], None]) -> bool:
        """Call the function with a batch; whether it succeeded."""
        try:
            function(messages)
        except self._failures:
            return False
        handles = [message.receipt_handle for message in messages]
        if handles:
            entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        self._in_flight = [handle for handle in self._in_flight if handle not in handles]
        return True

    def time_out(self) -> None:
        """The visibility timeout of everything received and not deleted is over."""
        for start in range(0, len(self._in_flight), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(self._in_flight[start : start + 10])
            ]  # an entry whose message was moved to the dead letters is answered as failed
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        self._in_flight = []

    def drain(self, function: Callable[[Sequence[Message]], None], rounds: int = 30) -> None:
        """Deliver until the queue is empty: it must be, before long."""
        for _ in range(rounds):
            self.time_out()
            messages = self.receive()
            if not messages:
                return
            self.deliver(messages, function)
        raise Violation("the queue does not become empty")
