"""Work through the dead-letter queue: look at batches, send them back, move them to the quarantine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from chalicelib.flows.quarantine import quarantine_chunk, quarantine_undecodable
from chalicelib.ports import Message
from millrace.command_error import CommandError
from millrace.ops.selection import Selection

#: How long a command holds what it looked at; it lets go when it ends, and a killed one after this.
HOLD_SECONDS = 300
Given = TypeVar("Given")
Answer = TypeVar("Answer")

# The client has 16 connections.
_ENOUGH_WITHOUT_FRESH = 3
_CALLS_AT_ONCE = 16
_MOVING = ("RUNNING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter, and why it is one. `wrong`: what is wrong with an undecodable one."""

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
    """One way through the dead-letter queue, from its start to what was in it then. Each dead_letter is held, so
    that it comes once, and let go of at the end.
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
        self._handles: dict[str, str] = {}  # of what is held, by message id
        self._seen: set[str] = set()
        self._calls = ThreadPoolExecutor(_CALLS_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._calls, contextlib.suppress(StoreFailed):  # they show up again by themselves
            self.at_once(self._dead_letters.release, _in_tens(list(self._handles.values())))

    def at_once(self, call: Callable[[Given], Answer], given: Iterable[Given]) -> list[Answer]:
        """Return what a call answers to each, with some calls under way at a time: it waits more than it works."""
        return list(self._calls.map(call, given))

    def batches(self) -> Iterator[list[DeadLetter]]:
        """The dead letters, some at a time. Raises StoreFailed.

        One whose hold is over shows up again, so a scan that takes longer would never find the queue empty. It ends
        when it has received no fresh ones several times.
        """
        without_fresh = 0
        while without_fresh < _ENOUGH_WITHOUT_FRESH and (messages := self._receive()):
            # What came after the start may be a chunk that this very round has sent back.
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
        """Delete messages that are safe elsewhere; return how many are gone."""
        handles = [self._handles.pop(dead_letter.message.message_id) for dead_letter in batch]
        return sum(self.at_once(self._dead_letters.delete, _in_tens(handles)))


def _in_tens(given: Sequence[Given]) -> list[Sequence[Given]]:
    """As many as one call to SQS takes."""
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
    """How many dead chunks were received from `first` to before `after`: each once, and none that is committed."""
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


@dataclass
class MoveOutcome:
    """What became of the selected batch. `done`: they had been committed after all, and only went."""

    moved: int = 0
    done: int = 0
    failed: int = 0
    copies_left: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.failed or self.copies_left)

    def to_json(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if name != "problems"}


def redrive(
    scan: DeadLetterScan, selection: Selection, limit: int, outcome: MoveOutcome, *, queue: ports.Queue
) -> Iterator[int]:
    """Send dead letters back to the queue and delete them; yields how many were looked at."""

    def send_ten(ten: Sequence[DeadLetter]) -> list[DeadLetter]:
        queued = queue.send([dead_letter.message.body for dead_letter in ten])
        return [ten[position] for position in sorted(queued)]

    def send(batch: Sequence[DeadLetter]) -> list[DeadLetter]:
        queued = list(chain.from_iterable(scan.at_once(send_ten, _in_tens(batch))))
        outcome.failed += len(batch) - len(queued)
        return queued

    yield from _work_off(scan, selection, limit, outcome, send)


def move_to_quarantine(
    scan: DeadLetterScan,
    selection: Selection,
    limit: int,
    outcome: MoveOutcome,
    *,
    quarantine: ports.Quarantine,
    now: datetime,
) -> Iterator[int]:
    """Move batch whole into the quarantine; yields how many were looked at."""

    def problem_of(dead_letter: DeadLetter) -> str:
        try:
            _quarantine(dead_letter, quarantine, now)
        except StoreFailed as error:
            return f"{dead_letter.name}: {error}"
        return ""

    def keep(batch: Sequence[DeadLetter]) -> list[DeadLetter]:
        problems = scan.at_once(problem_of, batch)
        outcome.problems += filter(None, problems)
        outcome.failed += len(list(filter(None, problems)))
        return [dead_letter for dead_letter, problem in zip(batch, problems, strict=True) if not problem]

    yield from _work_off(scan, selection, limit, outcome, keep)


def _quarantine(dead_letter: DeadLetter, quarantine: ports.Quarantine, now: datetime) -> None:
    if dead_letter.chunk is None:
        quarantine_undecodable(dead_letter.message, quarantine=quarantine, now=now)
        return
    quarantine_chunk(
        dead_letter.chunk,
        dead_letter.message,
        code=dead_letter.code,
        last_delivered=timestamps.parse(dead_letter.note.at) if dead_letter.note else None,
        quarantine=quarantine,
        now=now,
    )


def _work_off(
    scan: DeadLetterScan,
    selection: Selection,
    limit: int,
    outcome: MoveOutcome,
    move: Callable[[Sequence[DeadLetter]], list[DeadLetter]],
) -> Iterator[int]:
    """First surely move, then delete: a crash between leaves a copy, which changes nothing."""
    left = limit
    for batch in scan.batches():
        chosen = [dead_letter for dead_letter in batch if dead_letter.is_in(selection)]
        chosen = chosen[:left] if limit else chosen
        left -= len(chosen)
        done = [dead_letter for dead_letter in chosen if dead_letter.is_committed]
        waiting = [dead_letter for dead_letter in chosen if not dead_letter.is_committed]
        failed_before = outcome.failed
        moved = move(waiting)
        outcome.copies_left += len(done) + len(moved) - scan.delete([*done, *moved])
        outcome.done += len(done)
        outcome.moved += len(moved)
        yield len(batch)
        if (limit and left <= 0) or (not moved and outcome.failed > failed_before):
            return  # enough, or nothing can be moved now


def move_all(dead_letters: ports.DeadLetters, pause: Callable[[float], None] = time.sleep) -> Iterator[int]:
    """Follow SQS's own move to its end; yields how many batch it has moved. Raises CommandError."""
    while True:
        status, moved = dead_letters.moving()
        yield moved
        if status not in _MOVING:
            break
        pause(1)
    if status != "COMPLETED":
        raise CommandError(f"SQS ended the move as {status}. Run it again: what was moved stays moved.")
