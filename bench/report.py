"""Writes docs/benchmarks.md: the figures of one run, as tables with ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from millrace.pricing import bill

_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. {date}, CPython {python}, {machine}.

The benchmark compares Millrace with three other pipelines and with a lower bound, the *floor*. All of them run in
turns, in separate processes, against the same stub of AWS on this machine (`millrace/pricing/`). The stub gives the
smallest valid answers and counts the calls. CPU is the process time (user and system) of all threads, not wall time.
Each figure is the median of {rounds} rounds. Absolute figures depend on the machine. Ratios depend on it much less.

- **ours**: Millrace, that is, the handlers of `app.py` as Lambda calls them.
- **reference**: a pipeline as in common samples (Chalice, marshmallow, boto3). Each event is a message, and each
  message takes one PutItem and one S3 object.
- **powertools**: a typical pipeline with Powertools for AWS Lambda: event handler, pydantic parser, batch processor,
  and a function that is idempotent by DynamoDB. **packed** is the same with 100 events per message.
- **floor**: the smallest program that moves the same bytes with botocore. It has no validation, no detection of
  duplicates, almost no counters and no handling of errors.

Their code is in `bench/contestants/`.
"""


def write(results: dict[str, Any], **facts: Any) -> str:
    """Return the whole document."""
    side = results["side_by_side"]
    parts = [
        _HEAD.format(**facts),
        *_side_by_side(side),
        *libraries(results["libraries"]),
        *_cost(results["cost"]),
        *_growth(results["growth"]),
        *aggregator(results["aggregator"]),
        *questions(results["questions"]),
        *_draining(results["draining"]),
        *_latency(results["latency"]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _side_by_side(side: dict[str, Any]) -> list[str]:
    cases, names = side["cases"], list(side["cases"])
    ingestion = [case for case in cases["ours"] if case.startswith("ingest")]
    processing = [case for case in cases["ours"] if case.startswith("process")]

    def figure(of: str, decimals: int = 0) -> Callable[[str, str], str]:
        return lambda name, case: f"{cases[name][case][of]:,.{decimals}f}"

    def with_ratio(name: str, case: str) -> str:
        return f"{cases[name][case]['cpu_us']:,.0f} ({_ratio(cases, name, case):.2f})"

    titles = {case: f"{case.split()[1]} per POST" for case in ingestion}
    titles |= {case: "{} x {}".format(*case.split()[1].split("x")) for case in processing}
    return [
        "## Ingestion: µs of CPU for each event (and times the floor)\n",
        _table(names, ingestion, with_ratio, titles),
        "## Processor: µs of CPU for each event (and times the floor)\n",
        "The columns are messages per batch x events per message. For pipelines with one event per message, the same\n"
        "events are 20 times as many messages.\n",
        _table(names, processing, with_ratio, titles),
        "## Processor: AWS calls for each event\n",
        _table(names, processing, figure("calls", 3), titles),
        "## Processor: write units for each event\n",
        _table(names, processing, figure("write_units", 2), titles),
        "## Cold start\n",
        "The first figure is the CPU time of import and first answer in a fresh process, in ms, without the\n"
        "start of Python itself. In brackets is its ratio to the floor.\n"
        "\n"
        "- Every package has bytecode, as `millrace deploy` and `millrace package` make it. Chalice alone\n"
        "  makes none: that is the row **ours, from source**.\n"
        "- **least** is the floor with Millrace's frameworks: one route of Chalice, and one schema of\n"
        "  marshmallow with one field.\n"
        "- Millrace also switches off two things that take time: the AWS SDK's search for its models, and\n"
        "  garbage collection (`chalicelib/adapters/aws.py`, `chalicelib/__init__.py`). The others use the\n"
        "  defaults.\n",
        _table(
            list(side["cold"]),
            ["api", "processor", "package KB"],
            lambda name, what: _cold(side["cold"], name, what),
            {},
        ),
        "## Memory\n",
        _table(list(side["memory"]), ["peak MB"], lambda name, _: f"{side['memory'][name]:.0f}", {}),
    ]


def libraries(cases: dict[str, dict[str, float]]) -> list[str]:
    """Return the section on the events of client libraries."""
    columns = {"cpu_us": "µs of CPU", "of_equal": "of own form, equal size", "of_own": "of own form, the workload"}
    return [
        "## Processor: events of client libraries\n",
        "The requests were captured from the real libraries and filled with the workload's events: 12\n"
        "messages of 20 events per batch. The first column is the CPU time per event. The second column is\n"
        "its ratio to the same events in Millrace's own form, at the same stored size. The third column is\n"
        "its ratio to the workload in Millrace's own form, whose events are smaller. Ratios are medians over\n"
        "pairs of runs.\n",
        _table(
            list(cases),
            list(columns),
            lambda case, what: f"{cases[case][what]:,.{0 if what == 'cpu_us' else 2}f}",
            columns,
        ),
    ]


def _cost(recorded: dict[str, Any]) -> list[str]:
    return [
        "## Cost\n",
        "`millrace cost` shows Millrace's own bill line by line. The table shows the others, computed in the\n"
        "same way: dollars for a million events at list prices, with batches of ten messages and without\n"
        "storage.\n",
        _table(
            list(recorded),
            ["0", "1", "2"],
            lambda name, case: f"{bill.ingestion(recorded[name][int(case)], bill.Assumptions())['in all']:.2f}",
            {str(number): f"{row['events']} per POST" for number, row in enumerate(recorded["floor"])},
        ),
    ]


def _growth(growth: dict[str, Any]) -> list[str]:
    cases, partitions = growth["cases"], growth["partitions"]
    kinds = sorted({kind for limits in partitions.values() for kind in limits})
    return [
        "## How cost grows\n",
        "The figures are those of the processor for each event, with one event per message and 1,000 messages\n"
        "per batch (or as many as 6 MB hold).\n",
        _table(
            list(cases),
            ["cpu_us", "calls", "write_units"],
            lambda case, what: f"{cases[case][what]:,.3f}",
            {"cpu_us": "µs of CPU", "write_units": "write units"},
        ),
        f"Peak memory of that process: {growth['peak_megabytes']:.0f} MB.\n",
        "Each project and each event type of a batch has its own counters, marks and ledger entry. So a batch\n"
        "with a thousand projects writes a thousand of each. Such an event costs as much as an event that is\n"
        "alone in its project.\n",
        "### Where a partition gets hot\n",
        "A simulation with Millrace's own keys counts writes. The table shows how many events per second one\n"
        "project may send in one hour before its busiest partition reaches 1,000 write units per second,\n"
        "DynamoDB's limit. A day's shard has commit records and counters.\n",
        _table(list(partitions), kinds, lambda case, kind: f"{partitions[case].get(kind, float('nan')):,.0f}", {}),
    ]


_QUESTIONS = """\
The table shows the most expensive requests of each route, measured with a table in memory: calls, consistent read
units, CPU and the size of the answer. A request may take 29 s. A function has 0.29 of a core, and a call takes 10 ms.
"""


def aggregator(cases: dict[str, Any]) -> list[str]:
    """Return the section on the aggregator: one table with a row for each case and size."""
    columns = {"calls": "calls", "items": "items", "read": "read units", "write": "write units"}
    columns |= {"cpu_ms": "ms of CPU", "megabytes": "MB"}
    rows = {f"{size} {name}": figures for name, sizes in cases.items() for size, figures in sizes.items()}
    return [
        "## How the aggregator grows\n",
        "The flows and adapters were measured with a table in memory (`bench/reporting.py`), without\n"
        "botocore. The cases are reading the marks, a run over active projects, the report of one hour, the ledger,\n"
        "the quarantine, and a page deep in an hour. Items are those that queries read. MB is the largest memory use\n"
        "of Python.\n",
        _table(
            list(rows), list(columns), lambda row, what: f"{rows[row][what]:,.1f}" if what in rows[row] else "", columns
        ),
    ]


def questions(figures: dict[str, Any]) -> list[str]:
    """Return the section on the most expensive requests."""
    columns = {"calls": "calls", "read_units": "read units", "cpu_ms": "ms of CPU", "kilobytes": "KB"}
    return [
        "## The most expensive request of each route\n",
        _QUESTIONS,
        _table(list(figures), list(columns), lambda case, what: f"{figures[case][what]:,.0f}", columns),
    ]


_DRAINING = """\
The queue of a local stack is filled with the 10,000 requests of `examples/access.log.gz` while its workers are stopped.

- **drain**: the workers are started. The time runs from the first message until all chunks are committed and the queue
  is empty.
- **calls alone**: the calls of one drain to the emulator were recorded, including those to SQS. A client without any
  other work sends the same bytes again, to a fresh emulator in the same state.
- **while reports are made**: a drain during which the aggregator runs every 5 s, as with `make run`.

Drains and replays of calls take turns, and the ratio is the median over the rounds. Everything shares the same cores.
"""


def _draining(draining: dict[str, Any]) -> list[str]:
    columns = {
        "drain_seconds": "drain, s",
        "replay_seconds": "calls alone, s",
        "ratio": "calls alone / drain",
        "reporting_seconds": "while reports are made, s",
        "calls": "calls",
    }

    def cell(case: str, what: str) -> str:
        figure = draining[case][what]
        return f"{sum(figure.values()):,}" if what == "calls" else f"{figure:.2f}"

    return ["## Draining a full queue\n", _DRAINING, _table(list(draining), list(columns), cell, columns)]


def _latency(latency: dict[str, Any]) -> list[str]:
    rates = list(next(iter(latency.values())))
    columns = {f"{rate} {what}": f"{what} at {rate}" for rate in rates for what in ("p50", "p99", "p99.9")}

    def cell(name: str, column: str) -> str:
        rate, what = column.split()
        return f"{latency[name][rate][what]:.1f}"

    return [
        "## Latency\n",
        f"POSTs of one event arrive at constant rates of {' and '.join(rates)} per second. The table shows the\n"
        "time from the moment at which a request was due to its answer, in ms of wall time. The pipelines\n"
        "answer one request at a time over HTTP, against the stub. The local stack also runs its emulator,\n"
        "processes the events and makes reports every 5 s, on the same cores.\n",
        _table(list(latency), list(columns), cell, columns),
    ]


def _ratio(cases: dict[str, Any], name: str, case: str) -> float:
    ratio: float = cases[name][case]["cpu_us"] / cases["floor"][case]["cpu_us"]
    return ratio


def _cold(cold: dict[str, dict[str, float]], name: str, what: str) -> str:
    if what == "package KB":
        return f"{cold[name]['package_bytes'] / 1024:,.0f}"
    return f"{cold[name][what]:.0f} ({cold[name][what] / cold['floor'][what]:.2f})"


def _table(rows: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], str], titles: dict[str, str]) -> str:
    lines = [f"| | {' | '.join(titles.get(column, column) for column in columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(cell(row, column) for column in columns)} |" for row in rows]
    return "\n".join(lines) + "\n"
