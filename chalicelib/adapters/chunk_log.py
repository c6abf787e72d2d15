"""Reads the functions' logs: the hashes of the chunks of an hour that were queued, and that were committed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.aws import translated_errors
from chalicelib.core import timestamps
from chalicelib.core.ledger import Logged
from chalicelib.core.metrics import COMMITTED_CHUNKS, QUEUED_CHUNKS
from chalicelib.core.windows import HOUR, first_time

# A log line is written when its invocation ends.
_LATE = timedelta(minutes=15)
# Pages have up to 1 MB. Only a busy hour has more pages. To read them would take seconds of CPU and much memory.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_MAX_PAGES = 10


class ChunkLog:
    """The logs of a stack's functions. `client`: returns the client, made on first use. `name`: the stack's name.

    An hour with more pages than `max_pages` is not read.
    """

    def __init__(self, client: Callable[[], Any], name: str, *, max_pages: int = _MAX_PAGES) -> None:
        self._client = client
        self._groups = {QUEUED_CHUNKS: f"/aws/lambda/{name}", COMMITTED_CHUNKS: f"/aws/lambda/{name}-process"}
        self._max_pages = max_pages

    def of_hour(self, hour: str) -> Logged | None:
        """Return the logged hashes of the chunks received in an hour, or None if the log is too long to read."""
        start = timestamps.parse(first_time(hour))
        queued = self._hashes(QUEUED_CHUNKS, hour, start, HOUR.end(hour) + _LATE)
        committed = self._hashes(COMMITTED_CHUNKS, hour, start, datetime.now(UTC)) if queued is not None else None
        return Logged(queued, committed) if queued is not None and committed is not None else None

    def _hashes(self, field: str, hour: str, start: datetime, end: datetime) -> frozenset[str] | None:
        found = set[str]()
        for page, events in enumerate(self._pages(field, hour, start, end)):
            if page == self._max_pages:
                return None
            for event in events:
                lines = json.loads(event["message"])[field]
                found.update(line.removeprefix(f"{hour} ") for line in lines if line.startswith(f"{hour} "))
        return frozenset(found)

    def _pages(self, field: str, hour: str, start: datetime, end: datetime) -> Iterator[list[dict[str, Any]]]:
        with translated_errors():
            pages = (
                self._client()
                .get_paginator("filter_log_events")
                .paginate(
                    logGroupName=self._groups[field],
                    startTime=int(start.timestamp() * 1000),
                    endTime=int(end.timestamp() * 1000),
                    filterPattern=f'{{ $.{field}[*] = "{hour} *" }}',
                )
            )
            for page in pages:
                yield page["events"]
