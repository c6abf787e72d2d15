"""What AWS does around the event functions: the queue's trigger and the schedule, as threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import SQSEventConfig

_log = logging.getLogger(__name__)

_RECEIVE_AT_ONCE = 10
_WAIT_SECONDS = 1


class QueueTrigger(threading.Thread):
    """Receives batches and calls the function, as Lambda's event source mapping does: a batch that
    succeeds is deleted, one that raises comes back when its visibility timeout is over.
    """

    def __init__(self, sqs: Any, queue_url: str, source: SQSEventConfig, function: Callable[..., Any]) -> None:
        super().__init__(name="queue-trigger", daemon=True)
        self._sqs, self._queue_url, self._source, self._function = sqs, queue_url, source, function
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                if messages := self._receive_batch():
                    self._deliver(messages)
            except (ClientError, BotoCoreError) as error:
                if not self._ending.wait(0.5):
                    _log.warning("the queue did not answer: %s", error)

    def end(self) -> None:
        """Finish the batch at hand, and no other."""
        self._ending.set()

    def _receive_batch(self) -> list[dict[str, Any]]:
        window_ends = time.monotonic() + self._source.maximum_batching_window_in_seconds
        batch: list[dict[str, Any]] = []
        while len(batch) < self._source.batch_size:
            left = window_ends - time.monotonic()
            if batch and left <= 0:
                break
            batch += self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(_RECEIVE_AT_ONCE, self._source.batch_size - len(batch)),
                WaitTimeSeconds=_WAIT_SECONDS if not batch else min(_WAIT_SECONDS, int(left)),
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            if not batch or self._ending.is_set():
                break
        return batch

    def _deliver(self, messages: list[dict[str, Any]]) -> None:
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for message in messages
        ]
        try:
            self._function({"Records": records}, None)
        except Exception as error:  # noqa: BLE001 - a function may fail in any way, and its batch comes back
            _log.warning("a batch of %d messages comes back: %s", len(records), error)
            return
        for start in range(0, len(messages), _RECEIVE_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + _RECEIVE_AT_ONCE])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)


class Schedule(threading.Thread):
    """Calls a function every so many seconds."""

    def __init__(self, function: Callable[..., Any], every_seconds: float) -> None:
        super().__init__(name="schedule", daemon=True)
        self._function, self._every_seconds = function, every_seconds
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.wait(self._every_seconds):
            try:
                self._function(_scheduled_event(), None)
            except Exception as error:  # noqa: BLE001 - a function may fail in any way, and runs again
                _log.warning("the aggregator failed and will run again: %s", error)

    def end(self) -> None:
        self._ending.set()


def _scheduled_event() -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }
