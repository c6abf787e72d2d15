"""Metrics: what a function prints, once CloudWatch has read it, is what the ledger reads."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from chalicelib.adapters.metrics import Meter, MetricReader
from chalicelib.core.metrics import CATALOGUE
from millrace.local.emulator import Emulator
from millrace.local.logs import FunctionOutput, MetricForwarder

NOW = datetime.now(UTC)


@pytest.fixture
def cloudwatch(emulator: Emulator) -> object:
    environment = emulator.environment()
    return boto3.client(
        "cloudwatch",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="000000000000",
        aws_secret_access_key="local",
        region_name=environment["AWS_DEFAULT_REGION"],
    )


Printing = Callable[[Callable[[], None]], str]


@pytest.fixture
def printing(cloudwatch: object, tmp_path: Path) -> Printing:
    """Does something whose output goes where a function's goes; answers what the terminal shows."""

    def do(action: Callable[[], None]) -> str:
        terminal = io.StringIO()
        forwarder = MetricForwarder(cloudwatch)
        forwarder.start()
        output = FunctionOutput(terminal, tmp_path / "functions.log", forwarder)
        with closing(output), redirect_stdout(output):
            action()
        forwarder.end()
        forwarder.join()
        return terminal.getvalue()

    return do


def test_what_is_measured_can_be_read_back_as_sums(cloudwatch: object, printing: Printing) -> None:
    def invocations() -> None:
        for _ in range(3):
            meter = Meter("sums")
            meter.add("accepted", 5, at=NOW)
            meter.add("accepted", 2, at=NOW - timedelta(hours=2))
            meter.add("stored", 1)
            meter.flush()

    printing(invocations)
    reader = MetricReader(cloudwatch, "sums")
    later = NOW + timedelta(hours=1)
    assert reader.sums(("accepted", "stored", "rejected"), NOW - timedelta(hours=3), later) == {
        "accepted": 21,
        "stored": 3,
        "rejected": 0,
    }
    start = NOW.replace(minute=0, second=0, microsecond=0)
    assert reader.sums(("accepted",), start, later) == {"accepted": 15}


def test_stages_are_measured_apart(cloudwatch: object, printing: Printing) -> None:
    def invocation() -> None:
        meter = Meter("mine")
        meter.add("accepted", 1)
        meter.flush()

    printing(invocation)
    sums = MetricReader(cloudwatch, "theirs").sums(("accepted",), NOW - timedelta(hours=2), NOW + timedelta(hours=1))
    assert sums == {"accepted": 0}


def test_hundreds_of_values_of_one_metric_all_arrive(cloudwatch: object, printing: Printing) -> None:
    def invocation() -> None:
        meter = Meter("many")
        for number in range(333):
            meter.add("seconds_to_stored", number)
        meter.flush()

    printing(invocation)
    found = MetricReader(cloudwatch, "many").sums(
        ("seconds_to_stored",), NOW - timedelta(hours=2), NOW + timedelta(hours=1)
    )
    assert found == {"seconds_to_stored": sum(range(333))}


def test_what_is_not_in_the_catalogue_is_an_error() -> None:
    with pytest.raises(KeyError):
        Meter("service").add("clicks_of_ann", 1)


def test_an_invocation_that_measured_nothing_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Meter("quiet").flush()
    assert capsys.readouterr().out == ""


def test_a_line_is_one_json_document_that_names_units(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter("line")
    for name in CATALOGUE:
        meter.add(name, 1, at=NOW)
    meter.flush()
    document = json.loads(capsys.readouterr().out)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == CATALOGUE
    assert document["_aws"]["Timestamp"] == int(NOW.timestamp() * 1000)


def test_what_is_no_functions_output_stays_on_the_terminal(printing: Printing) -> None:
    assert printing(lambda: print("Millrace runs")) == "Millrace runs\n"  # noqa: T201
