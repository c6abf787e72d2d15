"""The commands that work on the archive, on a running stack with the real access log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_stack import LocalStack, eventually
from stage import Clients

LOG = Path(__file__).parents[2] / "examples" / "access.log.gz"


@pytest.fixture(scope="module")
def sent(stack: LocalStack) -> LocalStack:
    stack.run("send", "--format", "combined", str(LOG))
    return stack


def replayed(stack: LocalStack, *options: str) -> dict[str, Any]:
    return json.loads(stack.run("replay", "--json", *options))


def empty_table(stack: LocalStack) -> None:
    environment = stack.environment()
    dynamodb, table = Clients(environment).dynamodb, environment["TABLE_NAME"]
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
    items = [item for page in pages for item in page["Items"]]
    for start in range(0, len(items), 25):
        deletes = [{"DeleteRequest": {"Key": item}} for item in items[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={table: deletes})


def test_a_replay_of_a_healthy_stage_stores_nothing(sent: LocalStack) -> None:
    totals = replayed(sent)
    assert (totals["fed"], totals["stored"], totals["duplicates"]) == (10000, 0, 10000)
    assert replayed(sent, "--from", "2015-05-18", "--to", "2015-05-19")["fed"] == 2893
    assert replayed(sent, "--type", "signup")["fed"] == 0
    assert sent.findings().violations() == []


def test_a_replay_into_an_empty_table_restores_events_and_counters(sent: LocalStack) -> None:
    counts = sent.run("counts", "--json")
    events = [json.loads(line) for line in sent.run("events", "--limit", "0", "--json").splitlines()]
    empty_table(sent)
    assert sent.run("counts", "--json") == ""
    assert replayed(sent, "--dry-run")["fed"] == 10000
    assert sent.run("counts", "--json") == ""
    assert replayed(sent)["stored"] == 10000
    assert sent.run("counts", "--json") == counts
    restored = [json.loads(line) for line in sent.run("events", "--limit", "0", "--json").splitlines()]
    assert [event | {"chunk_id": ""} for event in restored] == [event | {"chunk_id": ""} for event in events]
    assert sent.findings().violations() == []


def test_rebuilt_reports_equal_the_live_ones(sent: LocalStack) -> None:
    eventually(lambda: sent.findings().report_violations() == [])
    assert sent.run("reports", "rebuild", "--json") == ""
    assert sent.run("reports", "rebuild", "--from", "2015-05-18", "--to", "2015-05-19") == ""
    environment = sent.environment()
    key = {"pk": {"S": "default#r#day"}, "sk": {"S": "2015-05-18"}}
    Clients(environment).dynamodb.delete_item(TableName=environment["TABLE_NAME"], Key=key)
    (row,) = [json.loads(line) for line in sent.run("reports", "rebuild", "--json", code=3).splitlines()]
    assert (row["grain"], row["start"], row["live"]["events"]) == ("day", "2015-05-18T00:00:00Z", 0)
    assert row["archive"]["events"] == 2893


def test_a_sweep_of_a_young_archive_looks_at_nothing(sent: LocalStack) -> None:
    swept = json.loads(sent.run("sweep", "--json"))
    assert swept == {"objects": 0, "orphans": 0, "lines": 0, "unreadable": 0}


def test_a_user_is_erased_and_does_not_come_back(sent: LocalStack) -> None:
    address = "66.249.73.135"  # the busiest of the log
    events = [json.loads(line) for line in sent.run("events", "--user", address, "--limit", "0", "--json").splitlines()]
    assert len(events) == 482
    erase = ("erase", "--project", "default", "--user", address, "--json")
    assert json.loads(sent.run(*erase, "--dry-run"))["events"] == 482
    assert len(sent.get("/events", user_id=address)["events"]) == 100
    receipt = json.loads(sent.run(*erase, "--yes"))
    assert (receipt["events"], receipt["events_in_flight"], receipt["lines_in_flight"]) == (482, 0, 0)
    assert address not in json.dumps(receipt)

    totals = json.loads(sent.run("send", "--format", "combined", "--json", str(LOG)))
    assert (totals["stored"], totals["duplicates"]) == (0, 10000)
    assert replayed(sent)["stored"] == 0
    assert sent.get("/events", user_id=address)["events"] == []
    assert sum(row["count"] for row in sent.get("/counts", grain="day")["counts"]) == 10000 - 482
    findings = sent.findings()
    assert findings.violations() == []
    assert [line for _, line in findings.lines if line["user_id"] == address] == []
    assert len(findings.erased) == 482
    eventually(lambda: sent.findings().report_violations() == [])
    assert sent.run("reports", "rebuild", "--json") == ""
    assert json.loads(sent.run(*erase, "--yes"))["events"] == 0

    environment = sent.environment()
    s3, bucket = Clients(environment).s3, environment["BUCKET_NAME"]
    names = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="erasures/")["Contents"]]
    kept = [json.loads(s3.get_object(Bucket=bucket, Key=name)["Body"].read()) for name in names]
    assert len(names) == 2
    assert receipt in kept


def test_an_erasure_that_is_not_confirmed_does_nothing(sent: LocalStack) -> None:
    user = "130.237.218.86"
    before = sent.get("/events", user_id=user)["events"]
    sent.run("erase", "--project", "default", "--user", user, stdin="n\n", code=1)
    assert sent.get("/events", user_id=user)["events"] == before != []


def test_a_span_that_is_no_time_is_a_mistake_of_usage(sent: LocalStack) -> None:
    sent.run("replay", "--from", "yesterday", code=2)
