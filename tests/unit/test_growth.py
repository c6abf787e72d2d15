"""What the aggregator's cost grows with, and what it does not: on the double of the table that `make bench` uses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bench.reporting import CASES, Stand, deep_page, hour
from builders import NOW, make_chunk, make_event
from chalicelib.adapters.event_item import event_item
from chalicelib.adapters.event_store import EventStore
from chalicelib.adapters.rejection_log import RejectionLog
from chalicelib.adapters.report_store import report_item
from chalicelib.core import limits, table_keys
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.rejection import RejectedPost
from chalicelib.core.report import Report
from chalicelib.core.windows import Window
from chalicelib.flows.quarantine import SETTLE_AT_ONCE
from chalicelib.flows.query import find_events, find_rejections, find_reports

#: Calls that an active project takes in a run, with its hour and its day.
CALLS_A_PROJECT = 25
ROW: Any = {"field": None, "message": "", "accepted": False, "event": "{}"}
#: Which a question about one user does not ask.
NO_PORTS: Any = {"counters": None, "commits": None}


def test_the_marks_of_one_project_cost_no_memory_and_two_pages_of_each_shard() -> None:
    act, *_ = CASES["marks of one project"]
    few, many = act(1_000), act(12_000)
    assert many["megabytes"] < 2 * few["megabytes"] < 2
    assert many["calls"] <= 8 * 2 + 2


def test_each_active_project_costs_the_same() -> None:
    act, *_ = CASES["active projects"]
    one, more = act(1), act(11)
    assert (more["calls"] - one["calls"]) / 10 <= CALLS_A_PROJECT
    assert (more["write"] - one["write"]) / 10 <= 15


def test_an_hour_is_held_as_its_users_and_values_and_not_as_its_events() -> None:
    few, many = (hour(events, users=500) for events in (2_000, 20_000))
    assert many["megabytes"] < 3 * few["megabytes"]
    assert many["calls"] == few["calls"]


def test_the_ledger_takes_eight_queries_whatever_the_number_of_projects() -> None:
    act, *_ = CASES["projects in the ledger"]
    assert act(1)["calls"] == act(10_000)["calls"] == 8


def test_a_run_and_a_look_at_the_status_read_a_portion_of_the_quarantine_however_large_it_is() -> None:
    act, *_ = CASES["entries of the quarantine"]
    many, more = act(2_500), act(5_000)
    assert many["items"] == more["items"] <= SETTLE_AT_ONCE + 3 * table_keys.SHARDS + 10
    assert many["calls"] == more["calls"]


def test_a_page_reads_a_bounded_number_of_records_in_vain_however_large_its_hour_is() -> None:
    in_vain = table_keys.SHARDS * limits.MAX_PAGE_RECORDS
    for a_record, sizes in ((1, (2_500, 5_000)), (20, (4_000, 16_000))):
        small, large = (deep_page(events, a_record=a_record, traced=False) for events in sizes)
        shown = 1000 // a_record
        assert max(small["items"], large["items"]) <= shown + in_vain + 2
        assert large["calls"] <= small["calls"] + table_keys.SHARDS


def test_a_page_of_one_report_or_rejection_reads_two_items() -> None:
    stand, question = Stand(), {"limit": "1"}
    log = RejectionLog(stand.table, retention=timedelta(days=7))
    for day in range(10, 20):
        window, name = Window("acme", "day", f"2026-03-{day}"), f"2026-03-{day}T10:00:00.000000Z#1"
        stand.client.put(report_item(Report(window, 1, {})))
        log.keep(RejectedPost("acme", name, ({"index": 0, "code": "x", **ROW},), 0))
    asked: Any = {"project": "acme", "secret": "s"}
    page = find_reports(question | {"grain": "day"}, reports=stand.ports["reports"], **asked)
    assert (len(page["reports"]), stand.client.calls["items"]) == (1, 2)
    page = find_rejections(question, rejections=log, **asked)
    assert (len(page["rejections"]), stand.client.calls["items"]) == (1, 2 + 2)


def test_a_page_of_one_event_reads_a_few_items() -> None:
    assert deep_page(10_000, limit=1, traced=False)["items"] <= 2 * table_keys.SHARDS
    stand = Stand()
    for number in range(100):
        chunk = make_chunk(event := make_event(f"e{number:02}"))
        body, key = StoredEvent.of(event, chunk).body(event, chunk), table_keys.event_item("acme", event.ref)
        stand.client.put(event_item(key, chunk.owner, event.event_type, body, timedelta(days=400)))
    events = EventStore(stand.table, retention=timedelta)
    page = find_events({"user_id": "u1", "limit": "1"}, project="acme", events=events, secret="s", now=NOW, **NO_PORTS)
    assert ([event["event_id"] for event in page["events"]], stand.client.calls["items"]) == (["e99"], 2)
