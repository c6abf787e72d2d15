"""One contestant in a process of its own: does what it is told on standard input and reports the CPU it took.

python -m bench.worker CONTESTANT             then one JSON document a line, in and out
python -m bench.worker CONTESTANT --cold api  import and first request; prints milliseconds of CPU
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from time import process_time
from typing import Any

from millrace.pricing.workload import Context, Traffic, http_event, queue_event

Handler = Callable[[dict[str, Any], Any], Any]


def measure(handler: Handler, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Call the handler for each event: CPU seconds in all, bytes logged, bytes answered."""
    printed, answered = StringIO(), 0
    gc.collect()
    with redirect_stdout(printed), redirect_stderr(printed):
        start = process_time()
        answers = [handler(event, Context()) for event in events]
        cpu = process_time() - start
    for answer in answers:
        if isinstance(answer, dict) and "statusCode" in answer:
            if answer["statusCode"] != 200:
                raise SystemExit(f"answered {answer}")
            answered += len(answer["body"].encode()) + sum(
                len(name) + len(str(value)) + 4 for name, value in (answer.get("headers") or {}).items()
            )
        elif isinstance(answer, dict) and answer.get("batchItemFailures"):
            raise SystemExit(f"failed: {answer}")
    return {"cpu_seconds": cpu, "logged_bytes": len(printed.getvalue().encode()), "answered_bytes": answered}


def cold(name: str, function: str) -> None:
    """What a fresh process needs until its first answer, the interpreter's own start left out."""
    event = http_event(Traffic().post(1)) if function == "api" else queue_event([sys.stdin.read()])
    start = process_time()
    handler = getattr(importlib.import_module(f"bench.contestants.{name}"), function)
    measure(handler, [event])
    sys.stdout.write(f"{(process_time() - start) * 1000:.2f}\n")


def serve(name: str) -> None:
    module = importlib.import_module(f"bench.contestants.{name}")
    traffic = Traffic()
    for line in sys.stdin:
        task = json.loads(line)
        if "traffic" in task:
            traffic = Traffic(**task["traffic"])
        if "posts" in task:
            bodies = [http_event(traffic.post(task["events"])) for _ in range(task["posts"])]
            result = measure(module.api, bodies)
        elif "batches" in task:
            result = measure(module.processor, [queue_event(batch) for batch in task["batches"]])
        else:
            result = {}
        result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if "--cold" in sys.argv:
        cold(sys.argv[1], sys.argv[3])
    else:
        serve(sys.argv[1])
