"""An idiomatic pipeline on Powertools for AWS Lambda: event handler, pydantic parser, batch processor, idempotency.

An event is a message, and a message is the unit of retry and of idempotency, as the documentation describes. With
EVENTS_PER_MESSAGE, which the documentation does not describe, a message holds several events, and each is still one
idempotent operation. Each message is archived as one object.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import BaseModel, ValidationError, parse
from pydantic import AwareDatetime, ConfigDict, Field

_EVENTS_PER_MESSAGE = int(os.environ.get("EVENTS_PER_MESSAGE", "1"))

logger = Logger(service="events", level="WARNING")
app = APIGatewayRestResolver()
batch = BatchProcessor(event_type=EventType.SQS)
sqs = boto3.client("sqs")
dynamodb = boto3.client("dynamodb")
s3 = boto3.client("s3")
idempotency = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=dynamodb)
config = IdempotencyConfig(event_key_jmespath="event_id", expires_after_seconds=24 * 3600)


class Event(BaseModel):
    model_config = ConfigDict(extra="allow")

    event_type: str = Field(min_length=1, max_length=100)
    user_id: str = Field(min_length=1, max_length=256)
    event_id: str = Field(default_factory=lambda: uuid4().hex, max_length=200)
    timestamp: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    properties: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)


class Batch(BaseModel):
    events: list[Event] = Field(min_length=1)


@app.post("/events")
def post_events() -> dict[str, Any]:
    """Parse, enrich, and send the messages, ten in a call."""
    body = app.current_event.json_body
    try:
        post = parse(event=body if "events" in body else {"events": [body]}, model=Batch)
    except ValidationError as error:
        raise BadRequestError(str(error)) from error
    known = {
        "received_at": datetime.now(UTC).isoformat(),
        "source_ip": app.current_event.request_context.identity.source_ip,
        "user_agent": app.current_event.headers.get("User-Agent"),
    }
    rows = [{**event.model_dump(mode="json"), **known} for event in post.events]
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(_messages(rows))]
    for start in range(0, len(entries), 10):
        sqs.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries[start : start + 10])
    return {"accepted": [event.event_id for event in post.events]}


def _messages(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(rows[start : start + _EVENTS_PER_MESSAGE]) for start in range(0, len(rows), _EVENTS_PER_MESSAGE)]


@idempotent_function(data_keyword_argument="row", config=config, persistence_store=idempotency)
def store(row: dict[str, Any]) -> None:
    dynamodb.put_item(
        TableName=os.environ["TABLE_NAME"],
        Item={
            "pk": {"S": row["user_id"]},
            "sk": {"S": f"{row['timestamp']}#{row['event_id']}"},
            "event_type": {"S": row["event_type"]},
            "data": {"S": json.dumps(row)},
        },
    )


def handle_record(record: SQSRecord) -> None:
    rows = [event.model_dump(mode="json") for event in parse(event={"events": record.json_body}, model=Batch).events]
    for row in rows:
        store(row=row)
    s3.put_object(
        Bucket=os.environ["BUCKET_NAME"],
        Key=f"events/{record.message_id}.jsonl",
        Body="\n".join(json.dumps(row) for row in rows).encode(),
    )


@logger.inject_lambda_context
def api(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)


@logger.inject_lambda_context
def processor(event: dict[str, Any], context: Any) -> Any:
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle_record, processor=batch, context=context)
