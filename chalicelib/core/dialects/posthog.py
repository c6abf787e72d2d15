"""PostHog's capture calls: a batch, an array or one event, as plain JSON, gzip, or base64 in a form.

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
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from chalicelib.core import access_key, limits, payload, timestamps
from chalicelib.core.clock import MAX_BEHIND, MAX_LIVE
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

# The answers to the libraries' other requests: no flags, recordings or surveys, and the supported compressions.
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

#: When a batch or event was sent. Some versions of the Python library write the second name.
_SENT = ("sent_at", "sentAt")
_SENT_HEADER = "posthog-request-timestamp"  # of Capture v1

# An object with base64 in `data`, beside a few plain fields. It is recognised before anything is parsed.
_FIELD = rb'\s*"(?!event"|batch")\w+"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*'
_WRAPPED = re.compile(rb"\s*\{(?:" + _FIELD + rb',){0,9}\s*"data"\s*:\s*"([^"]*)"\s*(?:,' + _FIELD + rb"){0,9}\}\s*")
_MILLISECONDS = re.compile(r"[0-9]{13}")


def read(incoming: Incoming) -> Post:
    """Return the events of a capture call. Raises Problem."""
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
    """Return the bytes in which to look for a key, unpacked from a form and base64. Nothing is parsed."""
    with contextlib.suppress(Problem):
        body, _ = _unwrapped(body)
    plain = _plain(body)
    wrapped = _WRAPPED.fullmatch(plain)
    return _unbase64(wrapped[1].replace(b"\\/", b"/")) if wrapped else plain  # PHP escapes slashes


def flags(_incoming: Incoming) -> dict[str, Any]:
    """Return the feature flags: none."""
    return _NO_FLAGS | _NO_EXTRAS


def extras(_incoming: Incoming) -> dict[str, Any]:
    """Return the extras that the browser library shall load: none."""
    return _NO_EXTRAS


def results(verdicts: list[dict[str, Any]], events: Sequence[RawEvent]) -> dict[str, Any]:
    """Return the verdicts in the form of Capture v1, by the uuid of the event. Libraries send no event again."""
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
    """Return the extras as a script, which the library loads first."""
    config = json.dumps({incoming.path["key"]: {"config": _NO_EXTRAS, "siteApps": []}})
    return f"window._POSTHOG_REMOTE_CONFIG = {config}"


def no_extra(_incoming: Incoming) -> str:
    """Return an empty script for an extra that the library loads before it knows that there are none."""
    return ""


def _document(body: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the JSON in a body. If it is the field `data` of a form or object, return the other fields too.

    navigator.sendBeacon sends forms. Older libraries sent bare base64, or base64 in `data`.
    """
    packed, beside = _unwrapped(body)
    document = payload.decode(_plain(packed))
    if packed is not body:
        return document, beside
    if isinstance(document, dict) and isinstance(document.get("data"), str) and {"event", "batch"}.isdisjoint(document):
        return payload.decode(_unbase64(document["data"].encode("utf-8", "surrogatepass"))), without(document, "data")
    return document, {}


def _unwrapped(body: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the field `data` of a form and its other fields, or the body itself. Raises Problem."""
    if not body.startswith(b"data="):
        return body, {}
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=20)
        return form.pop("data")[0].encode(), {name: values[-1] for name, values in form.items()}
    except (ValueError, KeyError) as error:
        raise Problem("not_json", "The form has no readable field data.") from error


def _plain(body: bytes) -> bytes:
    """Return a body's JSON, decoded from base64 if necessary."""
    body = body.removeprefix(BOM_UTF8)
    return body if body.lstrip()[:1] in (b"{", b"[") or not body.strip() else _unbase64(body)


def _unbase64(body: bytes) -> bytes:
    try:
        # A plus sign that was not percent-encoded in a form comes as a space.
        decoded = base64.b64decode(body.replace(b" ", b"+"), validate=True)
    except (binascii.Error, ValueError):
        return body  # not base64: the JSON parser will name the error
    try:
        # Older browser libraries encode the halves of a surrogate pair separately.
        return decoded.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeError:
        return decoded


@dataclass(frozen=True, slots=True)
class _Clock:
    """The times of a request. `sent`: when it was sent, by the client's clock. Times of imports are not corrected."""

    received: datetime
    sent: datetime | None
    sent_in_query: datetime | None
    is_import: bool

    @classmethod
    def of(cls, envelope: dict[str, Any], incoming: Incoming) -> _Clock:
        # Without sent_at, the browser's library puts the time into the query.
        milliseconds = incoming.query.get("_", "")
        in_query = moment_of(int(milliseconds)) if _MILLISECONDS.fullmatch(milliseconds) else None
        is_import = envelope.get("historical_migration") is True
        sent = given(envelope, *_SENT) or incoming.headers.get(_SENT_HEADER)
        return cls(incoming.received, moment_of(sent), in_query, is_import)

    def sent_of(self, message: dict[str, Any]) -> datetime | None:
        """Return when the client sent a message."""
        own = given(message, *_SENT)
        return (self.sent if own is None else moment_of(own)) or self.sent_in_query


def _event(message: Any, key: str | None, clock: _Clock) -> RawEvent:
    """Return one event. `key`: the key of its batch."""
    if not isinstance(message, dict):
        return RawEvent(message)
    content = without(message, *_SENT, "offset")  # a retry changes these
    properties, named = _properties(message, key)
    user = given(message, *POSTHOG_PEOPLE.users)
    user = given(properties, *POSTHOG_PEOPLE.users) if user is None else user
    anonymous = id_in(properties, *POSTHOG_PEOPLE.anonymous, max_length=limits.MAX_USER_LENGTH)
    if properties.get("$is_identified") is False:
        user, anonymous = None, user
    insert_id = id_in(properties, "$insert_id", max_length=limits.MAX_EVENT_ID_LENGTH)
    time = _time(message, properties, clock)
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
            "timestamp": time.own,
            "properties": properties,
            "context": add_free({}, "posthog", rest),
        },
        time.sent,
        counts_from_receipt=time.counts_from_receipt,
        tolerates_time=True,
        content=content,
        max_bytes=limits.MAX_POSTHOG_EVENT_BYTES,
        key=named,
    )


def _properties(message: dict[str, Any], key: str | None) -> tuple[dict[str, Any], str | None]:
    """Return the properties without the key, and the key that the event names. `key`: the key of its batch.

    The browser's library puts the key among the properties as `token`. Other senders may have their own tokens there.
    """
    properties = dict(object_in(message, "properties"))
    token = text_in(properties, "token")
    if token and (access_key.id_in(token) or token == key):
        del properties["token"]
    return properties, access_key.first_in((text_in(message, *POSTHOG.key_in_body), token))


class _Time(NamedTuple):
    """The time of an event. `own`: the event's own time.

    `sent`: when the event was sent, by the clock that gave `own`. None: this is unknown, or `own` needs no correction.
    """

    own: Any = None
    sent: datetime | None = None
    counts_from_receipt: bool = False


def _time(message: dict[str, Any], properties: dict[str, Any], clock: _Clock) -> _Time:
    timestamp, offset = given(message, "timestamp"), message.get("offset")
    if timestamp is not None:
        own = message.get("historical_migration")
        is_exact = properties.get("$ignore_sent_at") or object_in(message, "options").get("disable_skew_correction")
        if (own is True if is_given(own) else clock.is_import) or is_exact:
            return _Time(timestamps.in_utc(timestamp))
        return _Time(timestamps.in_utc(timestamp), clock.sent_of(message))
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        with contextlib.suppress(OverflowError):  # an absurd offset counts as no time
            before = timedelta(milliseconds=offset)
            if captured := _captured(properties, before, clock.received):
                return _Time(timestamps.sortable(captured), captured + before)
            return _Time(timestamps.sortable(clock.received - before), counts_from_receipt=True)
    return _Time()


def _captured(properties: dict[str, Any], before: timedelta, received: datetime) -> datetime | None:
    """Return when the browser's library captured an event, if it says so and nobody set the time by hand.

    A retry repeats the offset of the first attempt. So the time of receipt minus the offset would be too late.
    """
    said = properties.get("$time")
    if properties.get("$event_time_override_provided") or not timedelta(0) <= before <= MAX_LIVE:
        return None
    with contextlib.suppress(ValueError):
        captured = timestamps.parse(said) if isinstance(said, int | float) else None
        return captured if captured and abs(received - captured) <= MAX_BEHIND else None
    return None
