"""The bill: what a recorded workload costs, line by line, for a given number of events a month."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.metrics import CATALOGUE
from chalicelib.settings import SCHEDULE_MINUTES, Trigger
from millrace.deploy.finishing import ACCESS_LOG_FORMAT
from millrace.pricing.prices import PRICES

DAYS_A_MONTH = 30.4
SCHEDULE_RUNS_AN_HOUR = 60 // SCHEDULE_MINUTES
RUNS_A_MONTH = 24 * SCHEDULE_RUNS_AN_HOUR * DAYS_A_MONTH
# Each run reads all records of the running hour. So each later run in the hour reads a record again, and one more run
# reads it after the hour. Days are made of hour summaries: docs/cost.md.
_READS_OF_A_RECORD = (SCHEDULE_RUNS_AN_HOUR + 1) / 2 + 1
# Pollers of a queue. Each waits for 20 seconds: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_POLLERS = 5
_IDLE_POLLS_A_MINUTE = _POLLERS * 3
_DELETED_AT_ONCE = 10
#: A run of the aggregator without work, and the addition for each project with new events and small reports.
#: A test measures both, except the CPU time, which depends on the machine.
IDLE_RUN = {"calls": 25, "read_units": 22, "queue_requests": 2}
PROJECT_RUN = {"calls": 37, "read_units": 24, "write_units": 18, "objects": 2, "topic_publishes": 2}
_IDLE_RUN_CPU_MS, _PROJECT_RUN_CPU_MS = 10, 10
#: The memory of the aggregator: .chalice/config.json.
AGGREGATOR_MEGABYTES = 1769
# The metrics that the aggregator compares with the table: chunks, accepted, chunk_hashes, rejected.
_METRICS_OF_THE_LEDGER = 4
#: The metrics that every stage has. A rejection code adds a metric when it first occurs.
_METRICS_IN_USE = len([name for name in CATALOGUE if not name.startswith(("rejected_", "warned_"))])
# CloudWatch adds this many bytes to each line. Lambda itself writes no lines for a successful call, because
# `millrace deploy` sets the system log level to WARN. So there is neither a "start" line nor a "report" line:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutLogEvents.html
_LOG_LINE_BYTES = 26
# The values in a line of the access log: finishing.ACCESS_LOG_FORMAT.
_ACCESS_LOG_VALUES = {
    "$context.requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "$context.requestTime": "24/Nov/2026:20:05:03 +0000",
    "$context.httpMethod": "POST",
    "$context.resourcePath": "/events",
    "$context.status": "200",
    "$context.responseLatency": "25",
    "$context.responseLength": "350",
    "$context.error.message": "-",
}
# Headers that API Gateway adds to an answer: date, request id, trace id and others.
_GATEWAY_HEADERS = 350
# DynamoDB adds this many bytes to every item:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
_ITEM_OVERHEAD = 100
# A function with this much memory has one vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MEGABYTES_PER_VCPU = 1769


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The values that are not measured here. `call_ms`: the duration of an AWS call. `object_ms`: that of an S3 call.

    `cpu_scale`: how much slower a vCPU of Lambda is than this machine.
    """

    memory_megabytes: int = 512
    call_ms: float = 6
    object_ms: float = 25
    cpu_scale: float = 1.0
    provisioned: bool = False
    api: str = "rest"  # rest, http, or url (a function's own address)
    retention_days: int = Lifetimes.events.days

    def duration_ms(self, cpu_ms: float, calls: float, objects: float) -> float:
        """Return the duration of work: CPU time on the part of a vCPU that the memory gives, plus the time of calls."""
        share = min(1.0, self.memory_megabytes / _MEGABYTES_PER_VCPU)
        return cpu_ms * self.cpu_scale / share + (calls - objects) * self.call_ms + objects * self.object_ms


def ingestion(recorded: dict[str, Any], assumed: Assumptions, events: float = 1e6) -> dict[str, float]:
    """Return the dollars for ingesting and processing a number of events within a month, by line."""
    api, behind = recorded["api"], recorded["behind"]
    calls = recorded["posts"] + recorded["batches"]
    # A poll answers as soon as there is a message. While pollers wait, each message comes in a separate request.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
    received = max(recorded["queued"], api.get("message_bytes", 0) / 65536)
    polled = received + recorded["batches"] * math.ceil(recorded["messages"] / _DELETED_AT_ONCE)
    seconds = assumed.duration_ms(
        (api["cpu_us"] + behind["cpu_us"]) / 1000, api["calls"] + behind["calls"], behind.get("objects", 0)
    )
    prefix = "provisioned_" if assumed.provisioned else ""
    # Only the REST API compresses answers.
    answered = api.get("compressed_bytes", api["answered_bytes"]) if assumed.api == "rest" else api["answered_bytes"]
    out = answered + _GATEWAY_HEADERS * recorded["posts"]
    logged = sum(each["logged_bytes"] + _LOG_LINE_BYTES * each.get("logged_lines", 0) for each in (api, behind))
    # A function URL has no access log.
    access_log = 0 if assumed.api == "url" else (len(access_log_line()) + _LOG_LINE_BYTES) * recorded["posts"]
    costs = {
        "API requests": _api(assumed.api, recorded["posts"] * events),
        "data to clients": PRICES["out_byte"].of(out * events),
        "Lambda calls": PRICES["lambda_request"].of(calls * events),
        "Lambda duration": PRICES["lambda_gb_second"].of(seconds / 1000 * assumed.memory_megabytes / 1024 * events),
        "SQS": PRICES["queue_request"].of((api["queue_requests"] + behind.get("queue_requests", 0) + polled) * events),
        "DynamoDB writes": PRICES[f"{prefix}write_unit"].of(behind["write_units"] * events),
        "DynamoDB reads": PRICES[f"{prefix}read_unit"].of(behind.get("read_units", 0) * events),
        "S3 objects": PRICES["object"].of(behind.get("objects", 0) * events),
        "logs": PRICES["log_byte"].of(logged * events),
        "access log": PRICES["log_byte"].of(access_log * events),
        "reading for reports": _reports(recorded, prefix, events),
    }
    return {**costs, "in all": sum(costs.values())}


def access_log_line() -> str:
    """Return the line of the access log for one POST."""
    line = ACCESS_LOG_FORMAT
    for variable, value in _ACCESS_LOG_VALUES.items():
        line = line.replace(variable, value)
    return line


def _api(kind: str, requests: float) -> float:
    return 0.0 if kind == "url" else PRICES[f"{kind}_request"].of(requests)


def keeping(recorded: dict[str, Any], events: float = 1e6) -> dict[str, float]:
    """Return the dollars a month for storing a number of events: table, its point-in-time recovery, archive."""
    behind = recorded["behind"]
    table = (behind["item_bytes"] + _ITEM_OVERHEAD * behind["items"]) * events
    costs = {
        "table": PRICES["table_byte_month"].of(table),
        "point-in-time recovery": PRICES["backup_byte_month"].of(table),
        "archive": PRICES["object_byte_month"].of(behind.get("object_bytes", 0) * events),
    }
    return {**costs, "in all": sum(costs.values())}


def lifetime(recorded: dict[str, Any], assumed: Assumptions, events: float = 1e6) -> tuple[float, float]:
    """Return two amounts in dollars: to ingest events and store them until they expire, and to back them up."""
    kept, months = keeping(recorded, events), assumed.retention_days / DAYS_A_MONTH
    backups = kept["point-in-time recovery"]
    return ingestion(recorded, assumed, events)["in all"] + (kept["in all"] - backups) * months, backups * months


def _reports(recorded: dict[str, Any], prefix: str, events: float) -> float:
    """Return the dollars for reading commit records. Each run of the aggregator reads all of the running hour."""
    record_bytes = recorded["behind"].get("record_bytes", 0)
    return PRICES[f"{prefix}read_unit"].of(record_bytes * _READS_OF_A_RECORD / 4096 * events)


def batches_at(events_a_day: float, events_a_post: int, trigger: Trigger) -> tuple[int, int]:
    """Return the least and the most messages that Lambda puts into a batch at a steady rate.

    AWS does not say whether each poller gathers a batch of its own, or all pollers gather one batch together. If the
    trigger has no batching window, a poller takes the messages that are there: usually one.
    """
    a_window = events_a_day / 86_400 / events_a_post * trigger.window_seconds
    least, most = (max(1, min(trigger.batch_size, round(size))) for size in (a_window / _POLLERS, a_window))
    return least, most


def idle(assumed: Assumptions, alarms: int) -> dict[str, float]:
    """Return the dollars a month for an unused stage, by line: poller, schedule and alarms always run."""
    runs, polls = RUNS_A_MONTH, _IDLE_POLLS_A_MINUTE * 60 * 24 * DAYS_A_MONTH
    costs = {
        "SQS": PRICES["queue_request"].of(polls + runs * IDLE_RUN["queue_requests"]),
        "Lambda": PRICES["lambda_request"].of(runs) + _runs_last(assumed, IDLE_RUN, _IDLE_RUN_CPU_MS),
        "DynamoDB reads": PRICES["read_unit"].of(runs * IDLE_RUN["read_units"]),
        "GetMetricData": PRICES["metric_asked"].of(runs * _METRICS_OF_THE_LEDGER),
        "alarms": PRICES["alarm_month"].of(alarms),
        "metrics": PRICES["metric_month"].of(_METRICS_IN_USE),
        "dashboard": PRICES["dashboard_month"].of(1),
    }
    return {**costs, "in all": sum(costs.values())}


def active_project(assumed: Assumptions) -> dict[str, float]:
    """Return the dollars a month for a project that always has new events, by line: each run refreshes its reports."""
    runs = RUNS_A_MONTH
    costs = {
        "Lambda": _runs_last(assumed, PROJECT_RUN, _PROJECT_RUN_CPU_MS),
        "DynamoDB writes": PRICES["write_unit"].of(runs * PROJECT_RUN["write_units"]),
        "DynamoDB reads": PRICES["read_unit"].of(runs * PROJECT_RUN["read_units"]),
        "S3 objects": PRICES["object"].of(runs * PROJECT_RUN["objects"]),
        "SNS": PRICES["publish"].of(runs * PROJECT_RUN["topic_publishes"]),
    }
    return {**costs, "in all": sum(costs.values())}


def _runs_last(assumed: Assumptions, run: dict[str, int], cpu_ms: float) -> float:
    """Return the dollars a month for the time of Lambda in all runs. A run makes its calls one after the other."""
    aggregator = replace(assumed, memory_megabytes=AGGREGATOR_MEGABYTES)
    seconds = RUNS_A_MONTH * aggregator.duration_ms(cpu_ms, run["calls"], run.get("objects", 0)) / 1000
    return PRICES["lambda_gb_second"].of(seconds * AGGREGATOR_MEGABYTES / 1024)
