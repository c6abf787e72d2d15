"""Measures how fast the local stack drains a full queue, and how fast its emulator answers the same calls."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from bench.replaying import Call, replay
from bench.side_by_side import ROOT, say
from millrace.local.emulator import Emulator
from millrace.stage_address import Running, running_stack

_EVENTS = 10_000
_A_POST = (1, 20)
# Seconds between runs of the aggregator. The first is the value of `make run`. With the second, it never runs.
_REPORTS, _NO_REPORTS = 5, 3600
_LOOK_SECONDS = 0.02
_LONGEST_SECONDS = 600


def run(*, rounds: int) -> dict[str, Any]:
    """Return the figures for each number of events in a POST, each the median of alternating rounds.

    The figures are the seconds of a drain, of a replay of its calls, and of a drain with reports. Two more figures are
    the ratio of the first two, and the number of calls.
    """
    return {f"{events} per POST": _measure(events, rounds) for events in _A_POST}


def _measure(events_a_post: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full"
        say(f"drain: filling the queue, {events_a_post} per POST")
        _stage("fill", full, str(events_a_post))
        say("drain: recording its calls")
        calls = _record(full, Path(folder))
        drains, replays, reporting = [], [], []
        for number in range(rounds):
            drains.append(_drain(_copy(full, Path(folder) / "drain"), _NO_REPORTS))
            replays.append(_replay(_copy(full, Path(folder) / "replay"), calls))
            reporting.append(_drain(_copy(full, Path(folder) / "drain"), _REPORTS))
            say(
                f"drain: round {number + 1} of {rounds}: {drains[-1]:.2f} s, its calls alone {replays[-1]:.2f} s, "
                f"with reports {reporting[-1]:.2f} s"
            )
    return {
        "drain_seconds": median(drains),
        "replay_seconds": median(replays),
        "ratio": median(alone / whole for alone, whole in zip(replays, drains, strict=True)),
        "reporting_seconds": median(reporting),
        "calls": dict(Counter(call.operation for worker in calls for call in worker)),
    }


def _stage(*arguments: Any) -> None:
    command = [sys.executable, "-m", "bench.drain_stage", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def _copy(full: Path, to: Path) -> Path:
    """Return a copy of the state with the full queue, without the other files of the stack."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(full / "aws", to / "aws")
    return to


def _record(full: Path, folder: Path) -> list[list[Call]]:
    found = folder / "calls.json"
    _stage("record", _copy(full, folder / "record"), found)
    workers = json.loads(found.read_text())
    return [
        [Call(name, head.encode("latin-1"), body.encode("latin-1")) for name, head, body in each] for each in workers
    ]


def _replay(state: Path, calls: list[list[Call]]) -> float:
    emulator = Emulator(state / "aws")
    try:
        return replay(emulator.port, calls)
    finally:
        emulator.stop()


def _drain(state: Path, aggregate_seconds: int) -> float:
    """Return the seconds from the first message in flight until everything is committed and the queue is empty."""
    command = [sys.executable, "-m", "millrace", "up", "--port", "0", "--state", str(state)]
    command += ["--aggregate-every", str(aggregate_seconds)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
    try:
        deadline = time.time() + _LONGEST_SECONDS
        while not (running := running_stack(state)):
            _look_again(process, deadline)
        while not _messages(running, "NotVisible"):
            _look_again(process, deadline)
        started = time.time()
        log = (state / "functions.log").open()
        done, rest = 0, ""
        while done < _EVENTS:
            *lines, rest = (rest + log.read()).split("\n")  # the last line may be incomplete
            done += sum(map(_done, lines))
            _look_again(process, deadline)
        while _messages(running, "", "NotVisible"):
            _look_again(process, deadline)
        taken = time.time() - started
        _check(running)
        return taken
    finally:
        process.terminate()
        process.wait(timeout=60)


def _look_again(process: subprocess.Popen[bytes], deadline: float) -> None:
    if process.poll() is not None or time.time() > deadline:
        raise SystemExit("The local stack does not drain its queue.")
    time.sleep(_LOOK_SECONDS)


def _done(line: str) -> int:
    """Return the number of events that a line of the processor's metrics reports as committed."""
    document = json.loads(line)
    return int(sum(document.get("stored", [])) + sum(document.get("duplicates", [])))


def _messages(running: Running, *states: str) -> int:
    names = [f"ApproximateNumberOfMessages{state}" for state in states]
    body = json.dumps({"QueueUrl": running.environment["QUEUE_URL"], "AttributeNames": names}).encode()
    headers = {
        "X-Amz-Target": "AmazonSQS.GetQueueAttributes",
        "X-Amz-Security-Token": running.environment["AWS_SESSION_TOKEN"],
        "Content-Type": "application/x-amz-json-1.0",
    }
    request = urllib.request.Request(running.environment["AWS_ENDPOINT_URL"], body, headers)
    with urllib.request.urlopen(request) as answer:
        return sum(int(number) for number in json.load(answer)["Attributes"].values())


def _check(running: Running) -> None:
    query = urllib.parse.urlencode({"grain": "day"})
    with urllib.request.urlopen(f"{running.url}/counts?{query}") as answer:
        counted = sum(row["count"] for row in json.load(answer)["counts"])
    if counted != _EVENTS:
        raise SystemExit(f"{counted} of {_EVENTS} events were counted.")
