"""Measures the most expensive query of each route: the most that it can read and compute on any data.

python -m bench.questions prints the figures.
"""

from __future__ import annotations

import base64
import json
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config

from bench.side_by_side import say
from chalicelib.adapters.event_item import event_item
from chalicelib.adapters.items import Item, key_item, key_of, number
from chalicelib.adapters.report_store import report_item
from chalicelib.core import counting, limits, table_keys, timestamps
from chalicelib.core.chunk import Sender, pack
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.counting import HourCounter
from chalicelib.core.event import Event
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.rejection import MAX_KEPT_EVENTS, RejectedPost
from chalicelib.core.report import Report
from chalicelib.core.windows import DAY, Window, join_hour
from chalicelib.errors import Problem
from chalicelib.flows import query
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline
from millrace.pricing import units

_PROJECT, _SECRET = "default", "s"
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
_PAGE_BYTES = 1024 * 1024
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_TYPES = [f"type {number}" for number in range(10)]


class Table:
    """An in-memory table behind the product's own client. It answers reads as DynamoDB does, and counts them."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        self.calls, self.read_units = 0, 0.0

    def put(self, item: Item) -> None:
        """Store an item in the form of a request."""
        key = key_of(item)
        text = json.dumps(item, default=lambda raw: base64.b64encode(raw).decode())
        self._partitions[key.pk][key.sk] = json.loads(text)

    def answer(self, request: AWSRequest, **_: Any) -> AWSResponse:
        """Answer in place of the network, as a handler of botocore's `before-send`."""
        operation = request.headers["X-Amz-Target"]
        name = (operation.decode() if isinstance(operation, bytes) else operation).rpartition(".")[2]
        self.calls += 1
        document = getattr(self, f"_{name}")(json.loads(request.body))
        body = json.dumps(document).encode()
        return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, _Raw(body))

    def _count(self, size: int) -> None:
        self.read_units += units.read_units(size, consistent=True)

    def _GetItem(self, call: Item) -> Item:  # noqa: N802 - operations are found by their AWS names
        item = self._partitions[call["Key"]["pk"]["S"]].get(call["Key"]["sk"]["S"])
        self._count(units.item_bytes(item) if item else 0)
        return {"Item": item} if item else {}

    def _BatchGetItem(self, call: Item) -> Item:  # noqa: N802
        ((name, asked),) = call["RequestItems"].items()
        found = [item for key in asked["Keys"] if (item := self._GetItem({"Key": key}).get("Item"))]
        return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def _PutItem(self, call: Item) -> Item:  # noqa: N802
        self.put(call["Item"])
        return {}

    def _Query(self, call: Item) -> Item:  # noqa: N802
        values = {name: value["S"] for name, value in call["ExpressionAttributeValues"].items() if "S" in value}
        partition = self._partitions[values[":pk"]]
        names = sorted(partition)
        first, after = values.get(":first", ""), values.get(":after", "\U0010ffff")
        names = names[bisect_left(names, first) : bisect_left(names, after)]
        if not call.get("ScanIndexForward", True):
            names.reverse()
        if start := call.get("ExclusiveStartKey"):
            names = names[names.index(start["sk"]["S"]) + 1 :]
        page: list[Item] = []
        size, read = 0, 0
        for name in names:
            size, read = size + units.item_bytes(partition[name]), read + 1
            if ":t" not in values or partition[name].get("t", {}).get("S") == values[":t"]:
                page.append(partition[name])
            if size >= _PAGE_BYTES or read == call.get("Limit"):
                break
        self._count(size)
        last = key_item(key_of(partition[names[read - 1]])) if read < len(names) else None
        return {"Items": page, "Count": len(page), "ScannedCount": read, **({"LastEvaluatedKey": last} if last else {})}


class _Raw(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class _Stage(Pipeline):
    """The product's wiring with an in-memory table."""

    def __init__(self, table: Table) -> None:
        super().__init__(Settings("queue", "table", "bucket", "topic", "secret", is_open=True))
        session = boto3.session.Session("key", "secret", region_name="us-east-1")
        self._only = session.client("dynamodb", config=Config(parameter_validation=False))
        self._only.meta.events.register("before-send.dynamodb", table.answer)

    def client(self, _service: str, *_more: Any) -> Any:
        return self._only


def run() -> dict[str, dict[str, float]]:
    """Return, for each query, its calls, consistent read units, ms of CPU, and the KB of its answer."""
    return {name: _measured(name, fill, ask) for name, (fill, ask) in _QUESTIONS.items()}


def _measured(name: str, fill: Callable[[Table, _Stage], None], ask: Callable[[_Stage], Any]) -> dict[str, float]:
    say(f"questions: {name}")
    table = Table()
    stage = _Stage(table)
    fill(table, stage)
    ask(_Stage(Table()))  # imports the modules first
    table.calls, table.read_units, began = 0, 0.0, time.process_time()
    size = len(json.dumps(ask(stage)))
    cpu = (time.process_time() - began) * 1000
    return {"calls": table.calls, "read_units": table.read_units, "cpu_ms": cpu, "kilobytes": size / 1000}


def _days(number_of: int) -> Iterator[str]:
    for day in range(number_of):
        yield f"{_FIRST + timedelta(days=day):%Y-%m-%d}"


def _summed(days: int) -> Callable[[Table, _Stage], None]:
    """Return a function that adds days with totals: ten types in every quarter of an hour."""
    hours = [f"2020-01-01T{hour:02}" for hour in range(24)]
    quarters = dict.fromkeys(("00", "15", "30", "45"), 1000)
    totals = {
        "B": counting.pack_totals(
            (HourCounter(hour, each, quarters) for hour in hours for each in _TYPES), at_most=10**6
        )
    }

    def fill(table: Table, _stage: _Stage) -> None:
        for day in _days(days):
            table.put(key_item(table_keys.day(_PROJECT, day, 0)))
            table.put(key_item(table_keys.day_totals(_PROJECT, day)) | {"v": number(1), "b": totals})

    return fill


def _counted(days: int) -> Callable[[Table, _Stage], None]:
    """Return a function that adds days without totals, whose counters are in all shards."""

    def fill(table: Table, _stage: _Stage) -> None:
        minutes = {f"m{minute:02}": number(1000) for minute in range(0, 60, 15)}
        for day in _days(days):
            for shard in range(table_keys.SHARDS):
                table.put(key_item(table_keys.day(_PROJECT, day, shard)))
                for hour in range(24):
                    for event_type in _TYPES:
                        key = table_keys.counter(_PROJECT, join_hour(day, f"{hour:02}"), event_type, shard)
                        table.put(key_item(key) | minutes)

    return fill


def _events(number_of: int) -> Callable[[Table, _Stage], None]:
    def fill(table: Table, _stage: _Stage) -> None:
        for index in range(number_of):
            event = Event(
                event_id=f"{index:032x}", event_type="view", user_id="ann", guarded=True, context={},
                time=timestamps.sortable(_FIRST + timedelta(minutes=index)), properties={"text": f"{index:x}" * 100},
            )  # fmt: skip
            ((chunk, _),) = pack([event], sender=Sender(_PROJECT, _FIRST), repeats={}, mint=_mint)
            body = StoredEvent.of(event, chunk).body(event, chunk)
            key = table_keys.event_item(_PROJECT, event.ref)
            table.put(event_item(key, chunk.owner, event.event_type, body, timedelta(days=400)))

    return fill


def _mint(minute: str) -> str:
    return mint_chunk_id(_FIRST, minute, bytes(10))


def _reports(number_of: int) -> Callable[[Table, _Stage], None]:
    """Return a function that adds reports with the most types that a report lists."""
    content: dict[str, Any] = {"complete": True, "events": 1, "unique_users": 1, "top": {}}
    content |= {"counts": dict.fromkeys(map(str, range(3000)), 1)}

    def fill(table: Table, _stage: _Stage) -> None:
        for name in _days(number_of):
            item = report_item(Report(Window(_PROJECT, DAY.name, name), 1, content, published=1))
            table.put(item)

    return fill


def _rejections(number_of: int) -> Callable[[Table, _Stage], None]:
    row = {"index": 0, "code": "too_large", "field": None, "message": "x", "accepted": False, "event": "x" * 1000}

    def fill(_table: Table, stage: _Stage) -> None:
        for number_ in range(number_of):
            name = f"{timestamps.sortable(_FIRST + timedelta(seconds=number_))}#{number_:016x}"
            stage.rejection_log.keep(RejectedPost(_PROJECT, name, (row,) * MAX_KEPT_EVENTS))

    return fill


def _count(**asked: str) -> Callable[[_Stage], Any]:
    return lambda stage: _answered(
        lambda: query.count(asked, project=_PROJECT, counters=stage.counters, marks=stage.marks)
    )


def _find_events(**asked: str) -> Callable[[_Stage], Any]:
    return lambda stage: query.find_events(
        asked,
        project=_PROJECT,
        events=stage.events,
        counters=stage.counters,
        commits=stage.commits,
        secret=_SECRET,
        now=_FIRST,
    )


def _answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Problem as problem:
        return {"code": problem.code, "message": problem.message, **problem.extra}


_QUESTIONS: dict[str, tuple[Callable[[Table, _Stage], None], Callable[[_Stage], Any]]] = {
    f"/counts by day, {limits.MAX_COUNT_DAYS:,} days summed up": (
        _summed(limits.MAX_COUNT_DAYS), _count(grain="day"),
    ),
    "/counts by hour, a year summed up": (_summed(365), _count(grain="hour")),
    f"/counts by day, {limits.MAX_COUNTED_DAYS} days not summed up, in 8 shards": (
        _counted(limits.MAX_COUNTED_DAYS), _count(grain="day"),
    ),
    "/counts by day, refused: 3,000 days": (_summed(3000), _count(grain="day")),
    "/events of a type that there is not, 365 days": (_summed(365), _find_events(event_type="none")),
    f"/events of a user and a rare type, {limits.MAX_EXAMINED:,} read": (
        _events(limits.MAX_EXAMINED + 1), _find_events(user_id="ann", event_type="rare"),
    ),
    f"/events of a user, {limits.MAX_PAGE:,} of them": (
        _events(limits.MAX_PAGE + 1), _find_events(user_id="ann", limit=str(limits.MAX_PAGE)),
    ),
    "/reports by day, with thousands of types": (
        _reports(1000),
        lambda stage: query.find_reports(
            {"grain": DAY.name, "limit": "1000"}, project=_PROJECT, reports=stage.reports, secret=_SECRET
        ),
    ),
    f"/rejections of a code that there is not, {limits.MAX_EXAMINED:,} POSTs read": (
        _rejections(limits.MAX_EXAMINED + 1),
        lambda stage: query.find_rejections(
            {"code": "too_deep"}, project=_PROJECT, rejections=stage.rejection_log, secret=_SECRET
        ),
    ),
}  # fmt: skip


def main() -> None:
    for name, figures in run().items():
        print(  # noqa: T201
            f"{figures['calls']:6,} calls {figures['read_units']:9,.0f} units {figures['cpu_ms']:7,.0f} ms of CPU "
            f"{figures['kilobytes']:6,.0f} KB  {name}"
        )


if __name__ == "__main__":
    main()
