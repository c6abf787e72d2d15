"""Millrace's own form: POST /events, and the pixel for places without scripts."""

from __future__ import annotations

from typing import Any

from chalicelib.core import payload, timestamps
from chalicelib.core.dialects import Incoming, Post, RawEvent, given, shared_of, text_in, without
from chalicelib.core.dialects.registry import OWN, PIXEL
from chalicelib.core.event import SENT_FIELDS, Rejected

#: The fields that a query can hold, by name.
PIXEL_FIELDS = {row.name: row.kind for row in SENT_FIELDS if row.kind != "object"}
# An event with one of these names a key, or is a CloudEvent.
_UNLIKE_OWN = {*OWN.key_in_body, "specversion"}


def read(incoming: Incoming) -> Post:
    """Return the events of POST /events, which may be CloudEvents. Raises Problem."""
    document = payload.decode(incoming.body)
    beside = document if payload.has_events(document) else {}
    kept = without(beside, "events", *OWN.key_in_body)
    events = [_own(each) for each in payload.events_of(document)]
    return Post(events, text_in(beside, *OWN.key_in_body), shared_of({}, kept))


def _own(raw: Any) -> RawEvent:
    if not isinstance(raw, dict):
        return RawEvent(raw)
    if _UNLIKE_OWN.isdisjoint(raw):
        return RawEvent(raw)
    event, key = RawEvent(without(raw, *OWN.key_in_body)), text_in(raw, *OWN.key_in_body)
    if "specversion" in raw:
        from chalicelib.core.dialects import cloudevents

        event = cloudevents.read_one(event.fields) if cloudevents.is_one(raw) else event
    return event._replace(key=key)


def read_pixel(incoming: Incoming) -> Post:
    """Return the one event in a query string. A parameter that is not a field becomes a property.

    A repeated property becomes the list of its values. A repeated field rejects the event.
    """
    query = {name: values[0] if len(values := incoming.values(name)) == 1 else values for name in incoming.query}
    fields: dict[str, Any] = {}
    for name, kind in PIXEL_FIELDS.items():
        value = given(query, name)
        if isinstance(value, list):
            refusal = Rejected("ambiguous_field", f"{name} is given more than once.", name)
            return Post([RawEvent(query, rejected=refusal)])
        if value is not None:
            fields[name] = _time_of(value) if kind == "time" else value
    properties = without(query, *PIXEL_FIELDS, *PIXEL.key_in_query)
    return Post([RawEvent({**fields, "properties": properties})])


def _time_of(text: str) -> Any:
    """Return a query's time in a form that events may have. An invalid time stays, and validation rejects it."""
    try:
        moment = timestamps.parse_loosely(text)
    except ValueError:
        return text
    if text.isdecimal():
        return int(text)
    try:
        timestamps.parse(text)
    except ValueError:
        return timestamps.sortable(moment)
    return text
