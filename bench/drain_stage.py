"""Prepares the stage for bench.draining. It needs its own process, since a local stack changes the environment.

python -m bench.drain_stage fill STATE EVENTS     fills the queue with the sample log, EVENTS in each POST
python -m bench.drain_stage record STATE CALLS    drains it once, and writes the calls that this took
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from bench.replaying import Call
from chalicelib.adapters import aws
from millrace.io.client import Client
from millrace.io.lines import read_lines
from millrace.io.reading import read_events
from millrace.local.emulator import PROJECT
from millrace.local.function import load_app
from millrace.local.triggers import QueueTrigger
from millrace.local.up import WORKERS, local_stack

_LOG = PROJECT / "examples" / "access.log.gz"
_NO_REPORTS = 3600.0


def fill(state: Path, events_a_post: int) -> None:
    """POST all requests of the sample log to a local stack whose trigger is not started."""
    with local_stack(state, port=0, aggregate_seconds=_NO_REPORTS, workers=0) as (running, _):
        client = Client(running.url)
        with _LOG.open("rb") as log:
            events = read_events(read_lines(log), "combined", lambda number, fault: sys.exit(f"{number}: {fault}"))
            while batch := list(islice(events, events_a_post)):
                assert client.post_texts([event.text for event in batch])["accepted"] == len(batch)


def record(state: Path, calls: Path) -> None:
    """Drain the queue, and write each worker's calls as [[operation, head, body]], with bytes as Latin-1."""
    from botocore.handlers import BUILTIN_HANDLERS

    sent: dict[int, list[Call]] = defaultdict(list)
    empty_polls: Counter[int] = Counter()  # in a row, by worker

    def note(request: Any, **_: Any) -> None:
        if threading.current_thread().name == "queue-trigger":
            sent[threading.get_ident()].append(_call(request))

    def leave_out_if_empty(parsed: dict[str, Any], **_: Any) -> None:
        worker = threading.get_ident()
        if worker in sent:
            empty_polls[worker] = 0 if parsed.get("Messages") else empty_polls[worker] + 1
            if empty_polls[worker]:
                sent[worker].pop()

    BUILTIN_HANDLERS.append(("before-send", note))
    BUILTIN_HANDLERS.append(("after-call.sqs.ReceiveMessage", leave_out_if_empty))
    with local_stack(state, port=0, aggregate_seconds=_NO_REPORTS, workers=0):
        workers = [_worker() for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        _wait_until(lambda: bool(sent) and all(empty_polls[each] > 2 for each in list(sent)))
        for worker in workers:
            worker.end()
            worker.join()
    calls.write_text(json.dumps([[_as_text(call) for call in each] for each in sent.values()]))


def _worker() -> QueueTrigger:
    """Return a worker that polls often. Several empty polls in a row show that the queue is drained."""
    app = load_app()
    source = next(each for each in app.event_sources if each.name == "process")
    queue_url, function = os.environ["QUEUE_URL"], app.handler_map["process"]
    return QueueTrigger(aws.client("sqs"), queue_url, source, function, wait_seconds=1)


def _call(request: Any) -> Call:
    url = request.url.split("/", 3)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
        request.body.seek(0)
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    operation = headers.get("X-Amz-Target", request.method).rpartition(".")[2]
    lines = [f"{request.method} /{url[3]} HTTP/1.1", f"Host: {url[2]}"]
    # Replays do not wait for 100 Continue, and compute the length of deletions themselves.
    left_out = ("expect", "host", "content-length")
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in left_out]
    if operation != "DeleteMessageBatch":
        lines += [f"Content-Length: {len(body)}", "", ""]
    else:
        lines.append("")
    return Call(operation, "\r\n".join(lines).encode("latin-1"), bytes(body))


def _as_text(call: Call) -> list[str]:
    return [call.operation, call.head.decode("latin-1"), call.body.decode("latin-1")]


def _wait_until(claim: Callable[[], bool]) -> None:
    while not claim():
        time.sleep(0.1)


if __name__ == "__main__":
    task, folder, detail = sys.argv[1:]
    if task == "fill":
        fill(Path(folder), int(detail))
    else:
        record(Path(folder), Path(detail))
