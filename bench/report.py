"""Writes docs/benchmarks.md: the figures of one run, as tables with ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
    parts = [_HEAD.format(**facts), *_side_by_side(side)]
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
        "## Cold start, memory, package\n",
        "Import and first answer in a fresh process, less the interpreter's own start: ms of CPU (times the floor).\n",
        _table(
            list(side["cold"]),
            ["api", "processor", "peak MB", "package KB"],
            lambda name, what: _footprint(side, name, what),
            {},
        ),
    ]


def _ratio(cases: dict[str, Any], name: str, case: str) -> float:
    ratio: float = cases[name][case]["cpu_us"] / cases["floor"][case]["cpu_us"]
    return ratio


def _footprint(side: dict[str, Any], name: str, what: str) -> str:
    if what == "peak MB":
        return f"{side['memory'][name]:.0f}"
    if what == "package KB":
        return f"{side['package_bytes'][name] / 1024:,.0f}"
    return f"{side['cold'][name][what]:.0f} ({side['cold'][name][what] / side['cold']['floor'][what]:.2f})"


def _table(rows: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], str], titles: dict[str, str]) -> str:
    lines = [f"| | {' | '.join(titles.get(column, column) for column in columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(cell(row, column) for column in columns)} |" for row in rows]
    return "\n".join(lines) + "\n"
