"""The meter of the stub: units as AWS bills them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from millrace.pricing import units
from millrace.pricing.metering import Meter


def metered(operation: str, **call: Any) -> dict[str, float]:
    meter = Meter()
    meter.answer("POST", operation, json.dumps(call).encode())
    return dict(meter.units)


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "é"}}, 3),
        ({"ab": {"N": "-12345.60"}}, 2 + 4),
        ({"a": {"B": "QUJD"}}, 4),
        ({"a": {"B": "QUI="}}, 3),
        ({"a": {"NULL": True}}, 2),
        ({"a": {"M": {"b": {"S": "c"}}}}, 1 + 3 + 1 + 1 + 1),
        ({"a": {"L": [{"S": "c"}]}}, 1 + 3 + 1 + 1),
    ],
)
def test_an_item_has_the_size_that_dynamodb_documents(item: dict[str, Any], size: int) -> None:
    assert units.item_bytes(item) == size


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1024, 1), (1025, 2), (3000, 3)])
def test_a_write_takes_a_unit_for_each_kilobyte(size: int, expected: int) -> None:
    assert units.write_units(size) == expected


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (65536, 1), (65537, 2)])
def test_a_message_takes_a_request_for_each_64_kilobytes(size: int, expected: int) -> None:
    assert units.queue_requests(size) == expected


def test_a_transaction_takes_twice_the_units() -> None:
    put = {"Put": {"TableName": "t", "Item": {"pk": {"S": "x" * 1500}, "sk": {"S": "-"}}}}
    update = {"Update": {"TableName": "t", "Key": {"pk": {"S": "x"}}, "UpdateExpression": "ADD n :n"}}
    assert metered("DynamoDB_20120810.TransactWriteItems", TransactItems=[put, update])["write_units"] == 4 + 2


def test_inserts_in_one_statement_batch_are_billed_each() -> None:
    statement = {"Statement": "INSERT INTO \"t\" VALUE {'pk': ?, 'sk': ?}", "Parameters": [{"S": "a"}, {"S": "b"}]}
    found = metered("DynamoDB_20120810.BatchExecuteStatement", Statements=[statement, statement])
    assert (found["write_units"], found["items"], found["item_bytes"]) == (2, 2, 2 * 6)


def test_messages_of_one_call_are_billed_together_and_kept() -> None:
    meter = Meter()
    entries = [{"Id": str(number), "MessageBody": "x" * 40_000} for number in range(2)]
    answer, _ = meter.answer("POST", "AmazonSQS.SendMessageBatch", json.dumps({"Entries": entries}).encode())
    assert len(json.loads(answer)["Successful"]) == 2
    assert meter.units["queue_requests"] == 2
    assert len(meter.messages) == 2
