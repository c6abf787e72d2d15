"""Millrace's own form: POST /events, and the pixel for where there is no script."""

from __future__ import annotations

from typing import Any

from chalicelib.core import payload
from chalicelib.core.dialects import Incoming, Post, RawEvent, cloudevents, text_in, without

# navigator.sendBeacon sets no headers, so the key may be in the body, beside the event or the events.
_KEYS = ("write_key", "writeKey")
#: What a key is called in a query.
KEY_PARAMETERS = (*_KEYS, "key", "api_key")
_FIELDS = ("event_type", "user_id", "anonymous_id", "event_id", "timestamp")


def read(incoming: Incoming) -> Post:
    """The events of POST /events, CloudEvents among them. Raises Problem."""
    if cloudevents.are_in(incoming.headers):
        return cloudevents.read(incoming)
    document, key = payload.parse(incoming.body), None
    if isinstance(document, dict):
        key = text_in(document, *_KEYS)
        document = without(document, *_KEYS)
    return Post([_own(each) for each in payload.events_of(document)], key)


def _own(raw: Any) -> RawEvent:
    return cloudevents.read_one(raw) if cloudevents.is_one(raw) else RawEvent(raw)


def read_pixel(incoming: Incoming) -> Post:
    """The one event that a query string tells; what is not a field of an event is a property."""
    fields: dict[str, Any] = {name: value for name in _FIELDS if (value := incoming.query.get(name))}
    timestamp = fields.get("timestamp", "")
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15:
        fields["timestamp"] = int(timestamp)
    properties = without(incoming.query, *_FIELDS, *KEY_PARAMETERS)
    return Post([RawEvent({**fields, "properties": properties})])
