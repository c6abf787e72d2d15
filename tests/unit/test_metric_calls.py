"""Metrics: the line that CloudWatch reads, and what it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.metrics import Meter, MetricReader

NOW = datetime(2026, 5, 17, 10, 30, 12, 345678, tzinfo=UTC)
HOUR = datetime(2026, 5, 17, 10, tzinfo=UTC)


class CloudWatch:
    """Notes what it is asked; answers one value for each query."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.alarms: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation in ("get_metric_data", "describe_alarms")
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked = asked
        if "AlarmNamePrefix" in asked:
            yield {"MetricAlarms": self.alarms}
            return
        for query in asked["MetricDataQueries"]:
            yield {"MetricDataResults": [{"Id": query["Id"], "Timestamps": [HOUR], "Values": [3.0]}]}


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch()


@pytest.fixture
def reader(cloudwatch: CloudWatch) -> MetricReader:
    return MetricReader(cloudwatch, "millrace-prod", "chunks")


def test_a_line_says_all_that_cloudwatch_needs(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter("millrace-prod")
    meter.add("accepted", 3, at=NOW)
    meter.add("archived_bytes", 7, at=NOW)
    meter.add("accepted", 2, at=NOW)
    meter.flush()
    assert json.loads(capsys.readouterr().out) == {
        "_aws": {
            "Timestamp": 1779013812345,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Millrace",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "accepted", "Unit": "Count"}, {"Name": "archived_bytes", "Unit": "Bytes"}],
                }
            ],
        },
        "service": "millrace-prod",
        "accepted": [3, 2],
        "archived_bytes": [7],
    }


def test_the_metrics_of_the_stage_are_asked_for(cloudwatch: CloudWatch, reader: MetricReader) -> None:
    found = reader.by_hour(("accepted", "chunks"), HOUR, HOUR + timedelta(days=1))
    assert [sum(numbers[name] for numbers in found.values()) for name in ("accepted", "chunks")] == [3, 3]
    query, _ = cloudwatch.asked["MetricDataQueries"]
    assert query["MetricStat"] == {
        "Metric": {
            "Namespace": "Millrace",
            "MetricName": "accepted",
            "Dimensions": [{"Name": "service", "Value": "millrace-prod"}],
        },
        "Period": 3600,
        "Stat": "Sum",
    }


def test_sums_of_no_hour_ask_for_one_since_cloudwatch_refuses_an_empty_time(
    cloudwatch: CloudWatch, reader: MetricReader
) -> None:
    reader.by_hour(("accepted",), HOUR, HOUR)
    assert (cloudwatch.asked["StartTime"], cloudwatch.asked["EndTime"]) == (HOUR, HOUR + timedelta(hours=1))


def test_the_age_of_the_oldest_message_is_asked_for_in_whole_minutes(
    cloudwatch: CloudWatch, reader: MetricReader
) -> None:
    assert reader.oldest_message_seconds(NOW) == 3
    assert cloudwatch.asked["StartTime"] == datetime(2026, 5, 17, 10, 20, tzinfo=UTC)
    assert cloudwatch.asked["EndTime"] == datetime(2026, 5, 17, 10, 31, tzinfo=UTC)
    [query] = cloudwatch.asked["MetricDataQueries"]
    assert query["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "QueueName", "Value": "chunks"}]
    assert (query["MetricStat"]["Period"], query["MetricStat"]["Stat"]) == (60, "Maximum")


def test_a_series_is_asked_for_by_minute_with_its_statistic(cloudwatch: CloudWatch, reader: MetricReader) -> None:
    series = [("accepted", "Sum"), ("seconds_to_stored", "p95")]
    assert reader.by_minute(series, HOUR, NOW) == {each: {HOUR: 3.0} for each in series}
    stats = [
        (query["MetricStat"]["Period"], query["MetricStat"]["Stat"]) for query in cloudwatch.asked["MetricDataQueries"]
    ]
    assert stats == [(60, "Sum"), (60, "p95")]


def test_the_alarms_are_the_stages_own_and_not_those_of_a_stage_whose_name_goes_on(
    cloudwatch: CloudWatch, reader: MetricReader
) -> None:
    states = {"Latency": "OK", "ReportLag": "ALARM", "Missing": "INSUFFICIENT_DATA", "eu-ReportLag": "ALARM"}
    cloudwatch.alarms = [
        {"AlarmName": f"millrace-prod-{name}", "StateValue": state, "StateUpdatedTimestamp": NOW}
        for name, state in states.items()
    ]
    assert reader.alarms() == {"Latency": None, "ReportLag": NOW, "Missing": None}
    assert cloudwatch.asked == {"AlarmNamePrefix": "millrace-prod-"}


def test_the_last_hour_of_a_metric_is_the_newest_in_which_it_was_not_zero(reader: MetricReader) -> None:
    assert reader.last_hour_of("accepted", HOUR - timedelta(days=1), NOW) == HOUR
