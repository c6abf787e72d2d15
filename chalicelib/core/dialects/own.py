"""Millrace's own form: POST /events, and the pixel for where there is no script."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from chalicelib.core import payload
from chalicelib.core.dialects import Incoming, Post, RawEvent, text_in, without
from chalicelib.core.dialects.registry import OWN, PIXEL
from chalicelib.core.event import SENT_FIELDS

#: The fields that a query can tell, by name.
PIXEL_FIELDS = {row.name: row.kind for row in SENT_FIELDS if row.kind != "object"}
_EPOCH = re.compile("[0-9]{1,15}")


def read(incoming: Incoming) -> Post:
    """The events of POST /events; a CloudEvent among them is read as one. Raises Problem."""
    document = payload.parse(incoming.body)
    key = text_in(document, *OWN.key_in_body) if isinstance(document, dict) else None
    return Post([_own(each) for each in payload.events_of(document)], key)


def _own(raw: Any) -> RawEvent:
    if not isinstance(raw, dict):
        return RawEvent(raw)
    raw, key = without(raw, *OWN.key_in_body), text_in(raw, *OWN.key_in_body)
    if "specversion" in raw:
        from chalicelib.core.dialects import cloudevents

        if cloudevents.is_one(raw):
            return replace(cloudevents.read_one(raw), key=key)
    return RawEvent(raw, key=key)


def read_pixel(incoming: Incoming) -> Post:
    """The one event that a query string tells; what is not a field of an event is a property."""
    fields: dict[str, Any] = {}
    for name, kind in PIXEL_FIELDS.items():
        if value := incoming.query.get(name):
            fields[name] = int(value) if kind == "time" and _EPOCH.fullmatch(value) else value
    properties = without(incoming.query, *PIXEL_FIELDS, *PIXEL.key_in_query)
    return Post([RawEvent({**fields, "properties": properties})])
