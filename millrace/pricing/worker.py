"""Runs a pipeline's functions in its own process: reads tasks from standard input, and reports their CPU time.

python -m millrace.pricing.worker MODULE:API:PROCESSOR             one JSON document per line, in and out
python -m millrace.pricing.worker MODULE:API:PROCESSOR --cold api  prints the ms of CPU of import and first answer
"""

from __future__ import annotations

import gc
import gzip
import importlib
import json
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from time import process_time
from typing import Any

from millrace.pricing.captured import CapturedTraffic, resource_of
from millrace.pricing.workload import Context, Traffic, http_event, queue_event

Handler = Callable[[dict[str, Any], Any], Any]


def measure(handler: Handler, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Call the handler for each event. Return the total CPU seconds, the size of logs, and the size of answers.

    Answers are measured before and after API Gateway compresses them for clients that accept gzip, as browsers do.
    """
    printed = StringIO()
    gc.collect()
    with redirect_stdout(printed), redirect_stderr(printed):
        start = process_time()
        answers = [handler(event, Context()) for event in events]
        cpu = process_time() - start
    return {
        "cpu_seconds": cpu,
        "logged_bytes": len(printed.getvalue().encode()),
        "logged_lines": printed.getvalue().count("\n"),
        "answered_bytes": sum(_answer_bytes(answer) for answer in answers),
        "compressed_bytes": sum(_answer_bytes(answer, compressed_from=_compressed_from()) for answer in answers),
    }


def _compressed_from() -> int:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-receive-response-with-compressed-payload.html"""
    config: dict[str, int] = json.loads(Path(".chalice/config.json").read_text())
    return config["minimum_compression_size"]


def _answer_bytes(answer: Any, *, compressed_from: float = float("inf")) -> int:
    """Return the size of an HTTP answer. Any error answer ends the measurement."""
    if not isinstance(answer, dict):
        return 0
    if answer.get("batchItemFailures") or answer.get("statusCode", 200) != 200:
        raise SystemExit(f"A function answered {answer}")
    headers = sum(len(name) + len(str(value)) + 4 for name, value in (answer.get("headers") or {}).items())
    body = answer.get("body", "").encode()
    return headers + len(body if len(body) < compressed_from else gzip.compress(body))


def load(functions: str, which: str) -> Handler:
    module, *names = functions.split(":")
    handler: Handler = getattr(importlib.import_module(module), names[0 if which == "api" else 1])
    return handler


def cold(functions: str, which: str) -> None:
    """Print the CPU time from a fresh process to its first answer, without the start of the interpreter."""
    event = http_event(Traffic().post(1)) if which == "api" else queue_event([sys.stdin.read()])
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        start = process_time()
        answer = load(functions, which)(event, Context())
        cpu = process_time() - start
    _answer_bytes(answer)  # ends the measurement unless it is a success
    sys.stdout.write(f"{cpu * 1000:.2f}\n")


def _post(traffic: Traffic | CapturedTraffic, events: int) -> dict[str, Any]:
    if isinstance(traffic, Traffic):
        return http_event(traffic.post(events))
    request = traffic.request(events)
    resource, parameters = resource_of(request.path)
    return http_event(request.body, path=resource, parameters=parameters) | {"path": request.path}


def serve(functions: str) -> None:
    """Run the tasks of standard input.

    {"posts": n, "events": m} and {"batches": [[message]]} measure, {"traffic": {}} and {"captured": {}} choose the
    events of later tasks, and {} only returns the memory.
    """
    api, processor = load(functions, "api"), load(functions, "processor")
    traffic: Traffic | CapturedTraffic = Traffic()
    for line in sys.stdin:
        task = json.loads(line)
        result: dict[str, Any] = {}
        if "traffic" in task:
            traffic = Traffic(**task["traffic"])
        if "captured" in task:
            traffic = CapturedTraffic(**task["captured"])
        if "posts" in task:
            result = measure(api, [_post(traffic, task["events"]) for _ in range(task["posts"])])
        elif "batches" in task:
            result = measure(processor, [queue_event(batch) for batch in task["batches"]])
        result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if "--cold" in sys.argv:
        cold(sys.argv[1], sys.argv[3])
    else:
        serve(sys.argv[1])
