"""The reconciliation: compares the accepted chunks with the chunks that the stage can account for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core import ledger, timestamps
from chalicelib.core.ledger import Amount, Committed, Hour, Ledger, Logged, Measured
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.windows import HOUR
from chalicelib.errors import BROKEN_CONTENT, StoreFailed

_log = logging.getLogger(__name__)

# Metrics reach CloudWatch after one or two minutes. The queue's own numbers settle within one.
_SETTLED_AFTER = timedelta(minutes=10)
# Only the logs of the newest hours whose sums differ are read, since each log takes seconds.
_MAX_LOGS = 4


def reconcile(
    *,
    first: datetime,
    after: datetime,
    ledger_sums: ports.LedgerSums,
    quarantine: ports.Quarantine,
    queue: ports.Queue,
    metrics: ports.MetricReader,
    dead: Callable[[], Amount],
    chunk_log: ports.ChunkLog | None = None,
) -> Ledger:
    """Return the ledger of the chunks received in the whole hours from `first` to before `after`. Raises StoreFailed.

    `chunk_log`: the log that settles uncertain hours. Without a log, they stay uncertain.

    The stores are read in the order in which chunks move. So a chunk that moves meanwhile is counted twice, which
    hides a loss for a moment. It is never counted as lost.
    """
    names = ("chunks", "accepted", "chunk_hashes", "rejected")
    by_hour = metrics.by_hour(names, first, after)
    measured = {hour: Measured(*(numbers.get(name, 0) for name in names[:3])) for hour, numbers in by_hour.items()}
    waiting_chunks, dead_letters = queue.depth(), dead()
    quarantined = quarantine.received(_hour(first), _hour(after))
    committed = ledger_sums.received(_hour(first), _hour(after))
    return Ledger(
        hours=_judged(measured, committed, chunk_log),
        committed=sum(committed.values(), Committed()),
        rejected=sum(numbers.get("rejected", 0) for numbers in by_hour.values()),
        waiting_chunks=waiting_chunks,
        dead=dead_letters,
        quarantined=quarantined,
    )


def _judged(
    measured: Mapping[str, Measured], committed: Mapping[str, Committed], chunk_log: ports.ChunkLog | None
) -> dict[str, Hour]:
    """Return each hour judged by its sums. For the newest uncertain hours, read the log as well."""
    hours: dict[str, Hour] = {}
    logs_left = _MAX_LOGS
    for name in sorted(measured.keys() | committed.keys(), reverse=True):
        sums = measured.get(name, Measured()), committed.get(name, Committed())
        hours[name] = ledger.judge(*sums)
        if not hours[name].is_certain and logs_left and chunk_log:
            logs_left -= 1
            hours[name] = ledger.judge(*sums, _logged(chunk_log, name))
    return hours


def _logged(chunk_log: ports.ChunkLog, hour: str) -> Logged | None:
    """Return the log of an hour, or None if it cannot be read. The hour then stays uncertain."""
    try:
        return chunk_log.of_hour(hour)
    except (StoreFailed, *BROKEN_CONTENT) as error:
        _log.warning("the log of %s cannot be read: %s", hour, error)
        return None


def check(
    *,
    ledger_sums: ports.LedgerSums,
    quarantine: ports.Quarantine,
    queue: ports.Queue,
    dead_letters: ports.DeadLetters,
    metrics: ports.MetricReader,
    chunk_log: ports.ChunkLog,
    meter: ports.Meter,
    now: datetime,
    look_back: timedelta = Lifetimes.ledger,
) -> None:
    """Measure how many accepted chunks of the past days are missing. The last hour is left out: chunks still move.

    A failed check is repeated by the next run. An alarm rings if every check fails.
    """
    try:
        found = reconcile(
            first=HOUR.floor(now - look_back),
            after=HOUR.floor(now - _SETTLED_AFTER),
            ledger_sums=ledger_sums,
            quarantine=quarantine,
            queue=queue,
            metrics=metrics,
            chunk_log=chunk_log,
            dead=lambda: Amount(chunks=dead_letters.depth()),
        )
    except (StoreFailed, *BROKEN_CONTENT) as error:
        _log.warning("the ledger could not be checked: %s", error)
        return
    meter.add("missing_chunks", found.missing_chunks)
    if found.missing_chunks:
        _log.error("%d accepted chunks are missing", found.missing_chunks)
    if found.uncertain_hours:
        _log.warning("the ledger is uncertain of these hours of receipt: %s", ", ".join(found.uncertain_hours))


def _hour(moment: datetime) -> str:
    return HOUR.name_of(timestamps.sortable(moment))
