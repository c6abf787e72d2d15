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
from chalicelib.core.dialects import Incoming, Post, RawEvent, add_absent, given, id_in, text_in, without
from chalicelib.core.dialects.registry import media_type
from chalicelib.core.event import CLOUDEVENT_PEOPLE, CLOUDEVENT_STAND_INS, DATA_PEOPLE, Rejected, stable_id
from chalicelib.errors import Problem

_REQUIRED = ("specversion", "id", "source", "type")
#: The supported versions. Version 0.3 encodes binary data differently.
_VERSIONS = ("1.0", "0.3")
_JSON = re.compile(r"[^/]+/([^/]+\+)?json")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')


def is_one(fields: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is a CloudEvent, whatever its content type."""
    return all(name in fields for name in _REQUIRED) and "event_type" not in fields


def open_body(incoming: Incoming) -> bytes:
    """Return the plain body. In binary mode, the data may be any bytes, gzip included. Raises Problem."""
    if media_type(incoming.headers).startswith("application/cloudevents"):
        return payload.open_text(incoming.body)
    # Only the transport's compression is removed. Without the header, gzip is the event's data.
    if incoming.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate"):
        return payload.inflate(incoming.body)
    return payload.within_size(incoming.body)


def read(incoming: Incoming) -> Post:
    """Return the CloudEvents of a request. A batch may be empty. Raises Problem."""
    content_type = media_type(incoming.headers)
    if not content_type.startswith("application/cloudevents"):
        return Post([_binary(incoming, content_type)])
    if not content_type.endswith("json"):
        raise Problem("not_json", f"The event format {content_type[:60]} is not supported. Use JSON.")
    document = payload.decode(incoming.body)
    if content_type.startswith("application/cloudevents-batch"):
        if not isinstance(document, list):
            raise Problem("not_json", "A batch of CloudEvents is a JSON array.")
        return Post([read_one(each) for each in (payload.bounded(document) if document else [])])
    return Post([read_one(document)])


def read_one(event: Any) -> RawEvent:
    """Return a CloudEvent in Millrace's own form. An invalid one is rejected."""
    if not isinstance(event, dict):
        return RawEvent(event)
    for name in _REQUIRED:
        if text_in(event, name) is None:
            return _rejected(event, "missing_field", f"A CloudEvent needs {name}, a string.", name)
    if event["specversion"] not in _VERSIONS:
        message = f"specversion must be one of {', '.join(_VERSIONS)}."
        return _rejected(event, "unknown_version", message, "specversion")
    if event["specversion"] == "0.3" and event.get("datacontentencoding") == "base64":
        event = _decoded(event)
    data = event.get("data")
    properties = dict(data) if isinstance(data, dict) else {"data": data} if "data" in event else {}
    more = add_absent(properties, {"data_base64": event["data_base64"]} if "data_base64" in event else {})
    user, anonymous = _people(event, properties)
    # The user is stored once, as the user. A copy in the context would not be hidden in a project that hides users.
    told = [name for name in (*CLOUDEVENT_PEOPLE.users, *CLOUDEVENT_STAND_INS.users) if user == event.get(name)]
    fields = {
        "event_type": event["type"],
        "event_id": _identity(event["source"], event["id"]),
        "user_id": user,
        "anonymous_id": anonymous,
        "timestamp": given(event, "time"),
        "properties": properties,
        "context": {"cloudevent": without(event, "data", "data_base64", "type", "time", *told) | more},
    }
    return RawEvent(fields)


def _people(event: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the user and the anonymous id. If nobody is named, the source is the anonymous id (a hash if it is long).

    Only the two extension attributes are meant as ids. In data or subject, an invalid id is ignored.
    """
    user = given(event, *CLOUDEVENT_PEOPLE.users)
    for fields, names in ((data, DATA_PEOPLE.users), (event, CLOUDEVENT_STAND_INS.users)):
        user = id_in(fields, *names, max_length=limits.MAX_USER_LENGTH) if user is None else user
    anonymous = given(event, *CLOUDEVENT_PEOPLE.anonymous)
    if anonymous is None:
        anonymous = id_in(data, *DATA_PEOPLE.anonymous, max_length=limits.MAX_USER_LENGTH)
    if user is not None or anonymous is not None:
        return user, anonymous
    source = id_in(event, *CLOUDEVENT_STAND_INS.anonymous, max_length=limits.MAX_USER_LENGTH)
    return None, stable_id(event["source"]) if source is None else source


def _decoded(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of version 0.3 with its base64 data decoded, like binary data of the same content type."""
    try:
        body = base64.b64decode(event.get("data") or "", validate=True)
        data = _data(body, str(event.get("datacontenttype") or "application/json"))
    except (ValueError, TypeError, Problem):
        return event  # unchanged, with the encoding that it names
    return without(event, "data", "datacontentencoding") | data


def _rejected(event: Any, code: str, message: str, field: str) -> RawEvent:
    return RawEvent(event, rejected=Rejected(code, message, field))


def _identity(source: str, event_id: str) -> str:
    """Return the event_id: source and id together identify a CloudEvent. A source is a URI, so it has no space."""
    identity = f"{source.replace(' ', '%20')} {event_id}"
    return identity if len(identity) <= limits.MAX_EVENT_ID_LENGTH else stable_id(source, event_id)


def _binary(incoming: Incoming, content_type: str) -> RawEvent:
    """Return the event of a binary request: attributes from ce- headers, data from the body."""
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
    if body:
        event |= _data(body, content_type)
        if content_type not in limits.BYTE_TYPES and not _JSON.fullmatch(content_type):
            _check_passed(body, content_type or "no name")
    return read_one(event)


def _data(body: bytes, content_type: str) -> dict[str, Any]:
    """Return binary data in the form of the JSON event format: JSON, text or base64. Raises Problem."""
    media_type = content_type.partition(";")[0].strip().lower()
    if _JSON.fullmatch(media_type):
        return {"data": payload.decode(body)}
    if not media_type:
        with contextlib.suppress(Problem):
            return {"data": payload.decode(body)}  # without a content type, JSON is tried first
    if not media_type or media_type.startswith("text/"):
        with contextlib.suppress(UnicodeDecodeError):
            return {"data": body.decode("utf-8")}
    return {"data_base64": base64.b64encode(body).decode()}


def _check_passed(body: bytes, media_type: str) -> None:
    """Raise Problem if API Gateway has damaged the bytes.

    It turns bodies of most types into text, and replaces bytes that are not UTF-8.
    """
    try:
        is_whole = "\ufffd" not in body.decode("utf-8")
    except UnicodeDecodeError:
        is_whole = False
    if not is_whole:
        safe = ", ".join(limits.BYTE_TYPES)
        message = f"Bytes of type {media_type[:60]} arrive damaged. Send them as data_base64, or as one of {safe}."
        raise Problem("unsupported_media_type", message)


def _header_text(value: str) -> str:
    # Only a text that is quoted as a whole is read. A search for quotes inside the text would take quadratic time.
    if quoted := _QUOTED.fullmatch(value.strip()):
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    return unquote_to_bytes(value).decode("utf-8")
