"""Does CloudWatch's work on a function's output: stores the lines, and extracts the metrics."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import aws

_log = logging.getLogger(__name__)

# Metrics that arrive within this many seconds are sent in one call.
_GATHER_SECONDS = 0.3
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
_MAX_VALUES = 150
# A call takes 1,000 entries, but also at most 1 MB, and the values and counts of an entry take up to 8 KB.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
_MAX_ENTRIES = 100
# An idle stack writes half a megabyte a day.
_MAX_LOG_BYTES = 10_000_000


class RollingLog:
    """A file to which several processes append lines. A full file is renamed to `NAME.1`, and a new one begins."""

    def __init__(self, path: Path, max_bytes: int = _MAX_LOG_BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._file, self._writing = path.open("a"), threading.Lock()

    def write(self, line: str) -> None:
        with self._writing:
            if not self._is_current():  # another process has begun a new file
                self._reopen()
            self._file.write(line + "\n")
            self._file.flush()
            if os.fstat(self._file.fileno()).st_size > self._max_bytes:
                self._begin_anew()

    def close(self) -> None:
        self._file.close()

    def _begin_anew(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)  # only one process may rename it; closing it releases the lock
        if self._is_current():
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._reopen()

    def _is_current(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        return False

    def _reopen(self) -> None:
        self._file.close()
        self._file = self._path.open("a")


class FunctionOutput(io.TextIOBase):
    """Replaces standard output: lines of functions go to their log, and metrics also to CloudWatch.

    Lines that are not JSON do not come from functions. They go to the terminal.
    """

    def __init__(self, terminal: TextIO, log: Path, forwarder: MetricForwarder) -> None:
        self._terminal, self._forwarder = terminal, forwarder
        self._log = RollingLog(log)
        self._local = threading.local()

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._local, "rest", "") + text).split("\n")
        self._local.rest = rest
        for line in lines:
            self._write_line(line)
        return len(text)

    def _write_line(self, line: str) -> None:
        if not line.startswith("{"):
            self._terminal.write(line + "\n")
            return
        self._log.write(line)
        if line.startswith('{"_aws"'):
            self._forwarder.put(line)
        else:
            self._terminal.write(_as_text(line) + "\n")

    def flush(self) -> None:
        self._terminal.flush()

    def close(self) -> None:
        self._log.close()
        super().close()

    def isatty(self) -> bool:
        return self._terminal.isatty()


def _as_text(line: str) -> str:
    entry = json.loads(line)
    return f"{entry['level']} {entry['location']}: {entry['message']}"


class MetricForwarder(threading.Thread):
    """Sends the metrics of EMF lines to CloudWatch, several in a call."""

    def __init__(self, cloudwatch: Any) -> None:
        super().__init__(name="metrics", daemon=True)
        self._cloudwatch = cloudwatch
        self._lines: SimpleQueue[str | None] = SimpleQueue()  # None marks the end
        self._ending = threading.Event()

    def put(self, line: str) -> None:
        self._lines.put(line)

    def run(self) -> None:
        line = self._lines.get()
        while line is not None:
            self._ending.wait(_GATHER_SECONDS)
            lines = [line]
            while (line := self._next()) is not None:
                lines.append(line)
            self._forward(lines)
            line = None if self._ending.is_set() else self._lines.get()

    def end(self) -> None:
        """Forward the waiting lines, and stop."""
        self._ending.set()
        self._lines.put(None)

    def _next(self) -> str | None:
        try:
            return self._lines.get_nowait()
        except Empty:
            return None

    def _forward(self, lines: list[str]) -> None:
        try:
            for namespace, data in _metric_data(lines):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
        except (ClientError, BotoCoreError) as error:
            _log.warning("metrics were lost: %s", error)


@contextlib.contextmanager
def output_watched(state: Path) -> Iterator[None]:
    """Send the output of this process's functions to the places where CloudWatch would put it."""
    forwarder = MetricForwarder(aws.client("cloudwatch"))
    forwarder.start()
    try:
        output = FunctionOutput(sys.stdout, state / "functions.log", forwarder)
        with contextlib.closing(output), contextlib.redirect_stdout(output):
            yield
    finally:
        forwarder.end()
        forwarder.join(timeout=10)


def _metric_data(lines: Iterable[str]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield the metrics of the lines in calls that CloudWatch accepts. Values of one second are combined."""
    values: dict[tuple[str, str, str, str, int], Counter[float]] = {}
    for document in map(json.loads, lines):
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                second = document["_aws"]["Timestamp"] // 1000
                key = (directive["Namespace"], document["service"], metric["Name"], metric["Unit"], second)
                values.setdefault(key, Counter()).update(document[metric["Name"]])
    entries: dict[str, list[dict[str, Any]]] = {}
    for (namespace, service, name, unit, second), counts in values.items():
        found = list(counts.items())
        entries.setdefault(namespace, []).extend(
            {
                "MetricName": name,
                "Dimensions": [{"Name": "service", "Value": service}],
                "Timestamp": datetime.fromtimestamp(second, UTC),
                "Unit": unit,
                "Values": [value for value, _ in found[start : start + _MAX_VALUES]],
                "Counts": [float(count) for _, count in found[start : start + _MAX_VALUES]],
            }
            for start in range(0, len(found), _MAX_VALUES)
        )
    for namespace, data in entries.items():
        for start in range(0, len(data), _MAX_ENTRIES):
            yield namespace, data[start : start + _MAX_ENTRIES]
