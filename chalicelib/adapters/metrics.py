"""Metrics: written as log lines that CloudWatch understands (EMF), and read back for the ledger."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.aws import translated_errors
from chalicelib.core import compact
from chalicelib.core.metrics import CATALOGUE, NAMESPACE

# CloudWatch keeps sums by the hour longest: 455 days.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
_HOUR_SECONDS = 3600
# Values of one metric in one line; metrics in one line are limited to as many, and the catalogue has fewer.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_MAX_VALUES = 100


class Meter:
    """Collects what one invocation measures, and writes it as one line when the invocation ends."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._local = threading.local()  # one invocation a thread

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:
        """Measure `value`; `at`: when it is to count, now by default. Raises KeyError outside the catalogue."""
        self._buffer.append((at, name, CATALOGUE[name], value))

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.add(name, (datetime.now(UTC) - moment).total_seconds())

    def flush(self) -> None:
        """Write what this invocation has measured, a line for each time that was named."""
        buffer, self._local.buffer = self._buffer, []
        for moment in dict.fromkeys(at for at, *_ in buffer):
            self._write(moment, [(name, unit, value) for at, name, unit, value in buffer if at == moment])

    @property
    def _buffer(self) -> list[tuple[datetime | None, str, str, float]]:
        if not hasattr(self._local, "buffer"):
            self._local.buffer = []
        buffer: list[tuple[datetime | None, str, str, float]] = self._local.buffer
        return buffer

    def _write(self, moment: datetime | None, measured: Iterable[tuple[str, str, float]]) -> None:
        """Lines in the embedded metric format. Powertools writes them too, at 100 µs for each POST."""
        values: dict[str, list[float]] = {}
        units = {}
        for name, unit, value in measured:
            values.setdefault(name, []).append(value)
            units[name] = unit
        timestamp = int((time.time() if moment is None else moment.timestamp()) * 1000)
        while values:
            line = {name: some[:_MAX_VALUES] for name, some in values.items()}
            metrics = [{"Name": name, "Unit": units[name]} for name in line]
            directive = {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}
            document = {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, "service": self._service}
            sys.stdout.write(compact.dump(document | line) + "\n")
            values = {name: some[_MAX_VALUES:] for name, some in values.items() if len(some) > _MAX_VALUES}


class MetricReader:
    def __init__(self, client: Any, service: str) -> None:
        self._client = client
        self._dimensions = [{"Name": "service", "Value": service}]

    def sums(self, names: Iterable[str], first: datetime, after: datetime) -> dict[str, int]:
        """What the hours with first <= start < after add up to, by name."""
        wanted = list(names)
        queries = [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": self._dimensions},
                    "Period": _HOUR_SECONDS,
                    "Stat": "Sum",
                },
            }
            for name in wanted
        ]
        totals = dict.fromkeys(wanted, 0.0)
        with translated_errors():
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=first, EndTime=max(after, first + timedelta(hours=1))
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    totals[result["Id"]] += sum(result["Values"])
        return {name: round(total) for name, total in totals.items()}
