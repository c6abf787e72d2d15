"""Sends files of events so that sending one again changes nothing, and adds up what became of them."""

from __future__ import annotations

import gzip
import json
import math
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from io import BufferedReader
from typing import Any, Protocol

from chalicelib.core import limits
from chalicelib.core.event import stable_id
from millrace.command_error import CommandError
from millrace.io import apache_log
from millrace.io.client import Client

_WAIT_SECONDS = 0.2
_ASK_AT_ONCE = 20


@dataclass
class Totals:
    """`stored` and `duplicates` come from the receipts of chunks; the last two count chunks, not events."""

    lines: int = 0
    unreadable: int = 0
    accepted: int = 0
    rejected: int = 0
    stored: int = 0
    duplicates: int = 0
    chunks_in_flight: int = 0
    chunks_quarantined: int = 0
    chunks: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.unreadable or self.rejected or self.chunks_in_flight or self.chunks_quarantined)

    def to_json(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if name != "chunks"}


def read_line_json(line: str) -> dict[str, Any]:
    """The event of a line of JSON. Raises ValueError."""
    event = json.loads(line, parse_constant=_refuse, parse_float=_finite)
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for every unreadable line
    return event


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(f"{digits} is beyond what a number can hold")
    return number


READERS: dict[str, Callable[[str], dict[str, Any]]] = {"json": read_line_json, "combined": apache_log.read_line}


def open_lines(stream: BufferedReader) -> Iterator[bytes]:
    """The lines of a stream, inflated if it starts like gzip."""
    if not stream.peek(2).startswith(b"\x1f\x8b"):
        yield from stream
        return
    try:
        with gzip.open(stream) as plain:
            yield from plain
    except (EOFError, OSError, zlib.error) as error:
        raise CommandError(
            f"The gzip file is damaged ({error}). What came before was sent; it may be sent again."
        ) from error


def read_events(
    lines: Iterable[bytes], format_name: str, report: Callable[[str], None], totals: Totals
) -> Iterator[dict[str, Any]]:
    """The events of the lines. One without an id gets one from its line, so that it is always the same;
    equal lines stay different events.
    """
    read, seen = READERS[format_name], Counter[str]()
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        totals.lines += 1
        try:
            line = raw.decode("utf-8").rstrip("\r\n")
            event = read(line)
        except (ValueError, RecursionError) as error:
            totals.unreadable += 1
            report(f"line {number}: {error}")
            continue
        if event.get("event_id") is None:
            seen[line] += 1
            event["event_id"] = stable_id(line, str(seen[line]))
        yield event


def send(
    client: Client, events: Iterable[dict[str, Any]], report: Callable[[str], None], totals: Totals
) -> Iterator[int]:
    """Send in batches; yields the size of each when it is answered."""
    for batch in _batches(events):
        reply = client.post_events(batch)
        totals.accepted += reply["accepted"]
        totals.rejected += reply["rejected"]
        totals.chunks += reply["chunks"]
        for verdict in reply["events"]:
            if verdict["status"] == "rejected":
                report(f"rejected: {verdict['message']} {json.dumps(batch[verdict['index']])[:200]}")
        yield len(batch)


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        event_size = len(json.dumps(event)) + 2
        if batch and (len(batch) == limits.MAX_CHUNK_EVENTS or size + event_size > limits.MAX_BODY_BYTES // 2):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event_size
    if batch:
        yield batch


class Receipts(Protocol):
    """What the receipts of `chunks` add up to."""

    stored: int
    duplicates: int
    chunks_in_flight: int
    chunks_quarantined: int

    @property
    def chunks(self) -> Iterable[str]: ...


def collect_receipts(
    receipt_of: Callable[[str], dict[str, Any]], totals: Receipts, wait_seconds: float
) -> Iterator[int]:
    """Ask for every chunk's receipt until all are committed or the time is over; yields how many are."""
    waiting, deadline = list(totals.chunks), time.monotonic() + wait_seconds
    while waiting:
        # The oldest first, and no further than a few that are in flight: the rest is younger.
        still: list[str] = []
        while waiting and len(still) < _ASK_AT_ONCE:
            chunk_id = waiting.pop(0)
            receipt = receipt_of(chunk_id)
            if receipt["status"] == "in_flight":
                still.append(chunk_id)
                continue
            totals.stored += receipt.get("stored", 0)
            totals.duplicates += receipt.get("duplicates", 0)
            totals.chunks_quarantined += receipt["status"] == "quarantined"
            yield 1
        waiting = still + waiting
        if still and time.monotonic() > deadline:
            break
        if still:
            time.sleep(_WAIT_SECONDS)
    totals.chunks_in_flight = len(waiting)
