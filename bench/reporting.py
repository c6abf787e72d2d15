"""Measures how the aggregator's cost grows: its flows and adapters run over an in-memory table.

It varies marks, projects, events of an hour, the ledger, the quarantine and deep pages. For each size it measures the
calls, read and write units, items of queries, CPU and memory of one run or one answer.

python -m bench.reporting [--largest] prints the figures.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bench.side_by_side import say
from chalicelib.adapters.agenda import Agenda
from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.counters import Counters
from chalicelib.adapters.hour_summaries import HourSummaryStore
from chalicelib.adapters.items import Item, key_item, number
from chalicelib.adapters.ledger_sums import LedgerSums
from chalicelib.adapters.marks import Marks, mark_parts
from chalicelib.adapters.quarantine import Quarantine
from chalicelib.adapters.report_store import ReportStore
from chalicelib.adapters.table import Table
from chalicelib.core import cursor, summary, table_keys, timestamps
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.event import EventRef
from chalicelib.core.failures import Quarantined
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.windows import DAY, HOUR, MINUTE, Window, join_minute
from chalicelib.flows.aggregate import aggregate
from chalicelib.flows.event_search import Position
from chalicelib.flows.quarantine import settle
from chalicelib.flows.query import find_events
from chalicelib.flows.reports import Reporter

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
_HISTORY = History(((datetime(1970, 1, 1, tzinfo=UTC), Lifetimes()),))
_PAGE_BYTES = 1_000_000
_SECRET = "none"  # noqa: S105 - of a table in memory
_MINUTE = MINUTE.name_of(timestamps.sortable(NOW))


class DoubleTable:
    """An in-memory DynamoDB for the aggregator's calls, with pages of 1 MB. `calls` and `units` count."""

    def __init__(self) -> None:
        self._keys: dict[str, list[str]] = {}
        self._items: dict[tuple[str, str], Item] = {}
        self.calls: Counter[str] = Counter()
        self.units: Counter[str] = Counter()

    def put(self, item: Item) -> None:
        key = item["pk"]["S"], item["sk"]["S"]
        if key not in self._items:
            keys = self._keys.setdefault(key[0], [])
            if not keys or keys[-1] < key[1]:
                keys.append(key[1])
            else:
                insort(keys, key[1])
        self._items[key] = item

    def _drop(self, pk: str, sk: str) -> None:
        if self._items.pop((pk, sk), None) is not None:
            keys = self._keys[pk]
            del keys[bisect_left(keys, sk)]

    def query(self, **asked: Any) -> Item:
        values = asked["ExpressionAttributeValues"]
        pk, first, after = (values.get(name, {}).get("S", "") for name in (":pk", ":first", ":after"))
        keys = self._keys.get(pk, [])
        start, end = bisect_left(keys, first), bisect_right(keys, after) if after else len(keys)
        is_backward = not asked.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in asked:
            reached = bisect_left(keys, asked["ExclusiveStartKey"]["sk"]["S"])
            start, end = (start, reached) if is_backward else (reached + 1, end)
        items: list[Item] = []
        size, last = 0, None
        for position in range(end - 1, start - 1, -1) if is_backward else range(start, end):
            if size >= _PAGE_BYTES or len(items) == asked.get("Limit", len(keys) + 1):
                last = items[-1]
                break
            items.append(self._items[pk, keys[position]])
            size += _size(items[-1])
        self._count("query", "read", size)
        self.calls["items"] += len(items)
        page: Item = {"Items": items, "ScannedCount": len(items)}
        return page | ({"LastEvaluatedKey": {"pk": last["pk"], "sk": last["sk"]}} if last else {})

    def get_item(self, Key: Item, **_: Any) -> Item:  # noqa: N803 - as boto3 names it
        item = self._items.get((Key["pk"]["S"], Key["sk"]["S"]))
        self._count("get_item", "read", _size(item or {}))
        return {"Item": item} if item else {}

    def batch_get_item(self, RequestItems: Item, **_: Any) -> Item:  # noqa: N803
        (name, asked), *_rest = RequestItems.items()
        found = [self._items.get((key["pk"]["S"], key["sk"]["S"])) for key in asked["Keys"]]
        self.calls["batch_get_item"] += 1
        for item in found:
            self._count("", "read", _size(item or {}))
        return {"Responses": {name: [item for item in found if item]}}

    def put_item(self, Item: Item, **_: Any) -> Item:  # noqa: N803
        self._count("put_item", "write", _size(Item))
        self.put(Item)
        return {}

    def update_item(self, **_: Any) -> Item:
        self._count("update_item", "write", 1000)
        return {}

    def delete_item(self, Key: Item, **_: Any) -> Item:  # noqa: N803
        self._count("delete_item", "write", 100)
        self._drop(Key["pk"]["S"], Key["sk"]["S"])
        return {}

    def transact_write_items(self, TransactItems: list[Item], **_: Any) -> Item:  # noqa: N803
        for part in TransactItems:
            ((kind, what),) = part.items()
            self._count("", "write", 2 * _size(what.get("Item", what.get("Key", {}))))
            if kind == "Put":
                self.put(what["Item"])
            elif kind == "Delete":
                self._drop(what["Key"]["pk"]["S"], what["Key"]["sk"]["S"])
            else:
                values = what["ExpressionAttributeValues"]
                self.put(what["Key"] | {name[1:]: value for name, value in values.items()})
        self.calls["transact_write_items"] += 1
        return {}

    def _count(self, call: str, kind: str, size: int) -> None:
        if call:
            self.calls[call] += 1
        self.units[kind] += max(1, -(-size // (4096 if kind == "read" else 1024)))


def _size(item: Item) -> int:
    return sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())


class _Nowhere:
    """A topic, a meter or a bucket's client that accepts everything."""

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        return lambda *_arguments, **_options: {}


class Stand:
    """The aggregator's ports over an in-memory table."""

    def __init__(self) -> None:
        self.client = DoubleTable()
        self.table = Table(self.client, "double")
        bucket = Bucket(_Nowhere, "bucket")
        reports = ReportStore(self.table, bucket)
        self.ports: dict[str, Any] = {
            "counters": Counters(self.table),
            "commits": CommitLog(self.table, lifetimes=lambda: _HISTORY),
            "reports": reports,
            "hour_summaries": HourSummaryStore(self.table, reports, bucket, retention=timedelta(days=35)),
            "topic": cast(Any, _Nowhere()),
            "lifetimes": _HISTORY,
        }

    def mark(self, project: str, hour: str, shard: int) -> None:
        [part] = mark_parts([(project, hour)], shard, int((NOW - timedelta(minutes=5)).timestamp()))
        self.client.put(
            part["Update"]["Key"]
            | {name[1:]: value for name, value in part["Update"]["ExpressionAttributeValues"].items()}
        )

    def record(self, project: str, number_of: int, events: int, *, users: int, minute: str = _MINUTE) -> None:
        """Add a commit record of a minute. The default is the running minute."""
        chunk_id = mint_chunk_id(NOW, minute, number_of.to_bytes(10, "big"))
        refs = [
            EventRef(f"{minute}:00.{each:06}Z", f"user-{(number_of * events + each) % users}", f"{number_of}-{each}")
            for each in range(events)
        ]
        packed = summary.pack({"page_view": refs}, {"page": {f"/{number_of % 50}": events}})
        item = key_item(table_keys.commit_record(project, chunk_id))
        self.client.put(item | {"s": {"B": packed}, "n": number(events), "k": number(events), "r": {"S": minute}})

    def aggregate(self) -> dict[str, int]:
        return aggregate(
            agenda=Agenda(self.table),
            marks=Marks(self.table),
            meter=cast(Any, _Nowhere()),
            now=NOW,
            **self.ports,
        )


def measured(stand: Stand, act: Callable[[], Any], *, traced: bool = True) -> dict[str, float]:
    """Return calls, units and CPU of an action, and its peak memory, which a slower second run measures."""
    gc.collect()
    stand.client.calls.clear()
    stand.client.units.clear()
    begun = time.process_time()
    act()
    seconds = time.process_time() - begun
    items = stand.client.calls.pop("items", 0)
    found: dict[str, float] = {"calls": stand.client.calls.total(), "cpu_ms": 1000 * seconds, **stand.client.units}
    found["items"] = items
    if traced:
        tracemalloc.start()
        act()
        found["megabytes"] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    return found


def _marks(number_of: int) -> dict[str, float]:
    """Measure a run with time for one portion of each project. One project has many marks on old hours, one has few."""
    stand, first = Stand(), datetime(1900, 1, 1, tzinfo=UTC)
    for each in range(number_of):
        stand.mark(
            "hostile", HOUR.name_of(timestamps.sortable(first + timedelta(hours=each))), each % table_keys.SHARDS
        )
    stand.mark("honest", HOUR.name_of(timestamps.sortable(NOW)), 0)

    def survey() -> None:
        turns = list(Agenda(stand.table).turns(after="", running_hour="2026-03-03T12", done=set()))
        assert [turn.project for turn in turns] == ["honest", "hostile"]

    return measured(stand, survey)


def _projects(number_of: int) -> dict[str, float]:
    """Measure active projects, each with marks in two shards and 20 records of 20 events in the running hour."""
    stand = Stand()
    running = HOUR.name_of(timestamps.sortable(NOW))
    for each in range(number_of):
        for shard in (each % 8, (each + 3) % 8):
            stand.mark(f"p{each:05}", running, shard)
        for record in range(20):
            stand.record(f"p{each:05}", record, 20, users=100)
    return measured(stand, stand.aggregate, traced=False)


def hour(events: int, *, a_record: int = 20, users: int = 50_000) -> dict[str, float]:
    """Measure the refresh of one hour. Above 100,000 events, the same records are read several times."""
    stand = Stand()
    records = min(events, 100_000) // a_record
    for each in range(records):
        stand.record("acme", each, a_record, users=users)
    times = max(1, events // 100_000)

    class Repeated:
        def sums(self, project: str, name: str) -> Iterator[Any]:
            for _ in range(times):
                yield from stand.ports["commits"].sums(project, name)

    reporter = Reporter(**{**stand.ports, "commits": cast(Any, Repeated())}, now=NOW)
    window = Window("acme", HOUR.name, HOUR.name_of(timestamps.sortable(NOW)))
    return measured(stand, lambda: reporter.refresh(window), traced=events <= 100_000)


def _ledger(projects: int) -> dict[str, float]:
    """Measure the ledger of 13 days. The number of projects should make no difference."""
    stand = Stand()
    for hours in range(13 * 24):
        name_of_hour = HOUR.name_of(timestamps.sortable(NOW - timedelta(hours=hours)))
        for shard in range(table_keys.SHARDS):
            item = key_item(table_keys.ledger(name_of_hour, shard))
            stand.client.put(item | {name: number(projects) for name in "cnkh"})
    return measured(stand, lambda: LedgerSums(stand.table).received("2026-02-18", "2026-03-04"))


def _quarantine(entries: int) -> dict[str, float]:
    """Measure the work of a run and of a status query for this many entries of the quarantine."""
    stand = Stand()
    bucket = Bucket(_Nowhere, "bucket")
    quarantine = Quarantine(stand.table, bucket, stand.ports["commits"])
    for each in range(entries):
        name, time_of = mint_chunk_id(NOW, _MINUTE, each.to_bytes(10, "big")), timestamps.sortable(NOW)
        quarantine.add(Quarantined("acme", name, "too_old", 20, time_of, time_of), "")

    def look() -> None:
        settle(quarantine)
        quarantine.received("2026-02-18", "2026-03-04")
        quarantine.count()
        quarantine.newest(10)

    return measured(stand, look, traced=entries == 10_000)


class _Bodies:
    """An event store that has every event."""

    def get_many(self, _project: str, refs: Sequence[EventRef]) -> list[dict[str, Any]]:
        return [{"timestamp": ref.time, "user_id": ref.user, "event_id": ref.event_id} for ref in refs]


def deep_page(events: int, *, a_record: int = 20, limit: int = 1000, traced: bool = True) -> dict[str, float]:
    """Measure a page in the middle of an hour with this many events."""
    stand, records = Stand(), events // a_record
    hour_name, middle = HOUR.name_of(_MINUTE), ""
    for each in range(records):
        minute = join_minute(hour_name, f"{each * 60 // records:02}")
        stand.record("acme", each, a_record, users=1000, minute=minute)
        if each == records // 2:
            middle = mint_chunk_id(NOW, minute, each.to_bytes(10, "big"))
    stand.client.put(key_item(table_keys.day("acme", DAY.name_of(_MINUTE), 0)))
    position = Position(EventRef(f"{hour_name}~", "", ""), table_keys.place_of_record(middle))
    question = ("events", "acme", None, None, "", "~")
    asked = {"limit": str(limit), "cursor": cursor.seal(position.parts(), question=question, secret=_SECRET)}
    wanted = {name: stand.ports[name] for name in ("counters", "commits")}

    def ask() -> None:
        page = find_events(asked, project="acme", events=cast(Any, _Bodies()), secret=_SECRET, now=NOW, **wanted)
        assert len(page["events"]) == limit

    return measured(stand, ask, traced=traced)


CASES: dict[str, tuple[Callable[[int], dict[str, float]], tuple[int, ...], tuple[int, ...]]] = {
    "marks of one project": (_marks, (10, 1_000, 30_000), (1_000_000,)),
    "active projects": (_projects, (1, 10, 100), (2_000, 10_000)),
    "events of an hour": (hour, (1_000, 10_000, 100_000), (1_000_000, 5_000_000)),
    "projects in the ledger": (_ledger, (1, 10_000), ()),
    "entries of the quarantine": (_quarantine, (1, 100, 10_000), (100_000,)),
    "events of an hour, a page in its middle": (deep_page, (3_000, 100_000), (650_000,)),
}


def main() -> None:
    """Print the section of docs/benchmarks.md. With --largest, include all sizes."""
    from bench import report

    sys.stdout.write("\n".join(report.aggregator(run(largest="--largest" in sys.argv))))


def run(*, largest: bool) -> dict[str, dict[str, dict[str, float]]]:
    """Return calls, units, CPU and memory by case and size. `largest`: include unusual sizes, which takes minutes."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, (act, sizes, large) in CASES.items():
        for size in (*sizes, *(large if largest else ())):
            say(f"aggregator: {size:,} {name}")
            found.setdefault(name, {})[f"{size:,}"] = act(size)
    return found


if __name__ == "__main__":
    main()
