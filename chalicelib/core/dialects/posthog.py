"""PostHog's capture calls: a batch, an array or one event; plain, gzip, or base64 in a form.

https://posthog.com/docs/api/capture and .../docs/data/timestamps
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from chalicelib.core import access_key, limits, payload, timestamps
from chalicelib.core.dialects import (
    Incoming,
    Post,
    RawEvent,
    add_absent,
    add_free,
    given,
    id_in,
    is_given,
    moment_of,
    object_in,
    shared_of,
    text_in,
    without,
)
from chalicelib.core.dialects.registry import POSTHOG
from chalicelib.core.event import POSTHOG_PEOPLE, as_id
from chalicelib.errors import Problem

# What the libraries ask for beside sending: no flags, no recordings, no surveys, and how bodies may be packed.
_NO_EXTRAS = {
    "supportedCompression": ["gzip", "gzip-js", "base64"],
    "hasFeatureFlags": False,
    "sessionRecording": False,
    "surveys": False,
    "heatmaps": False,
    "autocapture_opt_out": False,
    "capturePerformance": False,
    "siteApps": [],
}
_NO_FLAGS = {"flags": {}, "featureFlags": {}, "featureFlagPayloads": {}, "errorsWhileComputingFlags": False}

_PLACED = (
    *("event", "uuid", "timestamp", "properties", "$set", "$set_once"),
    *(*POSTHOG_PEOPLE.users, *POSTHOG.key_in_body),
)

#: When a batch, or an event, was sent: some versions of the Python library write the second.
_SENT = ("sent_at", "sentAt")
_SENT_HEADER = "posthog-request-timestamp"  # of Capture v1

# An object with base64 in `data`, beside a few plain fields: told before anything is parsed.
_FIELD = rb'\s*"(?!event"|batch")\w+"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*'
_WRAPPED = re.compile(rb"\s*\{(?:" + _FIELD + rb',){0,9}\s*"data"\s*:\s*"([^"]*)"\s*(?:,' + _FIELD + rb"){0,9}\}\s*")
_MILLISECONDS = re.compile(r"[0-9]{13}")


def read(incoming: Incoming) -> Post:
    """The events of a capture call. Raises Problem."""
    document, beside = _document(incoming.body)
    if isinstance(document, dict) and isinstance(document.get("batch"), list):
        messages, document = document["batch"], without(document, "batch")
        beside = add_free(document, "form", add_absent(document, beside))
    else:
        messages = document if isinstance(document, list) else [document]
    key, clock = text_in(beside, *POSTHOG.key_in_body), _Clock.of(beside, incoming)
    events = [_event(each, key, clock) for each in payload.bounded(messages)]
    return Post(events, key, shared_of({}, without(beside, *POSTHOG.key_in_body)))


def searched(body: bytes) -> bytes:
    """The bytes in which a key is looked for: also in a form and in base64. Nothing is parsed."""
    with contextlib.suppress(Problem):
        body, _ = _unwrapped(body)
    plain = _plain(body)
    wrapped = _WRAPPED.fullmatch(plain)
    return _unbase64(wrapped[1].replace(b"\\/", b"/")) if wrapped else plain  # as PHP writes a slash


def flags(_incoming: Incoming) -> dict[str, Any]:
    """The feature flags, of which there are none."""
    return _NO_FLAGS | _NO_EXTRAS


def extras(_incoming: Incoming) -> dict[str, Any]:
    """Which of its extras the browser library shall load: none."""
    return _NO_EXTRAS


def results(verdicts: list[dict[str, Any]], events: Sequence[RawEvent]) -> dict[str, Any]:
    """The verdicts as Capture v1 has them: by the uuid of the event. A library sends none of these again."""
    sent = [each.fields if isinstance(each.fields, dict) else {} for each in events]
    return {
        "results": {
            str(fields["event_id"]): _result(verdict)
            for fields, verdict in zip(sent, verdicts, strict=True)
            if is_given(fields.get("event_id"))
        }
    }


def _result(verdict: dict[str, Any]) -> dict[str, str]:
    if verdict["status"] == "accepted":
        warning = verdict.get("warning")
        return {"result": "warning", "details": warning["message"]} if warning else {"result": "ok"}
    return {"result": "drop", "details": verdict["message"]}


def extras_script(incoming: Incoming) -> str:
    """The same as a script, which the library loads first."""
    config = json.dumps({incoming.path["key"]: {"config": _NO_EXTRAS, "siteApps": []}})
    return f"window._POSTHOG_REMOTE_CONFIG = {config}"


def no_extra(_incoming: Incoming) -> str:
    """What the library loads for an extra before it knows that there are none."""
    return ""


def _document(body: bytes) -> tuple[Any, dict[str, Any]]:
    """The JSON in a body, and what stands beside it where it is the field `data` of a form or an object.

    navigator.sendBeacon sends forms; bare base64 and base64 in `data` have been other ways to pack it.
    """
    packed, beside = _unwrapped(body)
    document = payload.decode(_plain(packed))
    if packed is not body:
        return document, beside
    if isinstance(document, dict) and isinstance(document.get("data"), str) and {"event", "batch"}.isdisjoint(document):
        return payload.decode(_unbase64(document["data"].encode("utf-8", "surrogatepass"))), without(document, "data")
    return document, {}


def _unwrapped(body: bytes) -> tuple[bytes, dict[str, Any]]:
    """The field `data` of a form, and its other fields; or the body itself. Raises Problem."""
    if not body.startswith(b"data="):
        return body, {}
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=20)
        return form.pop("data")[0].encode(), {name: values[-1] for name, values in form.items()}
    except (ValueError, KeyError) as error:
        raise Problem("not_json", "The form has no readable field data.") from error


def _plain(body: bytes) -> bytes:
    """JSON as it is, or from base64."""
    body = body.removeprefix(BOM_UTF8)
    return body if body.lstrip()[:1] in (b"{", b"[") or not body.strip() else _unbase64(body)


def _unbase64(body: bytes) -> bytes:
    try:
        # A plus sign that was not percent-encoded in a form comes as a space.
        decoded = base64.b64decode(body.replace(b" ", b"+"), validate=True)
    except (binascii.Error, ValueError):
        return body  # not base64: then it is for the JSON parser to say what is wrong
    try:
        # Older browser libraries encode each half of a surrogate pair by itself.
        return decoded.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeError:
        return decoded


@dataclass(frozen=True, slots=True)
class _Clock:
    """What a request says of its times. `sent`: when it was sent, by the client's clock; imports are not corrected."""

    received: datetime
    sent: datetime | None
    sent_in_query: datetime | None
    is_import: bool

    @classmethod
    def of(cls, envelope: dict[str, Any], incoming: Incoming) -> _Clock:
        # Without sent_at the browser's library says so in the query.
        milliseconds = incoming.query.get("_", "")
        in_query = moment_of(int(milliseconds)) if _MILLISECONDS.fullmatch(milliseconds) else None
        is_import = envelope.get("historical_migration") is True
        sent = given(envelope, *_SENT) or incoming.headers.get(_SENT_HEADER)
        return cls(incoming.received, moment_of(sent), in_query, is_import)

    def sent_of(self, message: dict[str, Any]) -> datetime | None:
        """When the client sent a message."""
        own = given(message, *_SENT)
        return (self.sent if own is None else moment_of(own)) or self.sent_in_query


def _event(message: Any, key: str | None, clock: _Clock) -> RawEvent:
    """`key`: that of the envelope."""
    if not isinstance(message, dict):
        return RawEvent(message)
    content = without(message, *_SENT, "offset")  # a retry has others
    properties, named = _properties(message, key)
    user = given(message, *POSTHOG_PEOPLE.users)
    user = given(properties, *POSTHOG_PEOPLE.users) if user is None else user
    anonymous = id_in(properties, *POSTHOG_PEOPLE.anonymous, max_length=limits.MAX_USER_LENGTH)
    if properties.get("$is_identified") is False:
        user, anonymous = None, user
    insert_id = id_in(properties, "$insert_id", max_length=limits.MAX_EVENT_ID_LENGTH)
    timestamp, sent = _time(message, properties, clock)
    rest = add_absent(properties, {name: message[name] for name in ("$set", "$set_once") if name in message})
    rest |= without(message, *_PLACED)
    if is_given(message.get("timestamp")):
        rest["timestamp"] = message["timestamp"]
    return RawEvent(
        {
            "event_type": message.get("event"),
            "event_id": message["uuid"] if is_given(message.get("uuid")) else insert_id,
            "user_id": user,
            "anonymous_id": anonymous if as_id(anonymous) != as_id(user) else None,
            "timestamp": timestamp,
            "properties": properties,
            "context": add_free({}, "posthog", rest),
        },
        sent,
        counts_from_receipt=timestamp is not None and not is_given(message.get("timestamp")),
        tolerates_time=True,
        content=content,
        max_bytes=limits.MAX_POSTHOG_EVENT_BYTES,
        key=named,
    )


def _properties(message: dict[str, Any], key: str | None) -> tuple[dict[str, Any], str | None]:
    """The properties without the key, and the key that the event names; `key`: that of its envelope.

    The browser's library puts the key among the properties as `token`, where other senders have tokens of their own.
    """
    properties = dict(object_in(message, "properties"))
    token = text_in(properties, "token")
    if token and (access_key.id_in(token) or token == key):
        del properties["token"]
    return properties, access_key.first_in((text_in(message, *POSTHOG.key_in_body), token))


def _time(message: dict[str, Any], properties: dict[str, Any], clock: _Clock) -> tuple[Any, datetime | None]:
    """The event's time, and when the client sent it if that time is its clock's."""
    timestamp, offset = given(message, "timestamp"), message.get("offset")
    if timestamp is not None:
        own = message.get("historical_migration")
        is_exact = properties.get("$ignore_sent_at") or object_in(message, "options").get("disable_skew_correction")
        if (own is True if is_given(own) else clock.is_import) or is_exact:
            return timestamps.in_utc(timestamp), None
        return timestamps.in_utc(timestamp), clock.sent_of(message)
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        with contextlib.suppress(OverflowError):  # an absurd offset is no time
            return timestamps.sortable(clock.received - timedelta(milliseconds=offset)), None
    return None, None
