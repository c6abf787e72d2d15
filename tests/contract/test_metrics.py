"""Metrics: what a function prints, once CloudWatch has read it, is what the ledger reads."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.metrics import Meter, MetricReader
from chalicelib.core.metrics import CATALOGUE
from millrace.local.logs import FunctionOutput, MetricForwarder
from stage import Stage

NOW = datetime.now(UTC)


@pytest.fixture
def cloudwatch(stage: Stage) -> object:
    return stage.clients.session.client("cloudwatch", endpoint_url=stage.clients.sqs.meta.endpoint_url)


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
    hour, earlier = f"{NOW:%Y-%m-%dT%H}", f"{NOW - timedelta(hours=2):%Y-%m-%dT%H}"
    found = reader.by_hour(("accepted", "stored", "rejected"), NOW - timedelta(hours=3), later)
    assert sum(numbers.pop("stored", 0) for numbers in found.values()) == 3
    assert {name: numbers for name, numbers in found.items() if numbers} == {
        hour: {"accepted": 15},
        earlier: {"accepted": 6},
    }
    start = NOW.replace(minute=0, second=0, microsecond=0)
    assert reader.by_hour(("accepted",), start, later) == {hour: {"accepted": 15}}


def test_stages_are_measured_apart(cloudwatch: object, printing: Printing) -> None:
    def invocation() -> None:
        meter = Meter("mine")
        meter.add("accepted", 1)
        meter.flush()

    printing(invocation)
    theirs = MetricReader(cloudwatch, "theirs")
    assert theirs.by_hour(("accepted",), NOW - timedelta(hours=2), NOW + timedelta(hours=1)) == {}


def test_hundreds_of_values_of_one_metric_all_arrive(cloudwatch: object, printing: Printing) -> None:
    def invocation() -> None:
        meter = Meter("many")
        for number in range(333):
            meter.add("seconds_to_stored", number)
        meter.flush()

    printing(invocation)
    found = MetricReader(cloudwatch, "many").by_hour(
        ("seconds_to_stored",), NOW - timedelta(hours=2), NOW + timedelta(hours=1)
    )
    assert sum(numbers["seconds_to_stored"] for numbers in found.values()) == sum(range(333))


def test_a_line_has_at_most_a_hundred_values_of_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter("many")
    for number in range(201):
        meter.add("seconds_to_stored", number)
    meter.flush()
    lines = [json.loads(line)["seconds_to_stored"] for line in capsys.readouterr().out.splitlines()]
    assert [len(values) for values in lines] == [100, 100, 1]


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


def test_the_last_hour_can_be_read_by_minute_with_percentiles(cloudwatch: object, printing: Printing) -> None:
    def invocations() -> None:
        meter = Meter("minutes")
        for seconds in range(1, 101):
            meter.add("seconds_to_stored", seconds, at=NOW)
        meter.add("accepted", 7, at=NOW)
        meter.add("accepted", 5, at=NOW - timedelta(minutes=3))
        meter.flush()

    printing(invocations)
    minute = NOW.replace(second=0, microsecond=0)
    series = [("accepted", "Sum"), ("seconds_to_stored", "p50"), ("seconds_to_stored", "p95"), ("rejected", "Sum")]
    found = MetricReader(cloudwatch, "minutes").by_minute(
        series, minute - timedelta(minutes=59), minute + timedelta(minutes=1)
    )
    assert found["accepted", "Sum"] == {minute - timedelta(minutes=3): 5, minute: 7}
    assert found["seconds_to_stored", "p50"][minute] == pytest.approx(50, abs=1)
    assert found["seconds_to_stored", "p95"][minute] == pytest.approx(95, abs=1)
    assert found["rejected", "Sum"] == {}


def test_the_age_of_the_oldest_message_is_what_the_queue_said_last(cloudwatch: Any) -> None:
    reader = MetricReader(cloudwatch, "any", "chunks-of-ages")
    assert reader.oldest_message_seconds(NOW) is None
    for minutes_ago, seconds in ((4, 90.0), (2, 30.0)):
        cloudwatch.put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": "chunks-of-ages"}],
                    "Timestamp": NOW - timedelta(minutes=minutes_ago),
                    "Value": seconds,
                }
            ],
        )
    assert reader.oldest_message_seconds(NOW) == 30
