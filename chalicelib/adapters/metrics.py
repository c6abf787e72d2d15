"""Metrics: writes them as log lines in CloudWatch's format (EMF), and reads them back for the ledger."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.aws import translated_errors
from chalicelib.core import compact, timestamps
from chalicelib.core.chunk_id import chunk_hash
from chalicelib.core.metrics import CATALOGUE, NAMESPACE
from chalicelib.core.windows import HOUR

# CloudWatch stores sums by the hour for the longest time: 455 days.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
_HOUR_SECONDS = 3600
_MINUTE_SECONDS = 60
# SQS reports to CloudWatch every minute, and the value can be read some minutes later.
_AGE_IS_NEWS = timedelta(minutes=10)
# The most values of one metric in a line. A line may also have at most this many metrics, and there are fewer.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_MAX_VALUES = 100
# The most chunk hashes in a line. A line has at most 1 MB:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_MAX_LOGGED = 5_000


class Meter:
    """Collects the metrics of one invocation, and writes them as log lines when it ends."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._local = threading.local()  # an invocation runs in one thread

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:
        """Measure a value. `at`: the time for which it counts, now by default. Raises KeyError for unknown names."""
        self._buffer.append((at, name, CATALOGUE[name], value))

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.add(name, (datetime.now(UTC) - moment).total_seconds())

    def add_chunks(self, field: str, chunks: Iterable[tuple[str, str]]) -> None:
        """Log a hash of each chunk in a field of the line. A metric is only a sum, and cannot tell its chunks.

        `chunks`: pairs of hour of receipt and chunk_id.
        """
        added = [f"{hour} {chunk_hash(chunk_id)}" for hour, chunk_id in chunks]
        if added:
            vars(self._local).setdefault("chunks", {}).setdefault(field, []).extend(added)

    def flush(self) -> None:
        """Write the metrics of this invocation. Values of different times (`at`) get different lines."""
        buffer, self._local.buffer = self._buffer, []
        chunks: dict[str, list[str]] = vars(self._local).pop("chunks", {})
        for moment in dict.fromkeys(at for at, *_ in buffer):
            self._write(moment, [(name, unit, value) for at, name, unit, value in buffer if at == moment], chunks)
            chunks = {}

    @property
    def _buffer(self) -> list[tuple[datetime | None, str, str, float]]:
        if not hasattr(self._local, "buffer"):
            self._local.buffer = []
        buffer: list[tuple[datetime | None, str, str, float]] = self._local.buffer
        return buffer

    def _write(
        self, moment: datetime | None, measured: Iterable[tuple[str, str, float]], chunks: dict[str, list[str]]
    ) -> None:
        """Write lines in the embedded metric format. Powertools does the same, but takes 100 µs for each POST."""
        values: dict[str, list[float]] = {}
        units = {}
        for name, unit, value in measured:
            values.setdefault(name, []).append(value)
            units[name] = unit
        timestamp = int((time.time() if moment is None else moment.timestamp()) * 1000)
        while values or any(chunks.values()):
            line = {name: some[:_MAX_VALUES] for name, some in values.items()}
            metrics = [{"Name": name, "Unit": units[name]} for name in line]
            directive = {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}
            document = {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, "service": self._service}
            sys.stdout.write(
                compact.dump(document | line | {field: some[:_MAX_LOGGED] for field, some in chunks.items()}) + "\n"
            )
            chunks = {field: some[_MAX_LOGGED:] for field, some in chunks.items() if len(some) > _MAX_LOGGED}
            values = {name: some[_MAX_VALUES:] for name, some in values.items() if len(some) > _MAX_VALUES}


class MetricReader:
    """Reads metrics. `service`: the stage's name. `queue_name`: the queue whose own metrics (AWS/SQS) are read."""

    def __init__(self, client: Any, service: str, queue_name: str = "") -> None:
        self._client = client
        self._service = service
        self._dimensions = [{"Name": "service", "Value": service}]
        self._queue_dimensions = [{"Name": "QueueName", "Value": queue_name}]

    def by_hour(self, names: Iterable[str], first: datetime, after: datetime) -> dict[str, dict[str, int]]:
        """Return sums by hour and name for the hours with first <= start < after. Hours without values are left out."""
        queries = [self._query(name, name, "Sum", _HOUR_SECONDS) for name in names]
        found: dict[str, dict[str, int]] = {}
        for name, values in self._ask(queries, first, max(after, first + timedelta(hours=1))).items():
            for moment, value in values.items():
                found.setdefault(HOUR.name_of(timestamps.sortable(moment)), {})[name] = round(value)
        return found

    def by_minute(
        self, series: Iterable[tuple[str, str]], first: datetime, after: datetime
    ) -> dict[tuple[str, str], dict[datetime, float]]:
        """Return statistics ("Sum", "p95", ...) by (name, statistic) and minute.

        Minutes without values are left out.
        """
        wanted = list(series)
        queries = [self._query(f"{name}_{stat}".lower(), name, stat, _MINUTE_SECONDS) for name, stat in wanted]
        found = self._ask(queries, first, after)
        return {each: found[query["Id"]] for each, query in zip(wanted, queries, strict=True)}

    def last_hour_of(self, name: str, first: datetime, after: datetime) -> datetime | None:
        """Return the start of the newest hour in which a metric was above zero, or None."""
        found = self._ask([self._query(name, name, "Sum", _HOUR_SECONDS)], first, after)[name]
        return max((start for start, value in found.items() if value), default=None)

    def alarms(self) -> dict[str, datetime | None]:
        """Map the name of each alarm of the stage to the time when it began to ring, or to None if it does not ring."""
        prefix = f"{self._service}-"
        with translated_errors():
            pages = self._client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
            found = [alarm for page in pages for alarm in page["MetricAlarms"]]
        names = {alarm["AlarmName"].removeprefix(prefix): alarm for alarm in found}
        return {
            name: alarm["StateUpdatedTimestamp"].astimezone(UTC) if alarm["StateValue"] == "ALARM" else None
            for name, alarm in names.items()
            if "-" not in name  # a hyphen: the alarm of another stage, such as prod-eu if this stage is prod
        }

    def oldest_message_seconds(self, now: datetime) -> float | None:
        """Return the age of the queue's oldest message in SQS's newest report, or None without a recent report."""
        metric = {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": self._queue_dimensions,
        }
        query = {"Id": "age", "MetricStat": {"Metric": metric, "Period": _MINUTE_SECONDS, "Stat": "Maximum"}}
        minute = now.replace(second=0, microsecond=0)
        ages = self._ask([query], minute - _AGE_IS_NEWS, minute + timedelta(minutes=1))["age"]
        return ages[max(ages)] if ages else None

    def _query(self, query_id: str, name: str, statistic: str, period_seconds: int) -> dict[str, Any]:
        metric = {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": self._dimensions}
        return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_seconds, "Stat": statistic}}

    def _ask(
        self, queries: Sequence[dict[str, Any]], first: datetime, after: datetime
    ) -> dict[str, dict[datetime, float]]:
        """Return the values of each query, by its id and by time."""
        found: dict[str, dict[datetime, float]] = {query["Id"]: {} for query in queries}
        with translated_errors():
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=first, EndTime=after
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    times = (moment.astimezone(UTC) for moment in result["Timestamps"])
                    found[result["Id"]].update(zip(times, result["Values"], strict=True))
        return found
