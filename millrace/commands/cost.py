"""The command that prices the pipeline from a measured workload."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import click

from chalicelib.settings import Trigger
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import json_option
from millrace.pricing import bill, captured, prices, recording
from millrace.pricing.bill import Assumptions
from millrace.pricing.stub import Stub

_PEERS = recording.PROJECT / "bench" / "results.json"


@click.command()
@click.option(
    "--events", "events", type=click.IntRange(1, 2500), multiple=True, default=(1, 20, 100), help="Events per POST."
)
@click.option(
    "--rate", type=click.FloatRange(min=1), default=1e6, show_default=True, help="Events per day, at a steady rate."
)
@click.option(
    "--messages",
    type=click.IntRange(1, 10_000),
    multiple=True,
    help="Messages per batch. Default: the number that arrives at this rate within BATCH_WINDOW_SECONDS.",
)
@click.option(
    "--provisioned", is_flag=True, help="Price a table with provisioned capacity, used to 70 %, instead of on demand."
)
@click.option(
    "--api",
    type=click.Choice(["rest", "http", "url"]),
    default="rest",
    show_default=True,
    help="REST API, HTTP API, or a Lambda function URL.",
)
@click.option(
    "--memory", type=click.IntRange(128, 10240), default=512, show_default=True, help="Megabytes per function."
)
@click.option("--call-ms", type=float, default=6, show_default=True, help="Assumed milliseconds of a call to AWS.")
@click.option(
    "--cpu-scale", type=float, default=1, show_default=True, help="How much slower a vCPU of Lambda is than this CPU."
)
@json_option
def cost(
    *,
    events: Sequence[int],
    rate: float,
    messages: Sequence[int],
    provisioned: bool,
    api: str,
    memory: int,
    call_ms: float,
    cpu_scale: float,
    as_json: bool,
) -> None:
    """Print the price of a million events, by line, from a workload that runs now against a stub of AWS.

    Calls, units and bytes are measured. List prices are dated, and free tiers are left out. A function's duration is
    its measured CPU time on its share of a vCPU (memory / 1769 MB), plus --call-ms for each call to AWS. The number of
    messages in a batch follows from --rate and the environment's BATCH_SIZE and BATCH_WINDOW_SECONDS. It is a range,
    since AWS does not say how its pollers share a window.

    \b
    Examples:
      millrace cost
      millrace cost --rate 100e6 --events 20
      BATCH_SIZE=10 BATCH_WINDOW_SECONDS=0 millrace cost --events 1
      millrace cost --events 50 --messages 1000 --provisioned --api http
    """
    assumed = Assumptions(
        memory_megabytes=memory, call_ms=call_ms, cpu_scale=cpu_scale, provisioned=provisioned, api=api
    )
    trigger = Trigger.from_environ()
    recorded = _record(
        [(each, size) for each in events for size in sorted(messages or bill.batches_at(rate, each, trigger))]
    )
    largest = [(each, max(messages or bill.batches_at(rate, each, trigger))) for each in events]
    by_case = _record_captured(largest)
    if as_json:
        output.print_json([*_documents(by_case, assumed), *_documents(recorded, assumed)])
        return
    _print_captured(by_case, _record_captured(largest, as_own=True), assumed)
    _print_ingestion(recorded, assumed)
    _print_what_ifs(recorded, assumed)
    _print_bills(recorded, assumed, rate)
    gathered = (
        ""
        if messages
        else f" {rate:,.0f} events a day at a steady rate; a window of {trigger.window_seconds} s, of up to "
        f"{trigger.batch_size} messages, that Lambda's five pollers gather each for itself or together."
    )
    output.print_text(
        f"\nList prices of {prices.REGION}, {prices.LOOKED_UP}, free tiers left out. Measured here: calls, units, "
        f"bytes, CPU. Assumed: {assumed.call_ms:g} ms a call to AWS and {assumed.object_ms:g} ms an S3 object, "
        f"a vCPU like this machine's times {assumed.cpu_scale:g}, {assumed.memory_megabytes} MB.{gathered}"
    )


def _record(cases: Sequence[tuple[int, int]]) -> dict[str, list[dict[str, Any]]]:
    """Return the measured work of each pipeline: ours now, the others from the benchmark's last run.

    `cases`: events per POST and messages per batch.
    """
    if not (recording.PROJECT / "app.py").exists():
        raise CommandError("The functions are measured in the project's folder, and app.py is not there.")
    ours = []
    with Stub() as stub:
        worker = recording.Worker(recording.OURS, stub)
        for number, size in dict.fromkeys(cases):
            output.say(f"measuring {number} events a POST, {size} messages a batch ...")
            ours.append(recording.record(worker, events=number, messages=size))
        worker.end()
    peers = json.loads(_PEERS.read_text()).get("cost", {}) if _PEERS.exists() else {}
    return {"ours": ours, **peers}


def _record_captured(sizes: Sequence[tuple[int, int]], *, as_own: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Record what the events of each library take, by case. `sizes`: events a POST and messages a batch.

    `as_own`: the same events, sent in own form.
    """
    recorded = {}
    with Stub() as stub:
        worker = recording.Worker(recording.OURS, stub)
        for case in captured.LIBRARIES if as_own else captured.CASES:
            output.say(f"measuring {case}{' in own form' if as_own else ''} ...")
            worker.ask(captured={"case": case, "as_own": as_own})
            recorded[case] = [recording.record(worker, events=number, messages=size) for number, size in sizes]
        worker.end()
    return recorded


def _print_captured(
    by_case: dict[str, list[dict[str, Any]]], own: dict[str, list[dict[str, Any]]], assumed: Assumptions
) -> None:
    """Print a row for each library. Their events take different numbers of bytes."""
    columns = [_case(row) for row in by_case[captured.OWN]]
    output.print_text(
        "Dollars for a million events of each library, at events a POST x messages a batch (the same in own form)"
    )
    output.print_table(
        ("", *columns, "bytes stored"),
        [
            (case, *_dollars(rows, own.get(case, ()), assumed), f"{rows[-1]['behind']['item_bytes']:.0f}")
            for case, rows in by_case.items()
        ],
    )
    rows = by_case[captured.OWN]
    lifetimes = [bill.lifetime(row, assumed) for row in rows]
    spent = ", ".join(f"{taken:.2f} at {name}" for name, (taken, _) in zip(columns, lifetimes, strict=True))
    backups = ", ".join(f"{more:.2f}" for _, more in lifetimes)
    output.print_text(
        f"\nA million events in own form, taken in and kept for {assumed.retention_days} days: {spent} dollars; "
        f"backups (point-in-time recovery) {backups} more.\n"
    )


def _dollars(rows: Sequence[dict[str, Any]], own: Sequence[dict[str, Any]], assumed: Assumptions) -> Iterable[str]:
    for row, same in zip_longest(rows, own):
        beside = f" ({bill.ingestion(same, assumed)['in all']:.2f})" if same else ""
        yield f"{bill.ingestion(row, assumed)['in all']:.2f}{beside}"


def _documents(recorded: dict[str, list[dict[str, Any]]], assumed: Assumptions) -> Iterable[dict[str, Any]]:
    for pipeline, rows in recorded.items():
        for row in rows:
            yield {
                "pipeline": pipeline,
                "events_per_post": row["events"],
                "messages_per_batch": row["messages"],
                "dollars_per_million": bill.ingestion(row, assumed),
                "dollars_a_month_to_keep_a_million": bill.keeping(row),
                "prices": {"region": prices.REGION, "looked_up": prices.LOOKED_UP},
            }


def _print_ingestion(recorded: dict[str, list[dict[str, Any]]], assumed: Assumptions) -> None:
    """Print a column for each case, named by events per POST and messages per batch."""
    ours = recorded["ours"]
    costs = [bill.ingestion(row, assumed) for row in ours]
    output.print_text("Dollars for a million events, at events a POST x messages a batch")
    output.print_table(
        ("", *(_case(row) for row in ours)),
        [(line, *(f"{each[line]:.3f}" for each in costs)) for line in costs[0]],
    )
    kept = [bill.keeping(row) for row in ours]
    output.print_text("\nDollars a month to keep them")
    output.print_table(
        ("", *(_case(row) for row in ours)), [(line, *(f"{each[line]:.3f}" for each in kept)) for line in kept[0]]
    )


def _print_what_ifs(recorded: dict[str, list[dict[str, Any]]], assumed: Assumptions) -> None:
    """Print prices of the same workloads under other conditions, and of the other pipelines."""
    ours = recorded["ours"]
    changes = {
        "as above": assumed,
        "provisioned capacity, used to 70 %": replace(assumed, provisioned=True),
        "HTTP API": replace(assumed, api="http"),
        "function's own address": replace(assumed, api="url"),
    }
    rows = [
        (name, *(f"{bill.ingestion(row, change)['in all']:.3f}" for row in ours)) for name, change in changes.items()
    ]
    share = [bill.ingestion(row, assumed) for row in ours]
    rows.append(("API requests, of all", *(f"{100 * each['API requests'] / each['in all']:.0f} %" for each in share)))
    for pipeline, cases in recorded.items():
        if pipeline != "ours":
            found = {(case["events"], case["messages"]): bill.ingestion(case, assumed)["in all"] for case in cases}
            of_each = [found.get((row["events"], row["messages"])) for row in ours]
            if any(of_each):
                rows.append((pipeline, *("" if dollars is None else f"{dollars:.3f}" for dollars in of_each)))
    output.print_text("\nWhat if, dollars for a million events")
    output.print_table(("", *(_case(row) for row in ours)), rows)


def _print_bills(recorded: dict[str, list[dict[str, Any]]], assumed: Assumptions, rate: float) -> None:
    """Print monthly prices at the given rate. The batch sizes of the columns follow from the rate."""
    ours = recorded["ours"]
    months = assumed.retention_days / bill.DAYS_A_MONTH
    rows: list[tuple[str, ...]] = []
    a_month = rate * bill.DAYS_A_MONTH
    kept = [bill.keeping(row, a_month)["in all"] for row in ours]
    taken = [bill.ingestion(row, assumed, a_month)["in all"] for row in ours]
    rows.append((f"{rate:,.0f} events a day", *(f"{dollars:,.0f}" for dollars in taken)))
    rows.append((f"keeping {assumed.retention_days} days of them", *(f"{dollars * months:,.0f}" for dollars in kept)))
    output.print_text("\nDollars a month")
    output.print_table(("", *(_case(row) for row in ours)), rows)
    alarms = (recording.PROJECT / "stack.yaml").read_text().count("Type: AWS::CloudWatch::Alarm")
    output.print_text("\nDollars a month for a stage that nobody uses")
    output.print_table(("", ""), [(line, f"{dollars:.2f}") for line, dollars in bill.idle(assumed, alarms).items()])
    output.print_text("\nDollars a month more for each project that always has new events")
    output.print_table(("", ""), [(line, f"{dollars:.2f}") for line, dollars in bill.active_project(assumed).items()])


def _case(row: dict[str, Any]) -> str:
    return f"{row['events']} x {row['messages']}"
