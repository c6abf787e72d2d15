"""Calls of flows whose every use of a port waits for its turn, and goes as the one who gives turns says.

Any number of them can be interleaved in any order, each use of a port being one atomic step; the rest
of a call can be given up anywhere (a dead process), or left standing as long as one likes (a zombie).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from greenlet import getcurrent, greenlet

from chalicelib.core import hour_summary, table_keys
from chalicelib.core.commit import Outcome
from chalicelib.errors import ProcessingFailed, StoreFailed

#: "refused" and "lost": the caller learns nothing, and nothing was applied, or all of it was.
FAULTS = ("refused", "lost", "crash-before", "crash-after")


class Crash(BaseException):
    """The process is gone: nothing in the product may catch it."""


class Turns:
    """`act` runs in a greenlet of its own, and never while its owner does. It gets a function that wraps a port."""

    def __init__(self, act: Callable[[Callable[[Any], Any]], object]) -> None:
        self._act = act
        self.over, self.succeeded, self.steps = False, False, 0
        self.defect: BaseException | None = None
        self._owner, self._worker = getcurrent(), greenlet(self._run)
        self._worker.switch()

    def step(self, outcome: str = "fine") -> None:
        """Let the next use of a port go like this, and what follows up to the one after it."""
        if not self.over:
            self.steps += 1
            self._worker.switch(outcome)
        if self.defect:
            raise self.defect

    def finish(self) -> None:
        while not self.over:
            self.step()

    def kill(self) -> None:
        while not self.over:
            self.step("crash-before")

    def _run(self) -> None:
        try:
            self._act(lambda port: _Port(port, self._use))
            self.succeeded = True
        except (StoreFailed, ProcessingFailed, Crash):
            self.succeeded = False
        except Exception as error:  # noqa: BLE001 - handed to whoever steps
            self.defect = error
        self.over = True

    def _use(self, name: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        outcome = self._owner.switch()
        if outcome == "crash-before":
            raise Crash
        answer = _unknown if outcome == "refused" else method(*arguments, **options)
        if outcome == "crash-after":
            raise Crash
        if outcome == "fine":
            return answer
        if name == "claim":
            return [None for _ in arguments[0]]
        if name == "commit":
            return Outcome(set())
        raise StoreFailed(f"{name} was {outcome}")


_unknown = object()


class _Port:
    """A port whose methods wait for their turn."""

    def __init__(self, port: Any, use: Callable[..., Any]) -> None:
        self._port, self._use = port, use

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **options: self._use(name, getattr(self._port, name), *arguments, **options)

    def claim(self, claims: Sequence[Any]) -> list[str | None]:
        """Each insert for itself: a batched insert is no transaction."""
        return [owner for each in claims for owner in self._use("claim", self._port.claim, [each])]

    def sums(self, project: str, hour: str) -> list[Any]:
        """Shards are read one after another: some before, some after what happens in between."""
        first = self._use("records", self._port.records, project, hour)
        second = self._use("records", self._port.records, project, hour)
        return [
            hour_summary.sums_of(record)
            for half, read in enumerate((first, second))
            for record in read
            if table_keys.shard_of(record.chunk_id) % 2 == half
        ]
