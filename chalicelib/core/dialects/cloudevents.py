"""CloudEvents 1.0 over HTTP: structured, batched and binary.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from chalicelib.core import limits, payload
from chalicelib.core.dialects import Incoming, Post, RawEvent, first_of, id_in, text_in, without
from chalicelib.core.dialects.registry import media_type
from chalicelib.core.event import CLOUDEVENT_PEOPLE, CLOUDEVENT_STAND_INS, DATA_PEOPLE, Rejected, stable_id
from chalicelib.errors import Problem

_REQUIRED = ("specversion", "id", "source", "type")
_JSON = re.compile(r"[^/]+/([^/]+\+)?json")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')


def is_one(fields: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a CloudEvent, under whatever content type it came."""
    return all(name in fields for name in _REQUIRED) and "event_type" not in fields


def open_body(incoming: Incoming) -> bytes:
    """The plain body; in binary mode the data of an event, which may be any bytes. Raises Problem."""
    if media_type(incoming.headers).startswith("application/cloudevents"):
        return payload.open_text(incoming.body)
    return payload.inflate(incoming.body)


def read(incoming: Incoming) -> Post:
    """The CloudEvents of a request, of which a batch may hold none. Raises Problem."""
    content_type = media_type(incoming.headers)
    if not content_type.startswith("application/cloudevents"):
        return Post([_binary(incoming, content_type)])
    if not content_type.endswith("json"):
        raise Problem("not_json", f"Of the event formats only JSON is read, not {content_type[:60]}.")
    document = payload.decode(incoming.body)
    if content_type.startswith("application/cloudevents-batch"):
        if not isinstance(document, list):
            raise Problem("not_json", "A batch of CloudEvents is a JSON array.")
        return Post([read_one(each) for each in (payload.bounded(document) if document else [])])
    return Post([read_one(document)])


def read_one(event: Any) -> RawEvent:
    """A CloudEvent in Millrace's own form; rejected if it is none."""
    if not isinstance(event, dict):
        return RawEvent(event)
    for name in _REQUIRED:
        if text_in(event, name) is None:
            return _rejected(event, "missing_field", f"A CloudEvent needs {name}, a string.", name)
    data = event.get("data")
    properties = data if isinstance(data, dict) else {"data": data} if "data" in event else {}
    if "data_base64" in event:
        properties = {**properties, "data_base64": event["data_base64"]}
    user = first_of(
        id_in(event, *CLOUDEVENT_PEOPLE.users),
        id_in(properties, *DATA_PEOPLE.users),
        id_in(event, *CLOUDEVENT_STAND_INS.users),
    )
    anonymous = first_of(id_in(event, *CLOUDEVENT_PEOPLE.anonymous), id_in(properties, *DATA_PEOPLE.anonymous))
    # What is the user is kept as such and not twice: a project may want it hidden.
    told = [name for name in (*CLOUDEVENT_PEOPLE.users, *CLOUDEVENT_STAND_INS.users) if user == event.get(name)]
    fields = {
        "event_type": event["type"],
        "event_id": _identity(event["source"], event["id"]),
        "user_id": user,
        "anonymous_id": event["source"] if user is None and anonymous is None else anonymous,
        "timestamp": event.get("time"),
        "properties": properties,
        "context": {"cloudevent": without(event, "data", "data_base64", "type", "time", *told)},
    }
    return RawEvent(fields)


def _rejected(event: Any, code: str, message: str, field: str) -> RawEvent:
    return RawEvent(event, rejected=Rejected(code, message, field))


def _identity(source: str, event_id: str) -> str:
    """CloudEvents are told apart by source and id together; a source, being a URI, holds no space."""
    identity = f"{source.replace(' ', '%20')} {event_id}"
    return identity if len(identity) <= limits.MAX_EVENT_ID_LENGTH else stable_id(source, event_id)


def _binary(incoming: Incoming, content_type: str) -> RawEvent:
    """Attributes from ce- headers, data from the body."""
    event: dict[str, Any] = {}
    for header, value in incoming.headers.items():
        if header.startswith("ce-"):
            try:
                event[header[3:]] = _header_text(value)
            except UnicodeError:
                return _rejected(event, "bad_text", f"{header[:60]} is not percent-encoded UTF-8.", header[3:])
    if content_type:
        event["datacontenttype"] = incoming.headers["content-type"]
    body = incoming.body
    if not body:
        return read_one(event)
    if content_type and not _JSON.fullmatch(content_type):
        return read_one(event | _opaque(body, content_type))
    try:
        return read_one(event | {"data": payload.decode(body)})
    except Problem:
        if content_type:
            raise
        return read_one(event | _opaque(body, "text/plain"))  # nobody said that it is JSON


def _opaque(body: bytes, content_type: str) -> dict[str, str]:
    """Data that is no JSON, as the JSON event format has it: text if it is text, otherwise base64."""
    if content_type.startswith("text/"):
        with contextlib.suppress(UnicodeDecodeError):
            return {"data": body.decode("utf-8")}
    return {"data_base64": base64.b64encode(body).decode()}


def _header_text(value: str) -> str:
    # Only as a whole: to look for quotes inside it takes the square of its length.
    if quoted := _QUOTED.fullmatch(value.strip()):
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    return unquote_to_bytes(value).decode("utf-8")
