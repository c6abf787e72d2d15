"""Moves dead letters back to the queue, or into the quarantine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.errors import StoreFailed
from chalicelib.flows.quarantine import quarantine_chunk, quarantine_undecodable
from millrace.command_error import CommandError
from millrace.ops.dead_letters import DeadLetter, DeadLetterScan, in_tens
from millrace.ops.selection import Selection

_MOVING = ("RUNNING", "CANCELLING")


@dataclass
class MoveOutcome:
    """The outcome of a move. `done`: dead letters that proved to be committed, and were only deleted."""

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
    """Send dead letters back to the queue and delete them. Yield how many were examined."""

    def send_ten(ten: Sequence[DeadLetter]) -> list[DeadLetter]:
        queued = queue.send([dead_letter.message.body for dead_letter in ten])
        return [ten[position] for position in sorted(queued)]

    def send(batch: Sequence[DeadLetter]) -> list[DeadLetter]:
        queued = list(chain.from_iterable(scan.at_once(send_ten, in_tens(batch))))
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
    """Move whole dead letters into the quarantine. Yield how many were examined."""

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
    """Move messages first, and then delete them. A crash in between leaves a harmless copy."""
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
            return  # the limit is reached, or moving fails at the moment


def move_all(dead_letters: ports.DeadLetters, pause: Callable[[float], None] = time.sleep) -> Iterator[int]:
    """Follow SQS's own move to its end. Yield the number of messages moved so far. Raises CommandError."""
    while True:
        status, moved = dead_letters.moving()
        yield moved
        if status not in _MOVING:
            break
        pause(1)
    if status != "COMPLETED":
        raise CommandError(f"SQS ended the move as {status}. Run the command again for the other messages.")
