"""The queue and the dead-letter queue in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from chalicelib.ports import Message


@dataclass
class FakeQueue:
    """`refuse`: positions of a send that are not queued."""

    bodies: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refuse: set[int] = field(default_factory=set)

    def send(self, bodies: Sequence[str]) -> set[int]:
        queued = set(range(len(bodies))) - self.refuse
        self.bodies += [bodies[position] for position in sorted(queued)]
        return queued

    def depth(self) -> int:
        return len(self.messages())

    def delete(self, receipt_handles: Sequence[str]) -> None:
        self.deleted += receipt_handles

    def messages(self) -> list[Message]:
        """What a consumer gets: everything that was sent and not deleted."""
        sent = [Message(body, f"handle-{number}") for number, body in enumerate(self.bodies)]
        return [message for message in sent if message.receipt_handle not in self.deleted]


@dataclass
class FakeDeadLetters:
    """`messages`: what is in it, by receipt handle; `held`: the handles that nobody else sees.
    `undeletable`: nothing can be deleted.
    """

    messages: dict[str, Message] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    undeletable: bool = False
    lock: Any = field(default_factory=Lock)  # several receive at once

    def put(self, body: str, **facts: Any) -> Message:
        number = len(self.messages) + 1
        message = Message(body, f"dead-{number}", message_id=f"message-{number}", **facts)
        self.messages[message.receipt_handle] = message
        return message

    def receive(self, *, hold_seconds: int) -> list[Message]:  # noqa: ARG002 - no time passes here
        with self.lock:
            seen = [handle for handle in self.messages if handle not in self.held][:10]
            self.held |= set(seen)
        for handle in seen:
            message = self.messages[handle]
            self.messages[handle] = replace(message, receive_count=message.receive_count + 1)
        return [self.messages[handle] for handle in seen]

    def release(self, receipt_handles: Sequence[str]) -> None:
        self.held -= set(receipt_handles)

    def delete(self, receipt_handles: Sequence[str]) -> int:
        gone = [handle for handle in dict.fromkeys(receipt_handles) if not self.undeletable and handle in self.messages]
        for handle in gone:
            del self.messages[handle]
        self.held -= set(gone)
        return len(gone)

    def depth(self) -> int:
        return len(self.messages)

    def start_moving_all(self) -> bool:
        return False

    def moving(self) -> tuple[str, int]:
        raise AssertionError("nothing was started")
