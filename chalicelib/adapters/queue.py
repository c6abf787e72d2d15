"""The queue between ingestion and the processor (SQS)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws import translated_errors
from chalicelib.core import retries
from chalicelib.ports import Message

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_MAX_ENTRIES = 10
_MAX_BATCH_BYTES = 1024 * 1024


def read_messages(lambda_event: dict[str, Any]) -> list[Message]:
    """Return the messages in a Lambda event of an SQS trigger."""
    return [
        make_message(record["body"], record["receiptHandle"], record.get("messageId", ""), record.get("attributes", {}))
        for record in lambda_event["Records"]
    ]


def make_message(body: str, receipt_handle: str, message_id: str, attributes: dict[str, str]) -> Message:
    return Message(
        body=body,
        receipt_handle=receipt_handle,
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        message_id=message_id,
        sent=_moment(attributes.get("SentTimestamp")),
        first_delivered=_moment(attributes.get("ApproximateFirstReceiveTimestamp")),
    )


def _moment(milliseconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


class Queue:
    def __init__(self, client: Any, url: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._url = url
        self._pause = pause

    def send(self, bodies: Sequence[str]) -> set[int]:
        """Send messages. Return the positions of those that SQS has confirmed."""
        queued: set[int] = set()
        for positions in _batches(bodies):
            sent = self._send_batch(bodies, positions)
            queued |= sent
            if len(sent) < len(positions):
                break  # the POST gets 503 in any case
        return queued

    def _send_batch(self, bodies: Sequence[str], positions: Iterable[int]) -> set[int]:
        """Send some messages in one call, with retries. Return the positions of those that SQS has confirmed."""
        waiting, queued = set(positions), set[int]()
        for attempt in range(retries.SEND.attempts):
            if attempt:
                self._pause(retries.SEND.pause_before(attempt))
            entries = [{"Id": str(position), "MessageBody": bodies[position]} for position in sorted(waiting)]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError):
                continue  # it may have been applied: a second copy of a chunk is harmless, a loss is not
            done = {int(entry["Id"]) for entry in answer.get("Successful", [])}
            queued |= done
            waiting -= done
            if not waiting:
                break
        return queued

    def depth(self) -> int:
        """Return the approximate number of messages, waiting or being processed. It is exact after a quiet minute."""
        names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        with translated_errors():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete finished messages, without retries. A message that stays is delivered again, and changes nothing."""
        for start in range(0, len(receipt_handles), _MAX_ENTRIES):
            batch = receipt_handles[start : start + _MAX_ENTRIES]
            entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(batch)]
            with suppress(ClientError, BotoCoreError):
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)


def _batches(bodies: Sequence[str]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for position, body in enumerate(bodies):  # bodies are ASCII: characters are bytes
        if batch and (len(batch) == _MAX_ENTRIES or size + len(body) > _MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += len(body)
    if batch:
        yield batch
