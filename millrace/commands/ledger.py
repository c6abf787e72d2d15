"""The command that prints the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from chalicelib.core import timestamps
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.windows import HOUR
from chalicelib.flows.reconciliation import reconcile
from chalicelib.wiring import Pipeline
from millrace import output
from millrace.commands.options import pipeline_options, span_options, time_span
from millrace.ops import dead_letters
from millrace.ops.dead_letters import DeadLetterScan

_MEANING = {
    "accepted": "queued: the sum of the next six",
    "stored": "in the table, counted, archived",
    "duplicates": "sent again, changed nothing",
    "in_flight": "waiting or being processed",
    "dead": "dead letters: see millrace dlq",
    "quarantined": "kept whole: see millrace quarantine",
    "missing": "accepted, but found nowhere",
    "rejected": "refused at ingestion, not in the sum",
    "unanswered": "part of accepted: stored, although the client got an error",
}


@click.command()
@span_options
@pipeline_options
def ledger(pipeline: Pipeline, span: dict[str, str | None], *, as_json: bool) -> None:
    """Print the ledger of everything received in a period (default: the last 13 days), and whether it balances.

    accepted = stored + duplicates + in flight + dead + quarantined + missing. Periods are whole hours of receipt.
    Exit status 3 if something is missing or may be missing.

    \b
    Example:
      millrace ledger --from 2026-05-01 --json
    """
    first, after = _whole_hours(span, datetime.now(UTC), Lifetimes.ledger)
    stock = reconcile(
        first=first,
        after=after,
        ledger_sums=pipeline.ledger_sums,
        quarantine=pipeline.quarantine,
        queue=pipeline.queue,
        metrics=pipeline.metrics,
        chunk_log=pipeline.chunk_log,
        dead=lambda: dead_letters.amount(
            DeadLetterScan(pipeline.dead_letters, pipeline.commits, pipeline.failure_notes, now=datetime.now(UTC)),
            first=first,
            after=after,
        ),
    )
    document = stock.to_json()
    if as_json:
        output.print_json([{"from": timestamps.readable_of(first), "to": timestamps.readable_of(after), **document}])
    else:
        output.print_table(("", "events", ""), [(name, document[name], _MEANING[name]) for name in _MEANING])
        output.say("The ledger balances." if stock.balances else f"{stock.missing_chunks} chunks are missing.")
        if stock.uncertain_hours:
            output.say(f"These hours of receipt are uncertain and may hide a loss: {', '.join(stock.uncertain_hours)}.")
    if not stock.balances or stock.uncertain_hours:
        raise SystemExit(3)


def _whole_hours(span: dict[str, str | None], now: datetime, look_back: timedelta) -> tuple[datetime, datetime]:
    """Return the whole hours that contain the span, by default from `look_back` ago until now."""
    wanted = time_span(span)
    return HOUR.floor(wanted.start or now - look_back), HOUR.ceil(wanted.end or now)
