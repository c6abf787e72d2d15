"""PostHog's capture calls: a batch, an array or one event; plain, gzip, or base64 in a form.

https://posthog.com/docs/api/capture and .../docs/data/timestamps
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from chalicelib.core import access_key, payload, timestamps
from chalicelib.core.dialects import (
    Incoming,
    Post,
    RawEvent,
    first_of,
    gathered,
    id_in,
    in_utc,
    moment_of,
    object_in,
    text_in,
    with_absent,
    without,
)
from chalicelib.core.dialects.registry import POSTHOG
from chalicelib.core.event import POSTHOG_PEOPLE
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

_PLACED = ("event", "uuid", "distinct_id", "timestamp", "properties", "$set", "$set_once", *POSTHOG.key_in_body)

# An object with base64 in `data`, beside a few plain fields: told before anything is parsed.
_FIELD = rb'\s*"(?!event")\w+"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*'
_WRAPPED = re.compile(rb"\s*\{(?:" + _FIELD + rb',){0,9}\s*"data"\s*:\s*"([^"]*)"\s*(?:,' + _FIELD + rb"){0,9}\}\s*")

_MILLISECONDS = re.compile(r"[0-9]{13}")


def open_body(incoming: Incoming) -> bytes:
    """The JSON in a body, also in base64, in a form with `data` or in JSON with `data`. Raises Problem."""
    body = _unwrapped(payload.inflate(incoming.body))
    if wrapped := _WRAPPED.fullmatch(body):
        body = _unbase64(wrapped[1].replace(b"\\/", b"/")) or body  # as PHP writes a slash
    return payload.open_text(body)


def read(incoming: Incoming) -> Post:
    """The events of a capture call. Raises Problem."""
    document = payload.decode(incoming.body)
    envelope = document if isinstance(document, dict) and isinstance(document.get("batch"), list) else {}
    messages = envelope["batch"] if envelope else document
    messages = payload.bounded(messages if isinstance(messages, list) else [messages])
    key = text_in(envelope, *POSTHOG.key_in_body)
    clock = _Clock.of(envelope, incoming)
    shared = {name: envelope[name] for name in ("sent_at", "historical_migration") if envelope.get(name)}
    return Post([_event(each, key, clock) for each in messages], key, gathered({}, "posthog_batch", shared))


def flags(_incoming: Incoming) -> dict[str, Any]:
    """The feature flags, of which there are none."""
    return _NO_FLAGS | _NO_EXTRAS


def extras(_incoming: Incoming) -> dict[str, Any]:
    """Which of its extras the browser library shall load: none."""
    return _NO_EXTRAS


def _unwrapped(body: bytes) -> bytes:
    """The JSON in a body that may be a form with `data`, as navigator.sendBeacon sends it, or bare base64."""
    if body.startswith(b"data="):
        try:
            body = parse_qs(body.decode("ascii"), max_num_fields=20)["data"][0].encode()
        except (ValueError, KeyError) as error:
            raise Problem("not_json", "The form has no readable field data.") from error
    return body if _is_json(body) else _unbase64(body) or body


def _is_json(body: bytes) -> bool:
    return body.lstrip()[:1] in (b"{", b"[")


def _unbase64(text: bytes) -> bytes | None:
    """The JSON in base64; None for what is no such thing."""
    try:
        # A plus sign that was not percent-encoded in a form comes as a space.
        plain = base64.b64decode(text.replace(b" ", b"+"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return plain if _is_json(plain) else None


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
        sent = moment_of(in_utc(envelope.get("sent_at")))
        return cls(incoming.received, sent, in_query, envelope.get("historical_migration") is True)


def _event(message: Any, batch_key: str | None, clock: _Clock) -> RawEvent:
    if not isinstance(message, dict):
        return RawEvent(message)
    properties = dict(object_in(message, "properties"))
    # The browser's library puts the key among the properties, where others have tokens of their own.
    token = text_in(properties, "token")
    key = access_key.first_in((text_in(message, *POSTHOG.key_in_body), token))
    if token and (access_key.id_in(token) or token == batch_key):
        del properties["token"]
    user = first_of(id_in(message, *POSTHOG_PEOPLE.users), id_in(properties, *POSTHOG_PEOPLE.users))
    anonymous = id_in(properties, *POSTHOG_PEOPLE.anonymous)
    if properties.get("$is_identified") is False:
        user, anonymous = None, user
    timestamp, sent = _time(message, properties, clock)
    rest = with_absent(properties, {name: message[name] for name in ("$set", "$set_once") if name in message})
    rest |= without(message, *_PLACED)
    if sent and message.get("timestamp"):
        rest["timestamp"] = message["timestamp"]
    return RawEvent(
        {
            "event_type": message.get("event"),
            "event_id": id_in(message, "uuid") or id_in(properties, "$insert_id"),
            "user_id": user,
            "anonymous_id": anonymous if anonymous != user else None,
            "timestamp": timestamp,
            "properties": properties,
            "context": gathered({}, "posthog", rest),
        },
        sent,
        sole_id=True,
        key=key,
    )


def _time(message: dict[str, Any], properties: dict[str, Any], clock: _Clock) -> tuple[Any, datetime | None]:
    """The event's time, and when the client sent it if that time is its clock's."""
    timestamp, offset = message.get("timestamp"), message.get("offset")
    if timestamp:
        if clock.is_import or properties.get("$ignore_sent_at"):
            return in_utc(timestamp), None
        return in_utc(timestamp), clock.sent or moment_of(in_utc(message.get("sent_at"))) or clock.sent_in_query
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        with contextlib.suppress(OverflowError):  # an absurd offset is no time
            # The time depends on when we received it: `sent` makes it guarded and corrects nothing.
            return timestamps.sortable(clock.received - timedelta(milliseconds=offset)), clock.received
    return None, None
