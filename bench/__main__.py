"""Runs every benchmark, writes docs/benchmarks.md, and stores the figures in bench/results.json.

python -m bench          everything, some minutes
python -m bench --quick  few rounds, printed and not stored
python -m bench --largest  with the largest sizes of the aggregator, some minutes more
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from typing import Any

from bench import draining, growth, latency, libraries, questions, report, reporting, side_by_side
from millrace.pricing import recording
from millrace.pricing.stub import Stub

ROOT = side_by_side.ROOT


def _peers_cost() -> dict[str, list[dict[str, Any]]]:
    """Return the costs of the other pipelines at batches of ten, which `millrace cost` shows beside ours."""
    recorded = {}
    with Stub() as stub:
        for name in side_by_side.CONTESTANTS:
            if name != "ours":
                side_by_side.say(f"cost: {name}")
                worker = side_by_side.start(name, stub)
                recorded[name] = [recording.record(worker, events=events, messages=10) for events in (1, 20, 100)]
                worker.end()
    return recorded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; prints the document and keeps nothing")
    parser.add_argument("--largest", action="store_true", help="also the aggregator's largest sizes, minutes more")
    options = parser.parse_args()
    quick = options.quick
    rounds, cold_rounds, seconds = (2, 3, 4) if quick else (5, 7, 20)
    results = {
        "side_by_side": side_by_side.run(rounds, cold_rounds),
        "libraries": libraries.run(rounds),
        "growth": growth.run(quick=quick),
        "aggregator": reporting.run(largest=options.largest),
        "questions": questions.run(),
        "draining": draining.run(rounds=1 if quick else 3),
        "latency": latency.run(seconds=seconds),
        "cost": _peers_cost(),
    }
    document = report.write(
        results,
        date=datetime.now(UTC).date().isoformat(),
        python=platform.python_version(),
        machine=f"{os.cpu_count()} cores of {platform.machine()} {platform.system()}",
        rounds=rounds,
    )
    if quick:
        sys.stdout.write(document)
        return
    (ROOT / "docs" / "benchmarks.md").write_text(document)
    (ROOT / "bench" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    side_by_side.say("docs/benchmarks.md is written.")


if __name__ == "__main__":
    main()
