"""What a library put on the wire beside what comes back, by the documented rules and none of the product's code."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from clients.tap import Heard

_PLACES = ("properties", "traits")
_CALLS = {"t": "track", "i": "identify", "p": "page", "g": "group", "a": "alias", "s": "screen"}
# What the received time and a time by the rule may differ by.
_CLOSE = timedelta(milliseconds=2)


@dataclass
class Sent:
    """An event on the wire. `sent`: when its request says that it was sent; `call`: named by its path."""

    event: dict[str, Any]
    form: str
    sent: str | None
    call: str | None = None
    is_offset: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_offset = self.form == "posthog" and "timestamp" not in self.event and "offset" in self.event

    @property
    def id(self) -> str | None:
        """The library's own id, if it gives one."""
        return self.event.get("messageId") or self.event.get("uuid") or self.properties.get("$insert_id")

    @property
    def properties(self) -> dict[str, Any]:
        return {name: value for place in _PLACES for name, value in (self.event.get(place) or {}).items()}

    @property
    def type(self) -> str:
        if self.form == "posthog":
            return str(self.event["event"])
        call = self.call or self.event["type"]
        return str(self.event["event"] if call == "track" else call)

    @property
    def people(self) -> tuple[str | None, str | None]:
        if self.form == "segment":
            return self.event.get("userId") or None, self.event.get("anonymousId") or None
        user = self.event.get("distinct_id") or self.event["properties"].get("distinct_id")
        if self.event["properties"].get("$is_identified") is False:
            return None, user
        device = self.event["properties"].get("$anon_distinct_id") or self.event["properties"].get("$device_id")
        return user, device if device != user else None


def sent_in(post: Heard, form: str) -> Iterator[Sent]:
    """The events of a request."""
    document = _document(post.body)
    address = urlsplit(post.path)
    headers = {name.lower(): value for name, value in post.headers.items()}
    envelope = document if isinstance(document, dict) else {}
    sent = envelope.get("sentAt") or envelope.get("sent_at") or headers.get("posthog-request-timestamp")
    if not sent and "_" in (query := parse_qs(address.query)):
        sent = query["_"][0]
    if "batch" in envelope:
        events, call = envelope["batch"], None
    else:
        events = document if isinstance(document, list) else [document]
        named = address.path.rstrip("/").rpartition("/")[2]
        call = _CALLS.get(named, named) if form == "segment" else None
    for event in events:
        yield Sent(event, form, event.get("sentAt") or event.get("sent_at") or sent, call)


def _document(body: bytes) -> Any:
    if body[:2] in (b"\x1f\x8b", b"x\x9c"):
        body = zlib.decompress(body, wbits=47)
    if body.startswith(b"data="):
        body = base64.b64decode(unquote(body.partition(b"&")[0][5:].decode()))
    return json.loads(body)


def differences(sent: Sent, stored: dict[str, Any]) -> list[str]:
    """How a stored event is another than the one that was sent."""
    found = []
    if stored["event_type"] != sent.type:
        found.append(f"type {stored['event_type']!r}")
    if (stored.get("user_id"), stored.get("anonymous_id")) != sent.people:
        found.append(f"people {stored.get('user_id')!r}, {stored.get('anonymous_id')!r} for {sent.people!r}")
    for name, value in sent.properties.items():
        if name == "token" and sent.form == "posthog":
            continue
        if name not in stored["properties"] or _text(stored["properties"][name]) != _text(value):
            found.append(f"property {name!r}")
    kept, wanted = set(_leaves(stored)), set(_leaves(sent.event))
    keys = {_text(sent.event.get("writeKey")), _text(sent.properties.get("token")), _text("track"), _text(sent.type)}
    if lost := wanted - kept - keys - set(_leaves(sent.event.get("offset"))):
        found.append(f"lost {sorted(lost)[:3]}")
    expected = expected_time(sent, stored)
    if abs(_moment(stored["timestamp"]) - expected) > _CLOSE:
        found.append(f"time {stored['timestamp']} for {expected.isoformat()}")
    return found


def expected_time(sent: Sent, stored: dict[str, Any]) -> datetime:
    """The time that docs/clients.md gives an event."""
    received = _moment(stored["received_at"])
    own: Any = sent.event.get("timestamp") or sent.event.get("originalTimestamp")
    at = _moment(sent.sent) if sent.sent else None
    if sent.is_offset:
        offset, own = timedelta(milliseconds=sent.event["offset"]), sent.properties.get("$time")
        if own is None or sent.properties.get("$event_time_override_provided"):
            return received - offset
        own = int(own * 1000)
        at = _moment(own) + offset
    if not own:
        return received
    time = _moment(own)
    both = sent.event.get("timestamp") and sent.event.get("originalTimestamp")
    if at and not both and abs(at - time) <= timedelta(days=1):
        late = received - at
        if late <= -timedelta(seconds=5) or timedelta(minutes=10) <= late <= timedelta(days=7):
            time += late
    return time if time <= received + timedelta(days=1) else received


def has_moved(stored: dict[str, Any], latest: float) -> bool:
    """Whether an event's time is later than the last moment at which its call was made, in epoch seconds."""
    return _moment(stored["timestamp"]).timestamp() > latest


def changed_by_library(call: dict[str, Any], sent: Sent) -> list[str]:
    """What of a call the library itself changed, before the event left."""
    return [
        name or "(no name)"
        for name, value in call["properties"].items()
        if name not in sent.properties or _text(sent.properties[name]) != _text(value)
    ]


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [leaf for child in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(child)]
    return [] if value in (None, "") or isinstance(value, bool) else [_text(value)]


def _text(value: Any) -> str:
    """One text for one value of JSON, in which 1 and 1.0 are one number."""
    return json.dumps(value, sort_keys=True) if not isinstance(value, float) or value % 1 else str(int(value))


def _moment(text: Any) -> datetime:
    if isinstance(text, int) or str(text).isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
