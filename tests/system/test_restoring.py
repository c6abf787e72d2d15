"""What docs/restoring.md says, rehearsed: a table restored from a backup, and an archive that is gone.

The emulator copies a table as it is now, whatever second is named: that AWS hits the second is not shown here.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack import LocalStack

LINES = gzip.decompress((Path(__file__).parents[2] / "examples" / "access.log.gz").read_bytes()).decode().splitlines()
EARLY, LATE = LINES[:60], LINES[60:90]


@pytest.fixture(scope="module")
def broken_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, since no other test can use what is left."""
    stack = LocalStack(tmp_path_factory.mktemp("restoring"))
    stack.start()
    try:
        yield stack
    finally:
        stack.end()


def send(stack: LocalStack, lines: list[str]) -> dict[str, Any]:
    return dict(json.loads(stack.run("send", "--json", stdin="\n".join(lines))))


def total(stack: LocalStack) -> int:
    return sum(row["count"] for row in stack.get("/counts", grain="day")["counts"])


def reported(stack: LocalStack) -> int:
    return sum(report["events"] for report in stack.get("/reports", grain="day")["reports"])


def restore(stack: LocalStack, table: str, backup: str) -> None:
    """Give the backup the name of the table, and turn on what a restored table lacks."""
    dynamodb = stack.clients.dynamodb
    dynamodb.delete_table(TableName=table)
    dynamodb.restore_table_from_backup(TargetTableName=table, BackupArn=backup)
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "x"})


def test_a_table_restored_to_an_earlier_time_gets_the_later_events_from_the_archive(broken_stack: LocalStack) -> None:
    stack, table = broken_stack, broken_stack.environment()["TABLE_NAME"]
    assert send(stack, EARLY)["stored"] == len(EARLY)
    dynamodb = stack.clients.dynamodb
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName="restored", UseLatestRestorableTime=True
    )
    assert send(stack, LATE)["stored"] == len(LATE)
    details = dynamodb.create_backup(TableName="restored", BackupName="before")["BackupDetails"]
    restore(stack, table, details["BackupArn"])
    assert total(stack) == len(EARLY)

    (replayed,) = [json.loads(line) for line in stack.run("replay", "--json").splitlines()]
    assert (replayed["stored"], replayed["duplicates"]) == (len(LATE), len(EARLY))
    assert total(stack) == len(EARLY) + len(LATE)
    stack.run_schedule()
    assert reported(stack) == total(stack)
    assert stack.run("reports", "rebuild", "--project", "default", "--json") == ""
    # The ledger counts chunks, and those of the late events have no commit record any more.
    assert json.loads(stack.run("ledger", "--json", code=3))["missing"] == len(LATE)


def test_a_lost_archive_is_written_anew_by_sending_an_export(broken_stack: LocalStack, tmp_path: Path) -> None:
    stack, bucket = broken_stack, broken_stack.environment()["BUCKET_NAME"]
    before = total(stack)
    s3 = stack.clients.s3
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="events/"):
        for entry in page.get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=entry["Key"])
    stack.run("reports", "rebuild", "--project", "default", code=3)
    assert total(stack) == before
    assert json.loads(stack.run("replay", "--json"))["fed"] == 0

    export = tmp_path / "all.jsonl"
    stack.run("export", str(export))
    stack.forget_events()  # in place of a new stage
    assert send(stack, export.read_text().splitlines())["stored"] == before == total(stack)
    assert json.loads(stack.run("replay", "--json"))["fed"] == before
