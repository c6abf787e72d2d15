"""Measures how the processor's cost grows with projects, types, sizes and backlog, and simulates hot partitions."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from bench.side_by_side import say
from chalicelib.core import table_keys, timestamps
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.event import EventRef
from chalicelib.core.windows import HOUR, MINUTE
from millrace.pricing import recording
from millrace.pricing.recording import Worker, cut, per_event
from millrace.pricing.stub import Stub
from millrace.pricing.units import write_units

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
_PARTITION_WRITE_UNITS = 1000
_MESSAGES = 1000
# A commit record of the workload, whose ids are UUIDs, has 937 bytes with 20 events and 2,809 with 90.
_RECORD_BYTES, _REFERENCE_BYTES = 350, 30


def run(*, quick: bool) -> dict[str, Any]:
    """Return CPU, calls, write units and log bytes per event for each case, and the memory for a backlog."""
    cases: dict[str, dict[str, float]] = {}
    with Stub() as stub:
        worker = Worker(recording.OURS, stub)
        for projects in (1, 10, 100, 1000):
            say(f"growth: {projects} projects")
            cases[f"{projects:,} projects"] = _processed(worker, {}, lambda bodies, n=projects: _spread(bodies, n))  # type: ignore[misc]
        for types in (1, 100, 10_000):
            say(f"growth: {types} types")
            cases[f"{types:,} types"] = _processed(worker, {"types": types})
        for size in (1_000, 10_000, 30_000):
            say(f"growth: {size} bytes")
            cases[f"{size // 1000} KB events"] = _processed(worker, {"event_bytes": size}, messages=150)
        batches = 5 if quick else 100
        say(f"growth: a backlog of {batches * _MESSAGES} messages")
        cases[f"backlog of {batches * _MESSAGES:,}"] = _processed(worker, {}, repeat=batches)
        peak = worker.end()
    return {"cases": cases, "peak_megabytes": peak, "partitions": partitions()}


def _processed(
    worker: Worker,
    traffic: dict[str, int],
    change: Callable[[list[str]], list[str]] = lambda bodies: bodies,
    *,
    messages: int = _MESSAGES,
    repeat: int = 1,
) -> dict[str, float]:
    """Process messages of one event each, in batches of a thousand or as many as fit. Return the cost per event."""
    worker.ask(traffic=traffic)
    batches = cut(change(worker.ask(posts=messages, events=1)["messages"]), messages) * repeat
    worker.ask(batches=batches[:1])
    return per_event(worker.ask(batches=batches), messages * repeat)


def _spread(bodies: list[str], projects: int) -> list[str]:
    """Return the same chunks, spread over a number of projects."""
    documents = [json.loads(body) for body in bodies]
    return [
        json.dumps({**document, "project": f"p{number % projects}"}, separators=(",", ":"))
        for number, document in enumerate(documents)
    ]


def partitions(events: int = 40_000) -> dict[str, dict[str, float]]:
    """Return the events per second of one project at which its busiest partition of each kind is full.

    This is a simulation with the keys of the product. A full partition takes all write units that DynamoDB allows.
    """
    limits: dict[str, dict[str, float]] = {}
    for users in ("even users", "half from one user"):
        for per_post, per_batch in ((1, 10), (1, 1000), (20, 10)):
            load = _load(events, per_post=per_post, per_batch=per_batch, skewed=users != "even users")
            busiest: dict[str, int] = {}
            for (kind, _), units in load.items():
                busiest[kind] = max(busiest.get(kind, 0), units)
            case = f"{per_post} per POST, {per_batch} per batch, {users}"
            limits[case] = {kind: _PARTITION_WRITE_UNITS * events / units for kind, units in busiest.items()}
    return limits


def _load(events: int, *, per_post: int, per_batch: int, skewed: bool) -> Counter[tuple[str, str]]:
    """Return write units by kind and partition key, if all events come within one hour of one project."""
    chance = random.Random(7)  # noqa: S311 - a simulation
    now = datetime.now(UTC)
    hour, minute = (grain.name_of(timestamps.sortable(now)) for grain in (HOUR, MINUTE))
    units: Counter[tuple[str, str]] = Counter()
    for number in range(events):
        user = "busy" if skewed and number % 2 else f"user-{chance.randrange(5000)}"
        units[
            "events of a user",
            table_keys.event_item("p", EventRef(timestamps.sortable(now), user, str(number))).pk,
        ] += 2 if per_post == 1 else 1  # a single is written in a transaction
    chunk_ids = [mint_chunk_id(now, minute, chance.randbytes(10)) for _ in range(events // per_post)]
    for batch in _batches(chunk_ids, per_batch):
        for group in _batches(batch, 90):  # the rest of a transaction is for counters, marks and others
            shard = chance.randrange(table_keys.SHARDS)
            for chunk_id in group[:1] if per_post == 1 else group:  # singles share one record
                size = _RECORD_BYTES + _REFERENCE_BYTES * (len(group) if per_post == 1 else per_post)
                units["commit records", table_keys.commit_record("p", chunk_id).pk] += 2 * write_units(size)
            for event_type in range(6):
                units["counters", table_keys.counter("p", hour, str(event_type), shard).pk] += 2
            units["marks of hours", table_keys.mark("p", hour, hour, shard).pk] += 2
            units["ledger", table_keys.ledger(hour, shard).pk] += 2
    for (kind, pk), number in list(units.items()):
        if kind in ("commit records", "counters"):  # they share their partitions
            units["a day's shard", pk] += number
    return units


def _batches(items: list[str], size: int) -> Iterable[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
