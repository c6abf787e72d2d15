"""Measures our pipeline, the others and the baseline in turn: CPU and calls per event, cold starts, memory."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench import packages
from millrace.pricing import recording
from millrace.pricing.recording import Worker, per_event
from millrace.pricing.stub import Stub

ROOT = Path(__file__).parent.parent
#: The functions of each implementation, and additions to its environment.
CONTESTANTS: dict[str, tuple[str, dict[str, str]]] = {
    "ours": (recording.OURS, {}),
    "reference": ("bench.contestants.reference:api:processor", {}),
    "powertools": ("bench.contestants.powertools:api:processor", {}),
    "powertools, packed": ("bench.contestants.powertools:api:processor", {"EVENTS_PER_MESSAGE": "100"}),
    "floor": ("bench.contestants.floor:api:processor", {}),
}
# The number of POSTs in one measurement, by events in a POST.
_INGESTION = {1: 120, 20: 30, 100: 10, 500: 4}
# The number of batches in one measurement, by messages in a batch and events in a POST.
_PROCESSING = {(10, 1): 12, (10, 20): 2, (1000, 1): 1}


def run(rounds: int, cold_rounds: int) -> dict[str, Any]:
    """Return the figures of every implementation, each the median of the rounds."""
    samples: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    with Stub() as stub:
        contestants = {name: start(name, stub) for name in CONTESTANTS}
        batches = {
            name: {
                case: each.batches(case[0] * count, case[1], case[0])[: _batches(name, case)]
                for case, count in _PROCESSING.items()
            }
            for name, each in contestants.items()
        }
        for number in range(rounds + 1):  # the first warms up
            say(f"round {number} of {rounds}")
            for name, contestant in contestants.items():
                for case, figures in _round(contestant, batches[name]):
                    if number:
                        samples[name][case].append(figures)
        memory = {name: each.end() for name, each in contestants.items()}
        messages = {name: batches[name][10, 1][0][0] for name in batches}
        cold = packages.start_cold(stub, messages, cold_rounds, say)
    return {
        "cases": {name: {case: _medians(each) for case, each in cases.items()} for name, cases in samples.items()},
        "cold": cold,
        "memory": memory,
    }


def start(name: str, stub: Stub) -> Worker:
    functions, added = CONTESTANTS[name]
    return Worker(functions, stub, caller="".join(filter(str.isalpha, name)), environment=added)


def _batches(name: str, case: tuple[int, int]) -> int:
    """Return the number of batches. An implementation with one event in a message needs more batches."""
    return _PROCESSING[case] * (case[1] if name in ("reference", "powertools") else 1)


def _round(
    contestant: Worker, batches: dict[tuple[int, int], list[list[str]]]
) -> Iterable[tuple[str, dict[str, float]]]:
    for events, posts in _INGESTION.items():
        yield f"ingest {events}", per_event(contestant.ask(posts=posts, events=events), posts * events)
    for (messages, events), given in batches.items():
        total = _PROCESSING[messages, events] * messages * events
        yield f"process {messages}x{events}", per_event(contestant.ask(batches=given), total)


def _medians(samples: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(sample.get(name, 0) for sample in samples) for name in samples[0]}


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
