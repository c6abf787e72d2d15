"""Budgets of the functions, as counts against the metering stub and as what a cold start does: never as times."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.dialects.registry import DIALECTS
from millrace.pricing import recording
from millrace.pricing.recording import Worker
from millrace.pricing.stub import Stub

_COLD_START = """
import gc, json, sys
listed = []
sys.addaudithook(lambda event, given: listed.append(str(given[0])) if event == "os.listdir" else None)
from millrace.pricing.workload import Context, Traffic, http_event, queue_event
{call}
collections = [generation["collections"] for generation in gc.get_stats()]
json.dump({{"modules": [*sys.modules], "listed": listed, "collections": collections}}, sys.stderr)
"""
_POST = "http_event(Traffic().post(1)), Context()"


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running


@pytest.fixture(scope="module")
def worker(stub: Stub) -> Iterator[Worker]:
    ours = Worker(recording.OURS, stub)
    yield ours
    ours.end()


def one_batch(worker: Worker, *, events: int, messages: int) -> dict[str, float]:
    """What the processor takes for each event of a batch, each of whose messages has so many."""
    batch = worker.ask(posts=messages, events=events)["messages"]
    assert len(batch) == messages
    return recording.per_event(worker.ask(batches=[batch]), events * messages)


@pytest.mark.parametrize(
    ("events", "messages", "calls", "write_units"),
    # At most: 25 inserts a call, one object a batch, and one transaction for as many chunks as 100 items allow.
    [(1, 10, 0.3, 4.0), (20, 10, 0.05, 1.25), (100, 10, 0.042, 1.12), (1, 200, 0.03, 2.4)],
)
def test_the_processor_keeps_to_its_calls_and_units_for_each_event(
    worker: Worker, events: int, messages: int, calls: float, write_units: float
) -> None:
    behind = one_batch(worker, events=events, messages=messages)
    the_data_format = 1 / (events * messages)  # asked for once in some seconds
    assert behind["calls"] <= calls + the_data_format
    assert behind["write_units"] <= write_units


def test_a_post_makes_one_call(worker: Worker) -> None:
    for events in (1, 20, 100):
        calls = worker.ask(posts=4, events=events)["calls"]
        assert calls.pop("sqs:SendMessageBatch") == 4
        # What the project is and the data format, which are remembered for some seconds.
        assert set(calls) <= {"dynamodb:BatchGetItem"}
        assert sum(calls.values()) <= 1


def test_a_commit_record_of_twenty_events_leaves_room_in_its_two_kilobytes(worker: Worker) -> None:
    behind = one_batch(worker, events=20, messages=10)
    assert behind["record_bytes"] * 20 <= 1600


@dataclass(frozen=True)
class _ColdStart:
    """What a fresh process does until its first answer. `collections`: of garbage, by generation."""

    modules: set[str]
    listed: list[str]
    collections: list[int]

    @property
    def libraries(self) -> set[str]:
        return {name.split(".")[0] for name in self.modules}


def _start(stub: Stub, call: str) -> _ColdStart:
    done = subprocess.run(
        [sys.executable, "-c", _COLD_START.format(call=call)],
        check=True,
        capture_output=True,
        text=True,
        cwd=recording.PROJECT,
        env=stub.environment("cold"),
    )
    done_in_it = json.loads(done.stderr)
    return _ColdStart(set(done_in_it["modules"]), done_in_it["listed"], done_in_it["collections"])


@pytest.fixture(scope="module")
def first_post(stub: Stub) -> _ColdStart:
    return _start(stub, f"import app; assert app.app({_POST})['statusCode'] == 200")


@pytest.fixture(scope="module")
def first_batch(stub: Stub, worker: Worker) -> _ColdStart:
    message: Any = worker.ask(posts=1, events=1)["messages"]
    return _start(stub, f"import app; app.process(queue_event({message!r}), Context())")


def test_a_post_imports_neither_the_toolbox_of_powertools_nor_boto3(first_post: _ColdStart) -> None:
    assert first_post.libraries.isdisjoint({"boto3", "s3transfer", "aws_lambda_powertools", "pydantic"})


def test_the_processor_does_not_import_what_only_validates(first_batch: _ColdStart) -> None:
    libraries = {"boto3", "s3transfer", "aws_lambda_powertools", "pydantic", "marshmallow"}
    assert first_batch.libraries.isdisjoint(libraries)


def test_a_cold_start_imports_little_beyond_what_the_least_code_does(
    stub: Stub, first_post: _ColdStart, first_batch: _ColdStart
) -> None:
    floor = _start(stub, f"from bench.contestants import floor; floor.api({_POST})").modules
    assert len(first_post.modules - floor) <= 61  # of which marshmallow has 12
    assert len(first_batch.modules - floor) <= 56


def test_a_cold_start_imports_no_flow_but_its_own(first_post: _ColdStart, first_batch: _ColdStart) -> None:
    flows = {
        f"chalicelib.flows.{flow}" for flow in ("ingest", "process", "aggregate", "reconciliation", "query", "status")
    }
    assert first_post.modules & flows == {"chalicelib.flows.ingest"}
    assert first_batch.modules & flows == {"chalicelib.flows.process"}


def test_a_cold_start_imports_the_dialect_of_its_request_alone(first_post: _ColdStart, first_batch: _ColdStart) -> None:
    readers = {"chalicelib.core.dialects." + each.reader.partition(":")[0].strip(".") for each in DIALECTS}
    assert first_post.modules & readers == {"chalicelib.core.dialects.own"}
    assert first_batch.modules & readers == set()


def test_a_cold_start_looks_through_the_models_of_no_other_service(
    first_post: _ColdStart, first_batch: _ColdStart
) -> None:
    for each in (first_post, first_batch):
        folders = [Path(name) for name in each.listed if "botocore/data" in name]
        assert {folder.name for folder in folders} <= {"sqs", "dynamodb", "s3"}
        assert folders  # or this looks in the wrong place


def test_a_cold_start_hardly_looks_for_garbage_in_what_stays(first_post: _ColdStart, first_batch: _ColdStart) -> None:
    for each in (first_post, first_batch):
        young, *old = each.collections
        assert young <= 40  # before the first module of ours is imported
        assert sum(old) <= 4
