"""Records the work of a pipeline on a workload: its functions run in a worker, against the stub of AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millrace.command_error import CommandError
from millrace.pricing.stub import Stub

PROJECT = Path(__file__).parent.parent.parent
#: The functions of app.py, in the form that a worker takes.
OURS = "app:app:process"

# The largest event of a Lambda call: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# In this event, each message has half a kilobyte besides its body, and quotes inside the body are escaped.
_MAX_BATCH_BYTES = 6_000_000
_RECORD_BYTES = 600
_MOST_EVENTS = 20_000
_WARM_UP = 5


class Worker:
    """The process that runs a pipeline's functions."""

    def __init__(
        self, functions: str, stub: Stub, *, caller: str = "worker", environment: Mapping[str, str] | None = None
    ) -> None:
        self._caller, self._stub = caller, stub
        self._process = subprocess.Popen(
            [sys.executable, "-m", "millrace.pricing.worker", functions],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**stub.environment(caller), **(environment or {})},
        )

    def ask(self, **task: Any) -> dict[str, Any]:
        """Run a task. Return its measurements and the counts of the cost meter."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise CommandError("The measured functions failed. Their messages are above.")
        return {**json.loads(line), **self._stub.take(self._caller)}

    def batches(self, posts: int, events: int, messages: int) -> list[list[str]]:
        """Return the messages that a number of POSTs send to the queue, in batches."""
        return cut(self.ask(posts=posts, events=events)["messages"], messages)

    def end(self) -> float:
        """Stop the process. Return its peak memory in megabytes."""
        peak: float = self.ask()["peak_megabytes"]
        self._process.communicate("")
        return peak


def cut(bodies: list[str], messages: int) -> list[list[str]]:
    """Cut messages into batches of this size, or smaller ones that fit one call of a function."""
    batches: list[list[str]] = [[]]
    size = 0
    for body in bodies:
        more = len(json.dumps(body)) + _RECORD_BYTES
        if len(batches[-1]) == messages or size + more > _MAX_BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(body)
        size += more
    return batches


def per_event(result: dict[str, Any], events: int) -> dict[str, float]:
    """Return everything per event: microseconds of CPU, calls, and each billed unit."""
    return {
        "cpu_us": result["cpu_seconds"] * 1e6 / events,
        "calls": sum(result["calls"].values()) / events,
        **{
            name: result[name] / events
            for name in ("logged_bytes", "logged_lines", "answered_bytes", "compressed_bytes")
        },
        **{name: number / events for name, number in result["calls"].items()},
        **{unit: number / events for unit, number in result["units"].items()},
    }


def record(worker: Worker, *, events: int, messages: int) -> dict[str, Any]:
    """Return the cost of one event, at the API and behind the queue, for these sizes of POSTs and batches."""
    worker.ask(posts=_WARM_UP, events=events)
    posts = min(max(messages, 200 // events, 10), _MOST_EVENTS // events)
    api = worker.ask(posts=posts, events=events)
    batches = cut(api["messages"], messages)
    worker.ask(batches=[batches[0][:_WARM_UP]])
    behind = worker.ask(batches=batches)
    return {
        "events": events,
        "messages": messages,
        "posts": 1 / events,
        "queued": len(api["messages"]) / (posts * events),
        "batches": len(batches) / (posts * events),
        "api": per_event(api, posts * events),
        "behind": per_event(behind, posts * events),
    }
