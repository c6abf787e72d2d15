"""Calls the event functions as AWS does: the queue's trigger and the schedule, as threads."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import SQSEventConfig

from millrace.scheduled_event import scheduled_event

_log = logging.getLogger(__name__)

_RECEIVE_AT_ONCE = 10
# The longest that SQS allows:
WAIT_SECONDS = 20
_PAUSE_SECONDS = 0.5
# A run may leave work for a later run. So runs continue for a while after the last change.
_STILL_SECONDS, _IDLE_SECONDS = 15, 60


class QueueTrigger(threading.Thread):
    """Receives batches and calls the function, as Lambda's event source mapping does.

    A batch that succeeds is deleted. A batch that raises is delivered again after its visibility timeout.

    `wait_seconds`: how long a receive may wait for a message.
    """

    def __init__(
        self,
        sqs: Any,
        queue_url: str,
        source: SQSEventConfig,
        function: Callable[..., Any],
        *,
        wait_seconds: int = WAIT_SECONDS,
    ) -> None:
        super().__init__(name="queue-trigger", daemon=True)
        self._sqs, self._queue_url, self._source, self._function = sqs, queue_url, source, function
        self._wait_seconds = wait_seconds
        self._ended = threading.Event()
        self._batch_at_hand = threading.Lock()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._take_a_batch()
            except (ClientError, BotoCoreError) as error:
                if not self._ended.wait(_PAUSE_SECONDS):
                    _log.warning("the queue did not answer: %s", error)

    def end(self) -> None:
        """Finish the current batch and begin no other. Does not wait for a receive without messages."""
        self._ended.set()
        with self._batch_at_hand:
            pass

    def _take_a_batch(self) -> None:
        messages = self._receive(self._source.batch_size, self._wait_seconds)
        if not messages:
            return
        with self._batch_at_hand:
            if not self._ended.is_set():  # otherwise they are delivered again after their visibility timeout
                self._deliver(self._fill_up(messages))

    def _fill_up(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add messages to a batch until its batching window ends, it is full, or the trigger ends."""
        closes = time.monotonic() + self._source.maximum_batching_window_in_seconds
        while len(batch) < self._source.batch_size and (left := closes - time.monotonic()) > 0:
            batch += self._receive(self._source.batch_size - len(batch), min(1, math.ceil(left)))
            if self._ended.is_set():
                break
        return batch

    def _receive(self, at_most: int, wait_seconds: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(_RECEIVE_AT_ONCE, at_most),
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

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
        except Exception as error:  # noqa: BLE001 - whatever fails in a function, its batch is delivered again
            _log.warning("a batch of %d messages will be delivered again: %s", len(records), error)
            return
        for start in range(0, len(messages), _RECEIVE_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + _RECEIVE_AT_ONCE])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)


class Schedule(threading.Thread):
    """Calls a function at a fixed interval, if `is_due` returns True."""

    def __init__(
        self, function: Callable[..., Any], every_seconds: float, *, is_due: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(name="schedule", daemon=True)
        self._function, self._every_seconds, self._is_due = function, every_seconds, is_due
        self._ended = threading.Event()
        self._call_at_hand = threading.Lock()

    def run(self) -> None:
        while not self._ended.wait(self._every_seconds):
            with self._call_at_hand:
                try:
                    if not self._ended.is_set() and self._is_due():
                        self._function(scheduled_event(), None)
                except Exception as error:  # noqa: BLE001 - whatever fails in a function, it runs again
                    _log.warning("the aggregator failed and will run again: %s", error)

    def end(self) -> None:
        """Finish the current call and begin no other."""
        self._ended.set()
        with self._call_at_hand:
            pass


class Due:
    """Decides whether a run is due: because something has changed recently, or because the last run is long ago.

    `changes`: returns a number that grows with every change.
    """

    def __init__(self, changes: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._seen, self._changed_at, self._due_at = -1, clock(), -math.inf

    def __call__(self) -> bool:
        now, changes = self._clock(), self._changes()
        if changes != self._seen:
            self._seen, self._changed_at = changes, now
        if now - self._changed_at > _STILL_SECONDS and now - self._due_at < _IDLE_SECONDS:
            return False
        self._due_at = now
        return True
