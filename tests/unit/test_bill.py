"""The bill: lines from recorded work, in tiers, with every assumption explicit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.settings import Trigger
from millrace.local.emulator import PROJECT
from millrace.pricing import bill
from millrace.pricing.bill import Assumptions
from millrace.pricing.prices import PRICES
from millrace.pricing.recording import cut

RECORDED: dict[str, Any] = {
    "messages": 10,
    "posts": 1.0,
    "queued": 1.0,
    "batches": 0.1,
    "api": {"cpu_us": 1000, "calls": 1, "queue_requests": 1, "answered_bytes": 0, "logged_bytes": 0},
    "behind": {
        "cpu_us": 500,
        "calls": 0.3,
        "objects": 0.1,
        "write_units": 4,
        "logged_bytes": 0,
        "item_bytes": 900,
        "items": 1,
    },
}


def test_requests_are_priced_in_the_tiers_of_a_month() -> None:
    assert PRICES["rest_request"].of(1e6) == pytest.approx(3.50)
    assert PRICES["rest_request"].of(400e6) == pytest.approx(333 * 3.50 + 67 * 2.80)


def test_a_line_is_units_times_price() -> None:
    costs = bill.ingestion(RECORDED, Assumptions())
    assert costs["DynamoDB writes"] == pytest.approx(2.50)
    assert costs["S3 objects"] == pytest.approx(0.50)
    assert costs["SQS"] == pytest.approx(0.40 * 2.1)  # a send, a receive, a tenth of a delete
    assert costs["in all"] == pytest.approx(sum(dollars for line, dollars in costs.items() if line != "in all"))


def test_a_duration_is_cpu_on_its_share_of_a_vcpu_and_the_waiting() -> None:
    assumed = Assumptions(memory_megabytes=1769, call_ms=5, object_ms=20)
    assert assumed.duration_ms(cpu_ms=3, calls=3, objects=1) == pytest.approx(3 + 2 * 5 + 20)
    assert replace(assumed, memory_megabytes=884.5).duration_ms(3, 0, 0) == pytest.approx(6)  # type: ignore[arg-type]


def test_a_what_if_changes_its_lines_alone() -> None:
    plain = bill.ingestion(RECORDED, Assumptions())
    elsewhere = bill.ingestion(RECORDED, Assumptions(api="url", provisioned=True))
    changed = {line for line in plain if plain[line] != pytest.approx(elsewhere[line])}
    assert changed == {"API requests", "DynamoDB writes", "access log", "in all"}


def test_a_message_is_billed_by_its_bytes_when_it_is_received_and_not_when_it_is_deleted() -> None:
    large = RECORDED | {"api": RECORDED["api"] | {"message_bytes": 131072}}
    assert bill.ingestion(large, Assumptions())["SQS"] == pytest.approx(0.40 * (1 + 2 + 0.1))


@pytest.mark.parametrize(("messages", "deletes"), [(1, 1), (10, 1 / 10), (11, 2 / 11), (58, 6 / 58)])
def test_messages_are_received_one_by_one_and_deleted_ten_at_a_time(messages: int, deletes: float) -> None:
    recorded = RECORDED | {"messages": messages, "batches": 1 / messages}
    assert bill.ingestion(recorded, Assumptions())["SQS"] == pytest.approx(0.40 * (2 + deletes))


def test_the_aggregator_has_the_memory_that_the_bill_counts() -> None:
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    assert config["lambda_functions"]["aggregate"]["lambda_memory_size"] == bill.AGGREGATOR_MEGABYTES


def test_an_active_project_costs_its_reports() -> None:
    costs = bill.active_project(Assumptions())
    assert costs["S3 objects"] == pytest.approx(8755.2 * 2 * 5e-6)
    assert 0.2 < costs["in all"] < 0.35
    assert costs["in all"] == pytest.approx(sum(dollars for line, dollars in costs.items() if line != "in all"))


@pytest.mark.parametrize(
    ("events_a_day", "events_a_post", "trigger", "messages"),
    [
        (1e6, 1, Trigger(batch_size=10, window_seconds=0), (1, 1)),
        (1e6, 1, Trigger(batch_size=100, window_seconds=5), (12, 58)),
        (1e6, 20, Trigger(batch_size=100, window_seconds=5), (1, 3)),
        (100e6, 1, Trigger(batch_size=1000, window_seconds=5), (1000, 1000)),
    ],
)
def test_a_batch_is_what_a_window_brings_together(
    events_a_day: float, events_a_post: int, trigger: Trigger, messages: tuple[int, int]
) -> None:
    assert bill.batches_at(events_a_day, events_a_post, trigger) == messages


def test_an_idle_stage_costs_its_alarms_metrics_and_dashboard() -> None:
    costs = bill.idle(Assumptions(), alarms=14)
    assert costs["alarms"] == pytest.approx(1.40)
    assert costs["dashboard"] == pytest.approx(3)
    assert costs["GetMetricData"] == pytest.approx(12 * 24 * 30.4 * 4 * 0.01 / 1000)
    assert costs["in all"] == pytest.approx(sum(dollars for line, dollars in costs.items() if line != "in all"))


def test_only_a_rest_api_answers_in_gzip() -> None:
    recorded = RECORDED | {"api": RECORDED["api"] | {"answered_bytes": 2000, "compressed_bytes": 800}}
    rest, http = (bill.ingestion(recorded, Assumptions(api=api))["data to clients"] for api in ("rest", "http"))
    assert http - rest == pytest.approx(0.09 / 2**30 * 1200 * 1e6)


def test_a_line_of_a_log_costs_26_bytes_more_than_it_says() -> None:
    recorded = RECORDED | {"api": RECORDED["api"] | {"logged_bytes": 274, "logged_lines": 1}}
    assert bill.ingestion(recorded, Assumptions())["logs"] == pytest.approx(0.50 / 2**30 * 300 * 1e6)


def test_the_access_log_is_priced_as_it_is_written() -> None:
    assert "$" not in bill.access_log_line()
    assert json.loads(bill.access_log_line())["path"] == "/events"


def test_a_batch_is_what_one_call_of_a_function_takes() -> None:
    assert [len(batch) for batch in cut(["x"] * 25, 10)] == [10, 10, 5]
    assert [len(batch) for batch in cut(["x" * 2_500_000] * 3, 10)] == [2, 1]


def test_the_lifetime_of_events_is_taking_them_in_and_keeping_them_with_backups_apart() -> None:
    assumed = Assumptions(retention_days=304)
    taken_in, kept = bill.ingestion(RECORDED, assumed), bill.keeping(RECORDED)
    spent, backups = bill.lifetime(RECORDED, assumed)
    assert spent == pytest.approx(taken_in["in all"] + 10 * (kept["table"] + kept["archive"]))
    assert backups == pytest.approx(10 * kept["point-in-time recovery"])
