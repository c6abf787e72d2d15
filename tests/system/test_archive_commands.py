"""The commands that work on the archive, on a running stack with some lines of the real access log."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from local_stack import LocalStack

LOG = Path(__file__).parents[2] / "examples" / "access.log.gz"
# Two users in eight hours of two days: one has more events than an answer, or a batch of the table, holds.
BUSY, OTHER = "130.237.218.86", "46.105.14.53"
DAYS = {19: ("12", "13", "22", "23"), 20: ("00", "01", "08", "09")}
HOURS = [f"{day}/May/2015:{hour}" for day, hours in DAYS.items() for hour in hours]
LINES = [
    line
    for line in gzip.decompress(LOG.read_bytes()).decode().splitlines()
    if line.startswith((BUSY, OTHER)) and any(hour in line for hour in HOURS)
]
ALL, OF_BUSY, OF_A_DAY = (sum(each in line for line in LINES) for each in ("", BUSY, "19/May/2015"))


def send(stack: LocalStack) -> dict[str, Any]:
    return dict(json.loads(stack.run("send", "--format", "combined", "--json", stdin="\n".join(LINES))))


@pytest.fixture(scope="module")
def sent(mortal_stack: LocalStack) -> LocalStack:
    if not mortal_stack.is_running():
        mortal_stack.start()
    mortal_stack.forget_events()
    assert send(mortal_stack)["stored"] == ALL
    return mortal_stack


def replayed(stack: LocalStack, *options: str) -> dict[str, Any]:
    return dict(json.loads(stack.run("replay", "--json", *options)))


def empty_table(stack: LocalStack) -> None:
    dynamodb, table = stack.clients.dynamodb, stack.environment()["TABLE_NAME"]
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
    items = [item for page in pages for item in page["Items"]]
    for start in range(0, len(items), 25):
        deletes = [{"DeleteRequest": {"Key": item}} for item in items[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={table: deletes})


def test_a_replay_of_a_healthy_stage_stores_nothing(sent: LocalStack) -> None:
    totals = replayed(sent)
    assert (totals["fed"], totals["stored"], totals["duplicates"]) == (ALL, 0, ALL)
    assert replayed(sent, "--from", "2015-05-19", "--to", "2015-05-20")["fed"] == OF_A_DAY
    assert replayed(sent, "--type", "signup")["fed"] == 0
    assert sent.findings().violations() == []


def test_a_replay_into_an_empty_table_restores_events_and_counters(sent: LocalStack) -> None:
    counts = sent.run("counts", "--json")
    events = [json.loads(line) for line in sent.run("events", "--limit", "0", "--json").splitlines()]
    empty_table(sent)
    sent.run("upgrade")  # records the format of an empty table
    assert sent.run("counts", "--json") == ""
    assert replayed(sent, "--dry-run")["fed"] == ALL
    assert sent.run("counts", "--json") == ""
    assert replayed(sent)["stored"] == ALL
    assert sent.run("counts", "--json") == counts
    restored = [json.loads(line) for line in sent.run("events", "--limit", "0", "--json").splitlines()]
    assert [event | {"chunk_id": ""} for event in restored] == [event | {"chunk_id": ""} for event in events]
    assert sent.findings().violations() == []


def test_rebuilt_reports_equal_the_live_ones(sent: LocalStack) -> None:
    sent.run_schedule()
    assert sent.findings().report_violations() == []
    assert sent.run("reports", "rebuild", "--json") == ""
    key = {"pk": {"S": "default#r#day"}, "sk": {"S": "2015-05-19"}}
    sent.clients.dynamodb.delete_item(TableName=sent.environment()["TABLE_NAME"], Key=key)
    (row,) = [json.loads(line) for line in sent.run("reports", "rebuild", "--json", code=3).splitlines()]
    assert (row["grain"], row["start"], row["live"]["events"]) == ("day", "2015-05-19T00:00:00Z", 0)
    assert row["archive"]["events"] == OF_A_DAY
    assert (
        sent.run("reports", "rebuild", "--from", "2015-05-20", "--to", "2015-05-21") == ""
    )  # not the day that differs


def test_a_sweep_of_a_young_archive_looks_at_nothing(sent: LocalStack) -> None:
    swept = json.loads(sent.run("sweep", "--json"))
    assert swept == {"objects": 0, "orphans": 0, "summaries": 0, "lines": 0, "unreadable": 0}


def test_a_user_is_erased_and_does_not_come_back(sent: LocalStack) -> None:
    events = sent.run("events", "--user", BUSY, "--limit", "0", "--json").splitlines()
    assert len(events) == OF_BUSY
    erase = ("erase", "--project", "default", "--user", BUSY, "--json")
    assert json.loads(sent.run(*erase, "--dry-run"))["events"] == OF_BUSY
    assert len(sent.get("/events", user_id=BUSY)["events"]) == 100
    receipt = json.loads(sent.run(*erase, "--yes"))
    assert (receipt["events"], receipt["events_in_flight"], receipt["lines_in_flight"]) == (OF_BUSY, 0, 0)
    assert BUSY not in json.dumps(receipt)

    totals = send(sent)
    assert (totals["stored"], totals["duplicates"]) == (0, ALL)
    assert replayed(sent)["stored"] == 0
    assert sent.get("/events", user_id=BUSY)["events"] == []
    assert sum(row["count"] for row in sent.get("/counts", grain="day")["counts"]) == ALL - OF_BUSY
    findings = sent.findings()
    assert findings.violations() == []
    assert [line for _, line in findings.lines if line["user_id"] == BUSY] == []
    assert len(findings.erased) == OF_BUSY
    sent.run_schedule()
    assert sent.findings().report_violations() == []
    assert sent.run("reports", "rebuild", "--json") == ""
    assert json.loads(sent.run(*erase, "--yes"))["events"] == 0

    s3, bucket = sent.clients.s3, sent.environment()["BUCKET_NAME"]
    names = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="erasures/")["Contents"]]
    kept = [json.loads(s3.get_object(Bucket=bucket, Key=name)["Body"].read()) for name in names]
    assert len(names) == 2
    assert receipt in kept


def test_an_erasure_names_the_anonymous_ids_that_keep_events_of_the_person(sent: LocalStack) -> None:
    events = [
        {"event_type": "view", "anonymous_id": "dev-1", "event_id": "a1", "timestamp": "2017-07-07T07:00:00Z"},
        {"event_type": "login", "anonymous_id": "dev-1", "user_id": "ann", "event_id": "a2"},
    ]
    sent.run("send", "--json", stdin="\n".join(map(json.dumps, events)))
    receipt = json.loads(sent.run("erase", "--project", "default", "--user", "ann", "--yes", "--json", code=3))
    assert (receipt["events"], receipt["anonymous"], receipt["anonymous_ids"]) == (1, 1, {"dev-1": 1})
    assert json.loads(sent.run("erase", "--project", "default", "--user", "dev-1", "--yes", "--json"))["events"] == 1


def test_a_person_whose_id_is_hashed_is_erased_by_the_id_itself(sent: LocalStack) -> None:
    sent.run("projects", "set", "hiding", "--hash-user-ids")
    key = json.loads(sent.run("keys", "create", "--project", "hiding", "--kind", "write", "--json"))["key"]
    sent.run("send", "--key", key, "--json", stdin='{"event_type": "view", "user_id": "ann@example.com"}')
    erase = ("erase", "--project", "hiding", "--user", "ann@example.com", "--yes", "--json")
    assert json.loads(sent.run(*erase))["events"] == 1


def test_an_erasure_that_is_not_confirmed_does_nothing(sent: LocalStack) -> None:
    before = sent.get("/events", user_id=OTHER)["events"]
    sent.run("erase", "--project", "default", "--user", OTHER, stdin="n\n", code=1)
    assert sent.get("/events", user_id=OTHER)["events"] == before != []


def test_a_span_that_is_no_time_is_a_mistake_of_usage(sent: LocalStack) -> None:
    sent.run("replay", "--from", "yesterday", code=2)
