"""The baseline with Chalice and marshmallow: one route and a schema of one field.

It shows the start cost of these two.
"""

from __future__ import annotations

from typing import Any

from chalice import Chalice
from marshmallow import INCLUDE, Schema, fields

from bench.contestants import floor

api = Chalice(app_name="least")


class EventSchema(Schema):
    class Meta:
        unknown = INCLUDE

    event_type = fields.String(required=True)


schema = EventSchema()


@api.route("/events", methods=["POST"])
def post_events() -> dict[str, int]:
    body = api.current_request.json_body
    events = body.get("events", [body])
    floor.send([schema.load(event) for event in events])
    return {"accepted": len(events)}


@api.on_sqs_message(queue="millrace-chunks", batch_size=10)
def processor(event: Any) -> None:
    floor.processor(event.to_dict(), None)
