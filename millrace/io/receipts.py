"""Queries the receipts of chunks until all are processed, and adds up their numbers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.errors import StoreFailed
from millrace.command_error import CommandError

_WAIT_SECONDS = 0.2
_ASK_AT_ONCE = 20
#: The most chunks that may wait while more are sent. The limit bounds memory.
MOST_WAITING = 1000

Chunk = TypeVar("Chunk")


class Sums(Protocol):
    """The sums of receipts. The last two count chunks, not events."""

    stored: int
    duplicates: int
    chunks_in_flight: int
    chunks_quarantined: int


class Receipts(Generic[Chunk]):
    """Collects receipts. It keeps only the sums of finished chunks. `Chunk`: the argument of `receipt_of`."""

    def __init__(
        self,
        receipt_of: Callable[[Chunk], dict[str, Any]],
        sums: Sums,
        wait_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._receipt_of = receipt_of
        self._sums = sums
        self._wait_seconds = wait_seconds
        self._say = say
        self._waiting: deque[Chunk] = deque()

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Expect these chunks. Each counts as in flight until its receipt says otherwise."""
        before = len(self._waiting)
        self._waiting.extend(chunks)
        self._sums.chunks_in_flight += len(self._waiting) - before

    def collect(self, leave: int = 0) -> Iterator[int]:
        """Query until at most `leave` chunks wait or the time is over. Yield 1 for each finished chunk."""
        deadline = time.monotonic() + self._wait_seconds
        while len(self._waiting) > leave:
            try:
                yield from self._look()
            except (CommandError, StoreFailed) as error:
                self._say(f"The receipts of {len(self._waiting)} chunks cannot be read: {error}")
                self._waiting.clear()
            if len(self._waiting) > leave:
                if time.monotonic() > deadline:
                    break
                time.sleep(_WAIT_SECONDS)
        else:
            return
        self._wait_seconds = 0  # the remaining chunks are younger, so they are not waited for
        while len(self._waiting) > leave:
            self._waiting.popleft()

    def _look(self) -> Iterator[int]:
        """Query the oldest chunks. Stop after a few that are in flight, since the rest is younger."""
        in_flight = 0
        while in_flight < min(_ASK_AT_ONCE, len(self._waiting)):
            receipt = self._receipt_of(self._waiting[in_flight])
            if receipt["status"] == "in_flight":
                in_flight += 1
                continue
            del self._waiting[in_flight]
            self._sums.chunks_in_flight -= 1
            self._sums.stored += receipt.get("stored", 0)
            self._sums.duplicates += receipt.get("duplicates", 0)
            self._sums.chunks_quarantined += receipt["status"] == "quarantined"
            yield 1
