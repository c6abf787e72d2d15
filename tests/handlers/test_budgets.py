"""Budgets of the functions, as counts against the metering stub and as what a function imports: never as times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from millrace.pricing import recording
from millrace.pricing.recording import Worker
from millrace.pricing.stub import Stub

_IMPORTS = """
import sys
from millrace.pricing.workload import Context, Traffic, http_event, queue_event
import app
{call}
print("\\n".join(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running


@pytest.fixture(scope="module")
def worker(stub: Stub) -> Iterator[Worker]:
    ours = Worker(recording.OURS, stub)
    yield ours
    ours.end()


@pytest.mark.parametrize(
    ("events", "messages", "calls", "write_units"),
    # At most: 25 inserts a call, one object a batch, and one transaction for as many chunks as 100 items allow.
    [(1, 10, 0.3, 4.5), (20, 10, 0.05, 1.35), (100, 10, 0.042, 1.12), (1, 1000, 0.054, 3.25)],
)
def test_the_processor_keeps_to_its_calls_and_units_for_each_event(
    worker: Worker, events: int, messages: int, calls: float, write_units: float
) -> None:
    behind = recording.record(worker, events=events, messages=messages)["behind"]
    assert behind["calls"] <= calls
    assert behind["write_units"] <= write_units


def test_a_post_makes_one_call(worker: Worker) -> None:
    for events in (1, 20, 100):
        calls = worker.ask(posts=4, events=events)["calls"]
        assert calls.pop("sqs:SendMessageBatch") == 4
        # What the project is, which is remembered for some seconds.
        assert set(calls) <= {"dynamodb:GetItem"}
        assert sum(calls.values()) <= 1


def test_a_commit_record_of_twenty_events_leaves_room_in_its_two_kilobytes(worker: Worker) -> None:
    behind = recording.record(worker, events=20, messages=10)["behind"]
    assert behind["record_bytes"] * 20 <= 1600


def _imported(stub: Stub, call: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS.format(call=call)],
        check=True,
        capture_output=True,
        text=True,
        cwd=recording.PROJECT,
        env=stub.environment("imports"),
    )
    return set(done.stdout.split())


def test_a_post_imports_neither_the_toolbox_of_powertools_nor_boto3(stub: Stub) -> None:
    imported = _imported(stub, "assert app.app(http_event(Traffic().post(1)), Context())['statusCode'] == 200")
    assert imported.isdisjoint({"boto3", "s3transfer", "aws_lambda_powertools", "pydantic"})


def test_the_processor_does_not_import_what_only_validates(stub: Stub, worker: Worker) -> None:
    message: Any = worker.ask(posts=1, events=1)["messages"]
    imported = _imported(stub, f"app.process(queue_event({message!r}), Context())")
    assert imported.isdisjoint({"boto3", "s3transfer", "aws_lambda_powertools", "pydantic", "marshmallow"})
