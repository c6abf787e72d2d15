"""What clients POST, and the queue between ingestion and the processor, as random schedules know them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.ports import Message

MAX_RECEIVES = 2
# How long after the first POST a client may send it again and still change nothing (docs/api.md).
RETRY = timedelta(days=360)


@dataclass
class QueuedMessage:
    """A message, and what the queue knows of it."""

    body: str
    receives: int = 0
    state: str = "queued"  # or "gone", or "dead"


class MessageQueue:
    """The queue: whatever is not deleted can be received, by several at once; a deleted one perhaps once more."""

    def __init__(self) -> None:
        self.all: list[QueuedMessage] = []
        self.queued_until = 0  # how many bodies of the next send are queued, and of how many the caller learns

    def put(self, body: str) -> None:
        self.all.append(QueuedMessage(body))

    def delete(self, receipt_handles: list[str]) -> None:
        for handle in receipt_handles:
            self.all[int(handle)].state = "gone"

    def of(self, *states: str) -> list[int]:
        return [number for number, message in enumerate(self.all) if message.state in states]

    def receive(self, numbers: list[int], *, stale: bool) -> list[Message]:
        """Messages, but those received too often, which are dead queue now."""
        messages = []
        for number in dict.fromkeys(numbers):
            message = self.all[number]
            message.receives += 1
            if message.receives > MAX_RECEIVES and message.state == "queued":
                message.state = "dead"
            else:
                count = 1 if stale else message.receives
                messages.append(Message(message.body, str(number), count, message_id=str(number)))
        return messages


class IngestionQueue:
    """The queue as ingestion sees it: it takes some messages, and admits to some of those."""

    def __init__(self, queue: MessageQueue, takes: int, admits: int) -> None:
        self._queue, self._takes, self._admits = queue, takes, admits

    def send(self, bodies: Sequence[str]) -> set[int]:
        for body in bodies[: self._takes]:
            self._queue.put(body)
        return set(range(min(len(bodies), self._takes, self._admits)))


@dataclass
class Post:
    project: str
    events: list[dict[str, Any]]
    key: str | None
    at: datetime

    def identities(self) -> set[tuple[Any, ...]]:
        """What the contract says makes an event the same: the model."""
        found, contents = set(), Counter[str]()
        for index, event in enumerate(self.events):
            at, content = event.get("timestamp"), json.dumps(event, sort_keys=True)
            contents[content] += "event_id" not in event
            if "event_id" in event:
                name: Any = event["event_id"]
            elif self.key:
                name = (self.key, content, contents[content])
            else:
                name = (content, contents[content]) if at else (self.at, index)
            found.add((self.project, event["user_id"], at, name))
        return found

    @property
    def is_recognisable(self) -> bool:
        return all("event_id" in event or "timestamp" in event or self.key for event in self.events)
