"""What clients POST, and the queue between ingestion and the processor, as random schedules know them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.dialects import RawEvent
from chalicelib.ports import Message

MAX_RECEIVES = 2
#: The anonymous id of a library's events, and what their users end with: all are one person's.
DEVICE = "device"


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
    """`off`: of a library's POST, how far its clock is ahead; its events happened when it was made."""

    project: str
    events: list[dict[str, Any]]
    key: str | None
    at: datetime
    off: timedelta | None = None

    def raw_events(self, user: str | None, now: datetime, *, as_it_was: bool) -> list[RawEvent]:
        """The events of an attempt. A library names the user of the moment; its time of sending may be the first."""
        if self.off is None:
            return [RawEvent(each) for each in self.events]
        sent = (self.at if as_it_was else now) + self.off
        own = {"timestamp": (self.at + self.off).isoformat(), "anonymous_id": DEVICE}
        named = {"user_id": f"{user}@{DEVICE}"} if user else {}
        return [
            RawEvent({**each, **own, **named}, sent, user_may_change=True, tolerates_time=True) for each in self.events
        ]

    def identities(self) -> set[tuple[Any, ...]]:
        """What the contract says makes an event the same: the model."""
        if self.off is not None:
            return {(self.project, DEVICE, self.at, each["event_id"]) for each in self.events}
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
