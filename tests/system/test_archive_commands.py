"""The commands that work on the archive, on a running stack with the real access log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import LocalStack
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


def test_a_span_that_is_no_time_is_a_mistake_of_usage(sent: LocalStack) -> None:
    sent.run("replay", "--from", "yesterday", code=2)
