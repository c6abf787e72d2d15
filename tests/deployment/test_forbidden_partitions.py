"""What each function may write, tried out with its policy in an AWS that enforces it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.core import table_keys
from chalicelib.core.event import EventRef
from chalicelib.core.table_keys import Key
from deployed import Deployment
from millrace.deploy import policies
from millrace.deploy.rights import RIGHTS

NAME = "partitions"
ENVIRONMENT = {
    "QUEUE_URL": "http://sqs/000000000000/chunks",
    "DEAD_LETTER_URL": "http://sqs/000000000000/dead",
    "TABLE_NAME": NAME,
    "BUCKET_NAME": "archive",
    "TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:reports",
}
SET_BY_OPERATORS = {
    "a project": table_keys.project("shop"),
    "an access key": table_keys.access_key("0123456789"),
    "a catalogue": table_keys.catalogue("shop", "version"),
    "the data format": table_keys.DATA_FORMAT,
    "another item of the stage": Key(table_keys.STAGE, "lifetimes"),
}


def event_of(user: str) -> Key:
    return table_keys.event_item("shop", EventRef("2026-01-01T00:00:00.000000Z", user, "1"))


#: Users whose names look like the kinds of partitions that few may write.
USERS = {
    f"an event of the user {user}": event_of(user) for user in ("x#rejected", "#quota#shop", "#keys", "a#catalogue#b")
}
EVERYDAY = {
    "a guard": table_keys.guard_item("shop", "x#rejected", "1"),
    "a day": table_keys.day("shop", "2026-01-01", 1),
    "a mark": table_keys.mark("shop", "2026-01-01T00", "2026-01-01T00", 1),
    "an entry of the ledger": table_keys.ledger("2026-01-01T00", 1),
    "a record of the quarantine": table_keys.quarantine_record("shop", "1"),
    **USERS,
}
HARMLESS = table_keys.day("other", "2026-01-01", 1)
ITS_OWN = {"rejections": table_keys.rejection("shop", "1"), "a quota": table_keys.quota("shop", "1")}


@pytest.fixture(scope="module")
def tables(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """DynamoDB as each function reaches it, by the function's name."""
    dynamodb, iam = deployment.client("dynamodb"), deployment.client("iam")
    dynamodb.create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    found = {}
    for function, policy in policies.policies(ENVIRONMENT, "prod").items():
        iam.create_user(UserName=function)
        iam.put_user_policy(UserName=function, PolicyName=NAME, PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=function)["AccessKey"]
        found[function] = boto3.client(
            "dynamodb",
            endpoint_url=deployment.emulator.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
    yield found
    dynamodb.delete_table(TableName=NAME)


def is_allowed(call: Any, **parameters: Any) -> bool:
    try:
        answer = call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return not any(each.get("Error", {}).get("Code") == "AccessDenied" for each in answer.get("Responses", []))


def writes(table: Any, key: Key) -> dict[str, bool]:
    """Which calls may write an item. A batch or a transaction begins with an item that any function may write."""
    item, harmless = ({"pk": {"S": each.pk}, "sk": {"S": each.sk}} for each in (key, HARMLESS))
    insert = {"Statement": f"INSERT INTO \"{NAME}\" VALUE {{'sk': ?, 'pk': ?}}", "Parameters": [item["sk"], item["pk"]]}
    return {
        "PutItem": is_allowed(table.put_item, TableName=NAME, Item=item),
        "UpdateItem": is_allowed(table.update_item, TableName=NAME, Key=item),
        "DeleteItem": is_allowed(table.delete_item, TableName=NAME, Key=item),
        "INSERT": is_allowed(table.batch_execute_statement, Statements=[insert]),
        "BatchWriteItem": is_allowed(table.batch_write_item, RequestItems={NAME: [{"PutRequest": {"Item": item}}]}),
        "TransactWriteItems": is_allowed(
            table.transact_write_items,
            TransactItems=[{"Put": {"TableName": NAME, "Item": each}} for each in (harmless, item)],
        ),
    }


@pytest.mark.parametrize("function", RIGHTS)
@pytest.mark.parametrize("kind", SET_BY_OPERATORS)
def test_no_function_writes_what_operators_set(tables: dict[str, Any], function: str, kind: str) -> None:
    assert not any(writes(tables[function], SET_BY_OPERATORS[kind]).values())


@pytest.mark.parametrize("kind", EVERYDAY)
def test_what_users_call_themselves_takes_no_right_away_and_gives_none(tables: dict[str, Any], kind: str) -> None:
    key = EVERYDAY[kind]
    assert not any(writes(tables["api_handler"], key).values())
    processors = {"PutItem", "UpdateItem", "INSERT", "TransactWriteItems"}
    assert {call for call, allowed in writes(tables["process"], key).items() if allowed} == processors
    aggregators = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
    assert {call for call, allowed in writes(tables["aggregate"], key).items() if allowed} == aggregators


def test_the_api_writes_rejections_and_quotas_alone_and_each_in_its_way(tables: dict[str, Any]) -> None:
    allowed = {
        kind: {call for call, yes in writes(tables["api_handler"], key).items() if yes} for kind, key in ITS_OWN.items()
    }
    assert allowed == {"rejections": {"PutItem"}, "a quota": {"UpdateItem"}}
