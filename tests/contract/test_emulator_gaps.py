"""Each gap of an emulator is still there: a test that avoids it avoids nothing else."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator_gaps import BY_EMULATOR
from millrace.local.emulator import PROJECT
from millrace.stack import Stack
from stage import Clients

pytestmark = pytest.mark.usefixtures("aws")


def test_each_gap_has_the_test_that_it_names() -> None:
    tests = "".join(each.read_text() for each in Path(__file__).parents[1].rglob("test_*.py"))
    probes = [gap.probe for gaps in BY_EMULATOR.values() for gap in gaps if gap.probe]
    assert [probe for probe in probes if f"def {probe}(" not in tests] == []


def test_the_emulator_leaves_settings_of_the_template_out() -> None:
    stack = Stack("gaps")
    table = stack.apply(PROJECT / "stack.yaml", {})["TABLE_NAME"]
    backups = boto3.client("dynamodb").describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    stack.delete(PROJECT / "stack.yaml", {})


def test_the_emulator_moves_no_dead_letters_by_itself() -> None:
    with pytest.raises(ClientError):
        boto3.client("sqs").start_message_move_task(SourceArn="arn:aws:sqs:us-east-1:000000000000:gaps")


def test_the_emulator_has_no_metrics_of_services(clients: Clients) -> None:
    url = clients.sqs.create_queue(QueueName="gaps")["QueueUrl"]
    clients.sqs.send_message(QueueUrl=url, MessageBody="x")
    of_the_queue = [{"Name": "QueueName", "Value": "gaps"}]
    assert boto3.client("cloudwatch").list_metrics(Namespace="AWS/SQS", Dimensions=of_the_queue)["Metrics"] == []
    clients.sqs.delete_queue(QueueUrl=url)


def test_moto_takes_one_insert_a_call(moto: Clients) -> None:
    names = {"AttributeName": "pk"}
    moto.dynamodb.create_table(
        TableName="gaps", BillingMode="PAY_PER_REQUEST", KeySchema=[names | {"KeyType": "HASH"}],
        AttributeDefinitions=[names | {"AttributeType": "S"}],
    )  # fmt: skip
    insert = "INSERT INTO \"gaps\" VALUE {'pk': ?}"
    both = [{"Statement": insert, "Parameters": [{"S": each}]} for each in "ab"]
    with pytest.raises(ClientError):
        moto.dynamodb.batch_execute_statement(Statements=both)
