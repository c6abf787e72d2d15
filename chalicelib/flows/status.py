"""The health of the stage, for the live page: its queue, its last hour minute by minute, and the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.failures import REASONS
from chalicelib.core.ledger import Amount
from chalicelib.core.windows import HOUR, MINUTE
from chalicelib.errors import StoreFailed
from chalicelib.flows.reconciliation import reconcile

_log = logging.getLogger(__name__)

_MINUTES = 60
_NEWEST = 10  # entries of the quarantine that the page shows
# CloudWatch bills GetMetricData by metric, and up to five statistics of one metric as one:
# https://aws.amazon.com/cloudwatch/pricing/
_SUMS = ("accepted", "stored", "rejected", "duplicates")
_PERCENTILES = ("p50", "p95")
_SERIES = [*((name, "Sum") for name in _SUMS), *(("seconds_to_stored", each) for each in _PERCENTILES)]

Document = dict[str, Any]


def look(
    *,
    ledger_sums: ports.LedgerSums,
    quarantine: ports.Quarantine,
    queue: ports.Queue,
    dead_letters: ports.DeadLetters,
    metrics: ports.MetricReader,
    now: datetime,
    look_back: timedelta,
    max_deliveries: int,
) -> Document:
    """Return the stage's numbers. A part that cannot be read is None, and the other parts are still returned.

    `look_back`: the time that the ledger covers. `max_deliveries`: a message becomes a dead letter after this many.
    """

    def count_dead_letters() -> Document:
        return {"count": dead_letters.depth(), "max_deliveries": max_deliveries}

    def look_at_queue() -> Document:
        return {"depth": queue.depth(), "oldest_seconds": metrics.oldest_message_seconds(now)}

    def balance() -> Document:
        first, after = HOUR.floor(now - look_back), HOUR.floor(now) + HOUR.longest
        stock = reconcile(
            first=first,
            after=after,
            ledger_sums=ledger_sums,
            quarantine=quarantine,
            queue=queue,
            metrics=metrics,
            dead=lambda: Amount(chunks=dead_letters.depth()),
        )
        return {"from": timestamps.readable_of(first), "to": timestamps.readable_of(after), **stock.to_json()}

    minutes = _or_none(lambda: _minutes(metrics, now))
    return {
        "at": timestamps.readable_of(now),
        "queue": _or_none(look_at_queue),
        # Only counted: a function that faces the internet has no permission to receive dead letters.
        "dead_letters": _or_none(count_dead_letters),
        "quarantined": _or_none(lambda: _newest(quarantine)),
        "minutes": minutes,
        "last_accepted": minutes and _or_none(lambda: _last_accepted(minutes, metrics, HOUR.floor(now - look_back))),
        "alarms": _or_none(lambda: _alarms(metrics)),
        "ledger": _or_none(balance),
    }


def _last_accepted(minutes: list[Document], metrics: ports.MetricReader, first: datetime) -> Document | None:
    """Return the minute in which the last event was accepted, or only the hour if it was over an hour ago.

    None: no event was accepted since `first`.
    """
    for minute in reversed(minutes):
        if minute["accepted"]:
            return {"from": minute["start"], "grain": MINUTE.name}
    hour = metrics.last_hour_of("accepted", first, timestamps.parse(minutes[0]["start"]))
    return {"from": timestamps.readable_of(hour), "grain": HOUR.name} if hour else None


def _alarms(metrics: ports.MetricReader) -> Document:
    alarms = metrics.alarms()
    ringing = [{"name": name, "since": timestamps.readable_of(since)} for name, since in alarms.items() if since]
    return {"count": len(alarms), "ringing": sorted(ringing, key=lambda alarm: alarm["since"])}


def _minutes(metrics: ports.MetricReader, now: datetime) -> list[Document]:
    """Return the last hour by minute, oldest first. The last minute is not over yet."""
    last = MINUTE.floor(now)
    starts = [last - timedelta(minutes=ago) for ago in reversed(range(_MINUTES))]
    found = metrics.by_minute(_SERIES, starts[0], last + timedelta(minutes=1))
    return [
        {
            "start": timestamps.readable_of(start),
            **{name: round(found[name, "Sum"].get(start, 0)) for name in _SUMS},
            **{f"seconds_to_stored_{each}": found["seconds_to_stored", each].get(start) for each in _PERCENTILES},
        }
        for start in starts
    ]


def _newest(quarantine: ports.Quarantine) -> Document:
    """Return the number of messages in the quarantine, and the newest of them with their reasons."""
    newest = [
        {
            "project": entry.project,
            "name": entry.name,
            "code": entry.code,
            "reason": REASONS[entry.code],
            "accepted": entry.accepted,
            "quarantined_at": timestamps.readable(entry.quarantined),
        }
        for entry in quarantine.newest(_NEWEST)
    ]
    return {"count": quarantine.count(), "newest": newest}


def _or_none(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except StoreFailed as error:
        _log.warning("a part of the status is missing: %s", error)
        return None


class Remembered:
    """Caches a document for some seconds and shares it between callers. An expired document is made again on demand."""

    def __init__(
        self, make: Callable[[datetime], Document], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._seconds, self._clock = make, seconds, clock
        self._lock = threading.Lock()
        self._made_at = float("-inf")
        self._document: Document = {}

    def at(self, now: datetime) -> Document:
        with self._lock:
            asked = self._clock()
            if asked - self._made_at >= self._seconds:
                self._document = self._make(now)
                self._made_at = asked
            return self._document


def for_reader(project: str, operator_project: str, *, stage: Remembered, now: datetime) -> Document:
    """Return the status for the readers of a project.

    The stage's numbers cover all projects, so only readers of the operators' project get them. Others get None.
    """
    return {"project": project, "stage": stage.at(now) if project == operator_project else None}
