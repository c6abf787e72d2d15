"""Compares events of client libraries with the same events in Millrace's own form: CPU per event, in pairs.

python -m bench.libraries     prints the section of docs/benchmarks.md
"""

from __future__ import annotations

import sys
from collections import defaultdict
from statistics import median

from bench import report
from bench.side_by_side import say
from millrace.pricing import captured, recording
from millrace.pricing.recording import Worker, cut
from millrace.pricing.stub import Stub

# Events in a POST, messages in a batch, and batches in one measurement.
_EVENTS, _MESSAGES, _BATCHES = 20, 12, 3
_TOTAL = _EVENTS * _MESSAGES * _BATCHES


def run(rounds: int) -> dict[str, dict[str, float]]:
    """Return, for each case, the processor's µs of CPU per event, and the median ratios to Millrace's own form.

    Two kinds of events in Millrace's own form are compared: the library's events, and the events of the workload.
    """
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with Stub() as stub:
        worker = Worker(recording.OURS, stub)
        batches = {(case, form): _batches(worker, case, form) for case in captured.CASES for form in (False, True)}
        for number in range(rounds + 1):  # the first warms up
            say(f"libraries: round {number} of {rounds}")
            in_turn = list(batches)[:: 1 if number % 2 else -1]  # no case always follows the same one
            took = {kind: _cpu(worker, batches[kind]) for kind in in_turn}
            for case in captured.CASES if number else ():
                samples[case]["cpu_us"].append(took[case, False])
                samples[case]["of_equal"].append(took[case, False] / took[case, True])
                samples[case]["of_own"].append(took[case, False] / took[captured.OWN, False])
        worker.end()
    return {case: {name: median(each) for name, each in figures.items()} for case, figures in samples.items()}


def _batches(worker: Worker, case: str, as_own: bool) -> list[list[str]]:
    worker.ask(captured={"case": case, "as_own": as_own})
    messages = worker.ask(posts=_MESSAGES * _BATCHES, events=_EVENTS)["messages"]
    return cut(messages, len(messages) // _BATCHES)


def _cpu(worker: Worker, batches: list[list[str]]) -> float:
    cpu_us: float = worker.ask(batches=batches)["cpu_seconds"] * 1e6 / _TOTAL
    return cpu_us


def main() -> None:
    """Print the section of a short run. The argument gives another number of rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sys.stdout.write("\n".join(report.libraries(run(rounds))) + "\n")


if __name__ == "__main__":
    main()
