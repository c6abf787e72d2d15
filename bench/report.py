"""Writes docs/benchmarks.md: the figures of one run, as tables with ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from millrace.pricing import bill

_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. {date}, CPython {python}, {machine}.

Four pipelines and a floor in one run, interleaved, each in a process of its own, against the same stub of AWS
on the loopback (`millrace/pricing/`), which answers with the least that is valid and counts. CPU is process
time (user and system, all threads), never wall time; each figure is the median of {rounds} rounds. The
absolute figures say little about another machine. The ratios do.

- **ours**: the handlers of `app.py`, as Lambda calls them.
- **reference**: the shape of the usual sample (Chalice, marshmallow, boto3): a message for each event, and for
  each message one PutItem and one S3 object.
- **powertools**: an idiomatic pipeline on Powertools for AWS Lambda: event handler, pydantic parser, batch
  processor, an idempotent function with DynamoDB for each message. **packed**: the same with 100 events a message.
- **floor**: the least code that moves the same bytes with botocore: no validation, no duplicate checks, no
  counters to speak of, and errors are nobody's business.

Their code is in `bench/contestants/`.
"""


def write(results: dict[str, Any], **facts: Any) -> str:
    """The whole document."""
    side = results["side_by_side"]
    parts = [
        _HEAD.format(**facts),
        *_side_by_side(side),
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

    titles = {case: f"{case.split()[1]} a POST" for case in ingestion}
    titles |= {case: "{} x {}".format(*case.split()[1].split("x")) for case in processing}
    return [
        "## Ingestion: µs of CPU for each event (and times the floor)\n",
        _table(names, ingestion, with_ratio, titles),
        "## Processor: µs of CPU for each event (and times the floor), messages x events\n",
        "Where an event is a message, the same events come as 20 times as many messages.\n",
        _table(names, processing, with_ratio, titles),
        "## Processor: AWS calls for each event\n",
        _table(names, processing, figure("calls", 3), titles),
        "## Processor: write units for each event\n",
        _table(names, processing, figure("write_units", 2), titles),
        "## Cold start\n",
        "Import and first answer in a fresh process, less the interpreter's own start, of what Lambda would unpack: ms "
        "of CPU (times the floor). Every package has bytecode, as `millrace deploy` and `package` make it; Chalice by "
        "itself leaves it out (ours, from source). **least** is the floor with what the project is bound to: one route "
        "of Chalice, one schema of marshmallow with one field. Ours also keeps the AWS SDK's search for its models and "
        "garbage collection out of the way (`chalicelib/adapters/aws.py`, `chalicelib/__init__.py`); the others have "
        "both as they come.\n",
        _table(
            list(side["cold"]),
            ["api", "processor", "package KB"],
            lambda name, what: _cold(side["cold"], name, what),
            {},
        ),
        "## Memory\n",
        _table(list(side["memory"]), ["peak MB"], lambda name, _: f"{side['memory'][name]:.0f}", {}),
    ]


def _cost(recorded: dict[str, Any]) -> list[str]:
    return [
        "## Cost\n",
        "`millrace cost` prices ours, by line and with what-ifs. The others in the same terms, at batches of ten: "
        "dollars for a million events, list prices, without keeping them.\n",
        _table(
            list(recorded),
            ["0", "1", "2"],
            lambda name, case: f"{bill.ingestion(recorded[name][int(case)], bill.Assumptions())['in all']:.2f}",
            {str(number): f"{row['events']} a POST" for number, row in enumerate(recorded["floor"])},
        ),
    ]


def _growth(growth: dict[str, Any]) -> list[str]:
    cases, partitions = growth["cases"], growth["partitions"]
    kinds = sorted({kind for limits in partitions.values() for kind in limits})
    return [
        "## How cost grows\n",
        "The processor, one event a message, 1,000 messages a batch (or as many as 6 MB hold), for each event.\n",
        _table(
            list(cases),
            ["cpu_us", "calls", "write_units"],
            lambda case, what: f"{cases[case][what]:,.3f}",
            {"cpu_us": "µs of CPU", "write_units": "write units"},
        ),
        f"Peak memory of that process: {growth['peak_megabytes']:.0f} MB.\n",
        "Every project and every type of a batch has its own counters, marks and ledger entry, so a batch of a "
        "thousand projects writes a thousand of each: the cost of an event that is alone in its project.\n",
        "### Where a partition gets hot\n",
        "By simulation with the keys of the product: the events a second that one project may send, all for one "
        "hour, until its busiest partition takes the 1,000 write units a second that DynamoDB gives it. A day's "
        "shard holds commit records and counters.\n",
        _table(list(partitions), kinds, lambda case, kind: f"{partitions[case].get(kind, float('nan')):,.0f}", {}),
    ]


_QUESTIONS = """\
What a question reads and computes at most, on a table in memory behind the product's own client: calls, consistent
read units, CPU and the size of the answer. An answer has 29 s of a function with 0.29 of a core; a call takes 10 ms.
"""


def aggregator(cases: dict[str, Any]) -> list[str]:
    """The section on the aggregator: one table with a row for each case and size."""
    columns = {"calls": "calls", "items": "items", "read": "read units", "write": "write units"}
    columns |= {"cpu_ms": "ms of CPU", "megabytes": "MB"}
    rows = {f"{size} {name}": figures for name, sizes in cases.items() for size, figures in sizes.items()}
    return [
        "## How the aggregator grows\n",
        "Its flows and adapters over a double of the table in memory (`bench/reporting.py`), without botocore: a look "
        "at the marks, a run over active projects, one hour's report, the ledger, the quarantine, a page deep in an hour. "
        "Items: those that queries read. MB: the most that Python held.\n",
        _table(
            list(rows), list(columns), lambda row, what: f"{rows[row][what]:,.1f}" if what in rows[row] else "", columns
        ),
    ]


def questions(figures: dict[str, Any]) -> list[str]:
    """The section on the worst questions."""
    columns = {"calls": "calls", "read_units": "read units", "cpu_ms": "ms of CPU", "kilobytes": "KB"}
    return [
        "## The worst question of each route\n",
        _QUESTIONS,
        _table(list(figures), list(columns), lambda case, what: f"{figures[case][what]:,.0f}", columns),
    ]


_DRAINING = """\
The queue of the local stack is filled with the 10,000 requests of `examples/access.log.gz`, its trigger not
started. **drain**: a stack started on that state, from the first message in flight until all is committed and the
queue is empty. **calls alone**: what draining sends to the emulator, SQS included, was recorded once for each
worker; it is replayed, over as many plain sockets, from a client that does nothing but send ready bytes (and the
receipt handles that it was given), to a fresh emulator in the same state. Drains and replays alternate; the ratio is
the median of the rounds' own. Everything shares the cores. **while reports are made**: a drain with the aggregator
at work every 5 s, as `make run` has it; its calls are not among the replayed.
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
        f"POSTs of one event at constant arrival rates of {' and '.join(rates)} a second, from the moment a request "
        "was due, in ms of wall time. Contestants answer one request at a time over HTTP, against the stub; the "
        "local stack runs its emulator, processes the events and makes reports every 5 s meanwhile, on the same "
        "cores.\n",
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
