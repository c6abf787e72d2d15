"""Ours, the peers and the floor, interleaved: CPU and calls for each event, cold starts, memory, package sizes."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from statistics import median
from typing import Any

from millrace.pricing import recording
from millrace.pricing.recording import Worker, per_event
from millrace.pricing.stub import Stub

ROOT = Path(__file__).parent.parent
#: Contestant to its functions and what its environment adds.
CONTESTANTS: dict[str, tuple[str, dict[str, str]]] = {
    "ours": (recording.OURS, {}),
    "reference": ("bench.contestants.reference:api:processor", {}),
    "powertools": ("bench.contestants.powertools:api:processor", {}),
    "powertools, packed": ("bench.contestants.powertools:api:processor", {"EVENTS_PER_MESSAGE": "100"}),
    "floor": ("bench.contestants.floor:api:processor", {}),
}
# Events a POST to how many POSTs one measurement takes.
_INGESTION = {1: 120, 20: 30, 100: 10, 500: 4}
# Messages a batch and events a POST, to how many batches one measurement takes.
_PROCESSING = {(10, 1): 12, (10, 20): 2, (1000, 1): 1}
#: What the package of each holds beside its own code and the AWS SDK, which Lambda's runtime brings.
_SHIPPED = {
    "ours": ("chalice", "marshmallow", "aws-lambda-powertools", "typing-extensions", "jmespath"),
    "reference": ("chalice", "marshmallow"),
    "powertools": (
        "aws-lambda-powertools",
        "jmespath",
        "pydantic",
        "pydantic-core",
        "annotated-types",
        "typing-inspection",
        "typing-extensions",
    ),
    "floor": (),
}
# Of itself Chalice packages only these: chalice/deploy/packager.py.
_CHALICE_RUNTIME = ("chalice/app.py", "chalice/__init__.py")


def run(rounds: int, cold_rounds: int) -> dict[str, Any]:
    """The figures of every contestant, each the median of the rounds."""
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
        cold = _cold_starts(stub, {name: batches[name][10, 1][0][0] for name in batches}, cold_rounds)
    return {
        "cases": {name: {case: _medians(each) for case, each in cases.items()} for name, cases in samples.items()},
        "cold": cold,
        "memory": memory,
        "package_bytes": {name: _package_bytes(name) for name in _SHIPPED},
    }


def start(name: str, stub: Stub) -> Worker:
    functions, added = CONTESTANTS[name]
    return Worker(functions, stub, caller="".join(filter(str.isalpha, name)), environment=added)


def _batches(name: str, case: tuple[int, int]) -> int:
    """Where an event is a message, 20 times as many batches bring as many events."""
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


def _cold_starts(stub: Stub, messages: dict[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU until the first answer, in fresh processes."""
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        say(f"cold start {number + 1} of {rounds}")
        for name in _SHIPPED:
            for function in ("api", "processor"):
                done = subprocess.run(
                    [sys.executable, "-m", "millrace.pricing.worker", CONTESTANTS[name][0], "--cold", function],
                    input=messages[name],
                    capture_output=True,
                    text=True,
                    check=True,
                    cwd=ROOT,
                    env=stub.environment("cold"),
                )
                taken[name][function].append(float(done.stdout))
    return {name: {function: median(each) for function, each in both.items()} for name, both in taken.items()}


def _package_bytes(name: str) -> int:
    """The size of a zip of what would be uploaded."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        own = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
        for path in own if name == "ours" else [ROOT / f"bench/contestants/{name}.py"]:
            package.write(path)
        for shipped in _SHIPPED[name]:
            for file in distribution(shipped).files or ():
                in_runtime = shipped != "chalice" or str(file) in _CHALICE_RUNTIME
                if in_runtime and file.suffix in (".py", ".so", ".pyi", ".json"):
                    package.write(file.locate(), str(file))
    return len(buffer.getvalue())


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
