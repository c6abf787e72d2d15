"""The usual sample: a message for each event, and an item and an object for each message."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
from chalice import BadRequestError, Chalice
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

app = Chalice(app_name="reference")
sqs = boto3.client("sqs")
dynamodb = boto3.client("dynamodb")
s3 = boto3.client("s3")


class EventSchema(Schema):
    class Meta:
        unknown = INCLUDE

    event_type = fields.String(required=True, validate=validate.Length(min=1, max=100))
    user_id = fields.String(required=True, validate=validate.Length(min=1, max=256))
    event_id = fields.String(load_default=lambda: uuid4().hex)
    timestamp = fields.AwareDateTime()
    properties = fields.Dict(load_default=dict)
    context = fields.Dict(load_default=dict)


schema = EventSchema()


@app.route("/events", methods=["POST"])
def post_events() -> dict[str, Any]:
    """Validate, enrich, and send a message for each event."""
    request = app.current_request
    body = request.json_body
    accepted = []
    for raw in body.get("events", [body]):
        try:
            event = schema.load(raw)
        except ValidationError as error:
            raise BadRequestError(str(error.messages)) from error
        received = datetime.now(UTC)
        event["timestamp"] = event.get("timestamp", received).isoformat()
        event["received_at"] = received.isoformat()
        event["source_ip"] = request.context["identity"]["sourceIp"]
        event["user_agent"] = request.headers.get("user-agent")
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(event))
        accepted.append(event["event_id"])
    return {"accepted": accepted}


@app.on_sqs_message(queue="millrace-chunks", batch_size=10)
def processor(event: Any) -> None:
    """Store an item and an object for each event."""
    for record in event:
        row = json.loads(record.body)
        dynamodb.put_item(
            TableName=os.environ["TABLE_NAME"],
            Item={
                "pk": {"S": row["user_id"]},
                "sk": {"S": f"{row['timestamp']}#{row['event_id']}"},
                "event_type": {"S": row["event_type"]},
                "data": {"S": json.dumps(row)},
            },
        )
        s3.put_object(
            Bucket=os.environ["BUCKET_NAME"],
            Key=f"events/{row['received_at'][:10]}/{row['event_id']}.json",
            Body=json.dumps(row).encode(),
            ContentType="application/json",
        )


api = app
