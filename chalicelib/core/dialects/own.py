"""Millrace's own form: POST /events, and the pixel for where there is no script."""

from __future__ import annotations

from typing import Any

from chalicelib.core import payload
from chalicelib.core.dialects import Incoming, Post, RawEvent, text_in, without
from chalicelib.core.dialects.registry import OWN, PIXEL

_FIELDS = ("event_type", "user_id", "anonymous_id", "event_id", "timestamp")


def read(incoming: Incoming) -> Post:
    """The events of POST /events; a CloudEvent among them is read as one. Raises Problem."""
    document, key = payload.parse(incoming.body), None
    if isinstance(document, dict):
        key = text_in(document, *OWN.key_in_body)
        document = without(document, *OWN.key_in_body)
    return Post([_own(each) for each in payload.events_of(document)], key)


def _own(raw: Any) -> RawEvent:
    if isinstance(raw, dict) and "specversion" in raw:
        from chalicelib.core.dialects import cloudevents

        if cloudevents.is_one(raw):
            return cloudevents.read_one(raw)
    return RawEvent(raw)


def read_pixel(incoming: Incoming) -> Post:
    """The one event that a query string tells; what is not a field of an event is a property."""
    fields: dict[str, Any] = {name: value for name in _FIELDS if (value := incoming.query.get(name))}
    timestamp = fields.get("timestamp", "")
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15:
        fields["timestamp"] = int(timestamp)
    properties = without(incoming.query, *_FIELDS, *PIXEL.key_in_query)
    return Post([RawEvent({**fields, "properties": properties})])
