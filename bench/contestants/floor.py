"""The baseline: the least code that moves the same bytes with botocore, without validation and deduplication."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import botocore.session

_AT_ONCE = 25  # BatchWriteItem's limit


@cache
def _session() -> Any:
    return botocore.session.get_session()


@cache
def _client(service: str) -> Any:
    return _session().create_client(service)


def api(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Send the whole body as one message."""
    body = json.loads(event["body"])
    events = body.get("events", [body])
    send(events)
    return {"statusCode": 200, "headers": {}, "body": json.dumps({"accepted": len(events)})}


def send(events: list[dict[str, Any]]) -> None:
    message = {"received_at": datetime.now(UTC).isoformat(), "events": events}
    _client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(message))


def processor(event: dict[str, Any], _context: Any) -> None:
    """Store each event as an item, 25 in a call, and each batch as one object and one counter."""
    rows = [row for record in event["Records"] for row in json.loads(record["body"])["events"]]
    lines = [json.dumps(row) for row in rows]
    items = [
        {
            "pk": {"S": f"default#e#{row['user_id']}"},
            "sk": {"S": f"{row['timestamp']}#{row['event_id']}"},
            "b": {"S": line},
        }
        for row, line in zip(rows, lines, strict=True)
    ]
    table, dynamodb = os.environ["TABLE_NAME"], _client("dynamodb")
    for start in range(0, len(items), _AT_ONCE):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + _AT_ONCE]]
        dynamodb.batch_write_item(RequestItems={table: requests})
    _client("s3").put_object(
        Bucket=os.environ["BUCKET_NAME"],
        Key=f"events/{uuid4().hex}.jsonl.gz",
        Body=gzip.compress("\n".join(lines).encode()),
    )
    dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": "default"}, "sk": {"S": "count"}},
        UpdateExpression="ADD n :n",
        ExpressionAttributeValues={":n": {"N": str(len(rows))}},
    )
