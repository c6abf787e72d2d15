"""Reads the dead-letter queue: its messages and the reasons of their failures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from types import TracebackType
from typing import Any, Self, TypeVar

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import failures, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Failure
from chalicelib.core.ledger import Amount
from chalicelib.errors import StoreFailed, Undecodable
from chalicelib.ports import Message
from millrace.ops.selection import Selection

#: How long a command hides the messages that it has received. It releases them when it ends, unless it is killed.
HOLD_SECONDS = 300
Given = TypeVar("Given")
Answer = TypeVar("Answer")

# A scan ends after this many receives in a row without a new message.
_ENOUGH_WITHOUT_FRESH = 3
# The number of the client's connections.
_CALLS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter and the reason of its failure. `wrong`: for an undecodable message, the error of decoding."""

    message: Message
    chunk: Chunk | None = None
    wrong: str = ""
    note: Failure | None = None
    is_committed: bool = False

    @property
    def name(self) -> str:
        return self.chunk.chunk_id if self.chunk else self.message.message_id

    @property
    def code(self) -> str:
        if self.chunk is None:
            return "not_a_chunk"
        if self.is_committed:
            return "committed"
        return self.note.code if self.note else "unfinished"

    @property
    def received(self) -> datetime | None:
        return self.chunk.sender.received if self.chunk else self.message.sent

    def is_in(self, selection: Selection) -> bool:
        return selection.takes(
            project=self.chunk.project if self.chunk else None,
            code=self.code,
            name=self.name,
            received=timestamps.sortable(self.received) if self.received else "",
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "project": self.chunk.project if self.chunk else None,
            "code": self.code,
            "reason": failures.REASONS[self.code] + (f" ({self.wrong})" if self.wrong else ""),
            "events": self.chunk.accepted if self.chunk else None,
            "received_at": timestamps.readable_of(self.received),
            "first_delivered_at": timestamps.readable_of(self.message.first_delivered),
            "last_failed_at": timestamps.readable(self.note.at) if self.note else None,
            "deliveries": self.note.deliveries if self.note else None,
        }


class DeadLetterScan:
    """One pass through the dead letters that were in the queue at the start.

    The scan hides each message while it runs, so that it receives each message once. At the end it releases them.
    """

    def __init__(
        self,
        dead_letters: ports.DeadLetters,
        commits: ports.CommitLog,
        failure_notes: ports.FailureNotes,
        *,
        now: datetime,
        hold_seconds: int = HOLD_SECONDS,
    ) -> None:
        self._dead_letters, self._commits, self._failure_notes = dead_letters, commits, failure_notes
        self._now = now
        self._hold_seconds = hold_seconds
        self._handles: dict[str, str] = {}  # receipt handles of hidden messages, by message id
        self._seen: set[str] = set()
        self._calls = ThreadPoolExecutor(_CALLS_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._calls, contextlib.suppress(StoreFailed):  # the messages become visible after their hold
            self.at_once(self._dead_letters.release, in_tens(list(self._handles.values())))

    def at_once(self, call: Callable[[Given], Answer], given: Iterable[Given]) -> list[Answer]:
        """Return the result of a call for each value, in order. Calls run in parallel, since they mostly wait."""
        return list(self._calls.map(call, given))

    def batches(self) -> Iterator[list[DeadLetter]]:
        """Yield the dead letters in batches. Raises StoreFailed.

        A message becomes visible again after its hold, so a long scan would never find the queue empty. So the scan
        ends after several receives in a row without a new message.
        """
        without_fresh = 0
        while without_fresh < _ENOUGH_WITHOUT_FRESH and (messages := self._receive()):
            # A message that arrived after the start may be a chunk that this scan has sent back.
            fresh = [
                message
                for message in messages
                if message.message_id not in self._seen and (message.sent is None or message.sent <= self._now)
            ]
            self._seen |= {message.message_id for message in fresh}
            without_fresh = 0 if fresh else without_fresh + 1
            yield _read(fresh, self._commits, self._failure_notes)

    def _receive(self) -> list[Message]:
        def receive(_: int) -> list[Message]:
            messages = self._dead_letters.receive(hold_seconds=self._hold_seconds)
            self._handles |= {message.message_id: message.receipt_handle for message in messages}
            return messages

        return list(chain.from_iterable(self.at_once(receive, range(_CALLS_AT_ONCE))))

    def delete(self, batch: Sequence[DeadLetter]) -> int:
        """Delete messages that are stored elsewhere. Return how many are gone."""
        handles = [self._handles.pop(dead_letter.message.message_id) for dead_letter in batch]
        return sum(self.at_once(self._dead_letters.delete, in_tens(handles)))


def in_tens(given: Sequence[Given]) -> list[Sequence[Given]]:
    """Cut values into tens, the most that one call to SQS takes."""
    return [given[start : start + 10] for start in range(0, len(given), 10)]


def _read(messages: Sequence[Message], commits: ports.CommitLog, failure_notes: ports.FailureNotes) -> list[DeadLetter]:
    decoded: list[DeadLetter] = []
    for message in messages:
        try:
            decoded.append(DeadLetter(message, chunks.decode(message.body)))
        except Undecodable as error:
            decoded.append(DeadLetter(message, wrong=str(error)))
    found = [(dead_letter.chunk.project, dead_letter.name) for dead_letter in decoded if dead_letter.chunk]
    notes = failure_notes.of(found)
    committed = {chunk_id for _, chunk_id in commits.committed(found)}
    return [
        DeadLetter(
            dead_letter.message,
            dead_letter.chunk,
            dead_letter.wrong,
            notes.get(dead_letter.name),
            dead_letter.name in committed,
        )
        for dead_letter in decoded
    ]


def amount(scan: DeadLetterScan, *, first: datetime, after: datetime) -> Amount:
    """Return the number of dead chunks that were received in the period, without copies and committed ones."""
    found: dict[str, Chunk] = {}
    with scan:
        for dead_letter in (dead_letter for some in scan.batches() for dead_letter in some):
            if (
                dead_letter.chunk
                and not dead_letter.is_committed
                and first <= dead_letter.chunk.sender.received < after
            ):
                found[dead_letter.name] = dead_letter.chunk
    return Amount(len(found), sum(chunk.accepted for chunk in found.values()))
