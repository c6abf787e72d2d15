"""The dead-letter queue (SQS) for the toolbox: receive, release, delete and move messages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws import translated_errors
from chalicelib.adapters.queue import make_message
from chalicelib.ports import Message

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_MAX_ENTRIES = 10


class DeadLetters:
    """`target_url`: the queue from which the messages came.

    `wait_seconds`: if it is not 0, SQS asks all its servers before it answers that there is no message.
    """

    def __init__(self, client: Any, url: str, *, target_url: str, wait_seconds: int = 1) -> None:
        self._client = client
        self._url = url
        self._target_url = target_url
        self._wait_seconds = wait_seconds

    def receive(self, *, hold_seconds: int) -> list[Message]:
        """Return some dead letters and hide them from others for a time; empty if there are none.

        Raises StoreFailed.
        """
        with translated_errors():
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_MAX_ENTRIES,
                VisibilityTimeout=hold_seconds,
                WaitTimeSeconds=self._wait_seconds,
                MessageSystemAttributeNames=["All"],
            )
        return [
            make_message(each["Body"], each["ReceiptHandle"], each["MessageId"], each.get("Attributes", {}))
            for each in answer.get("Messages", [])
        ]

    def release(self, receipt_handles: Sequence[str]) -> None:
        """Make dead letters visible to others at once. If that fails, they become visible when their time ends."""
        for entries in _batches(receipt_handles):
            shown = [entry | {"VisibilityTimeout": 0} for entry in entries]
            with translated_errors():
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=shown)

    def delete(self, receipt_handles: Sequence[str]) -> int:
        """Delete dead letters that were moved. Return how many are certainly gone. The others are harmless copies."""
        gone = 0
        for entries in _batches(receipt_handles):
            with contextlib.suppress(ClientError, BotoCoreError):
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
                gone += len(answer.get("Successful", []))
        return gone

    def depth(self) -> int:
        """Return the approximate number of dead letters, including those that somebody has received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with translated_errors():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def start_moving_all(self) -> bool:
        """Make SQS itself move all dead letters back. Return False if it cannot, or may not have begun.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
        """
        try:
            self._client.start_message_move_task(
                SourceArn=self._arn(self._url), DestinationArn=self._arn(self._target_url)
            )
        except (ClientError, BotoCoreError):
            return False  # the move may have begun; then some messages are moved twice, which is harmless
        return True

    def moving(self) -> tuple[str, int]:
        """Return the status of the newest move, in SQS's words, and the number of messages moved."""
        with translated_errors():
            answer = self._client.list_message_move_tasks(SourceArn=self._arn(self._url))
        task: dict[str, Any] = next(iter(answer.get("Results", [])), {})
        return task.get("Status", "RUNNING"), int(task.get("ApproximateNumberOfMessagesMoved", 0))

    def _arn(self, url: str) -> str:
        answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


def _batches(receipt_handles: Sequence[str]) -> list[list[dict[str, Any]]]:
    return [
        [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(receipt_handles[start : start + _MAX_ENTRIES])
        ]
        for start in range(0, len(receipt_handles), _MAX_ENTRIES)
    ]
