"""Takes stock: sets what ingestion has accepted against what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.ledger import Amount, Committed, Ledger
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.windows import HOUR
from chalicelib.errors import StoreFailed

_log = logging.getLogger(__name__)

# Metrics reach CloudWatch in a minute or two, and the queue's own numbers settle in one.
_SETTLED_AFTER = timedelta(minutes=10)


def reconcile(
    *,
    first: datetime,
    after: datetime,
    ledger_sums: ports.LedgerSums,
    quarantine: ports.Quarantine,
    queue: ports.Queue,
    metrics: ports.MetricReader,
    dead: Callable[[], Amount],
) -> Ledger:
    """The ledger of what was received in the whole hours from `first` to before `after`.

    Raises StoreFailed. Asked in the order in which chunks move: one that moves meanwhile is seen twice,
    which hides a loss for that moment, and never looks like one.
    """
    ingested = metrics.sums(("accepted", "chunks", "rejected"), first, after)
    return Ledger(
        accepted=Amount(ingested["chunks"], ingested["accepted"]),
        rejected=ingested["rejected"],
        waiting_chunks=queue.depth(),
        dead=dead(),
        quarantined=_amount(quarantine, _hour(first), _hour(after)),
        committed=sum(ledger_sums.received(_hour(first), _hour(after)).values(), Committed()),
    )


def _amount(quarantine: ports.Quarantine, first: str, after: str) -> Amount:
    entries = (entry for entry in quarantine.waiting() if entry.project and first <= entry.received < after)
    return sum((Amount(1, entry.accepted) for entry in entries), Amount())


def check(
    *,
    ledger_sums: ports.LedgerSums,
    quarantine: ports.Quarantine,
    queue: ports.Queue,
    dead_letters: ports.DeadLetters,
    metrics: ports.MetricReader,
    meter: ports.Meter,
    now: datetime,
    look_back: timedelta = Lifetimes.ledger,
) -> None:
    """Measure how many chunks of the past days are nowhere; a look that failed is taken again next time.

    The last hour is left out: its numbers have not settled.
    """
    try:
        missing = reconcile(
            first=HOUR.floor(now - look_back),
            after=HOUR.floor(now - _SETTLED_AFTER),
            ledger_sums=ledger_sums,
            quarantine=quarantine,
            queue=queue,
            metrics=metrics,
            dead=lambda: Amount(chunks=dead_letters.depth()),
        ).missing_chunks
    except StoreFailed as error:
        _log.warning("the ledger could not be checked: %s", error)
        return
    meter.add("missing_chunks", missing)
    if missing:
        _log.error("%d accepted chunks are nowhere", missing)


def _hour(moment: datetime) -> str:
    return HOUR.name_of(timestamps.sortable(moment))
