"""Segment's calls. RudderStack, Customer.io, Hightouch, Jitsu and June use them too.

https://segment.com/docs/connections/spec/common and .../sources/catalog/libraries/server/http-api
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.core import payload, timestamps
from chalicelib.core.dialects import (
    Incoming,
    Post,
    RawEvent,
    add_absent,
    add_free,
    given,
    is_given,
    moment_of,
    object_in,
    shared_of,
    text_in,
    without,
)
from chalicelib.core.dialects.registry import SEGMENT
from chalicelib.core.event import SEGMENT_PEOPLE
from chalicelib.errors import Problem

#: The browser library shortens the names of calls to their initials.
CALLS = {name[0]: name for name in ("alias", "group", "identify", "page", "screen", "track")}
_BATCHES = {"b", "batch", "import"}
# Fields of some calls that name a page, a group or a user. They become properties.
_NAMED = ("name", "category", "groupId", "previousId")
# Fields with their own place in an event. Keys are not stored.
_PLACED = (
    *("type", "messageId", "timestamp", "properties", "traits", "context"),
    *(*SEGMENT_PEOPLE.users, *SEGMENT_PEOPLE.anonymous, *SEGMENT.key_in_body, *_NAMED),
)


def read(incoming: Incoming) -> Post:
    """Return the events of a call, which the path names. Raises Problem, for an unknown call too."""
    document, call = payload.decode(incoming.body), incoming.path["call"]
    if call in _BATCHES:
        envelope = document if isinstance(document, dict) else {}
        batch = payload.bounded(batch if isinstance(batch := envelope.get("batch"), list) else [])
        shared = shared_of(object_in(envelope, "context"), without(envelope, "batch", "context", *SEGMENT.key_in_body))
        sent = moment_of(envelope.get("sentAt"))
        events = [_event(each, sent) for each in batch]
        if call == "import":  # old events, whose clock is unknown
            events = [event._replace(sent=None) for event in events]
        return Post(events, text_in(envelope, *SEGMENT.key_in_body), shared)
    name = CALLS.get(call, call)
    if name not in CALLS.values():
        raise Problem("no_such_call", f"There is no call {call[:20]!r}. Use {', '.join(CALLS.values())} or batch.")
    return Post([_event(document, None, name)])


def settings(incoming: Incoming) -> dict[str, Any]:
    """Return the settings that Segment's browser library loads first: this stage is the only destination.

    The library's own metrics are off, since it would report them to the vendor. A second destination would make it
    load more of itself from the vendor.
    """
    return _settings("Segment.io", incoming)


def settings_of_customerio(incoming: Incoming) -> dict[str, Any]:
    """Return the same settings for Customer.io's library, which has another name for its own destination."""
    return _settings("Customer.io Data Pipelines", incoming)


def _settings(destination: str, incoming: Incoming) -> dict[str, Any]:
    protocol, _, host = incoming.address.partition("://")
    settings = {"apiKey": incoming.path["key"], "apiHost": f"{host}/v1", "protocol": protocol}
    return {"integrations": {destination: settings}, "metrics": {"sampleRate": 0}}


def source_config(incoming: Incoming) -> dict[str, Any]:
    """Return the settings that RudderStack's browser library loads first: no destinations and no own reports."""
    off = {"enabled": False}
    source = {
        "id": "millrace",
        "name": "Millrace",
        "writeKey": incoming.query.get("writeKey", ""),
        "enabled": True,
        "workspaceId": "millrace",
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "connections": [],
        "destinations": [],
    }
    return {"source": source}


def _event(message: Any, batch_sent: datetime | None, name: str | None = None) -> RawEvent:
    """Return one event. `batch_sent`: when its batch was sent. `name`: the call that the path names."""
    if not isinstance(message, dict):
        return RawEvent(message)
    content = without(message, "sentAt")  # a retry changes it
    context = dict(object_in(message, "context"))
    call = name or message.get("type")
    properties, rest = _properties(message, context, call)
    rest |= without(message, *_PLACED, *(["event"] if call == "track" else []))
    if call != message.get("type") and is_given(message.get("type")):
        rest["type"] = message["type"]
    timestamp, original = given(message, "timestamp"), given(message, "originalTimestamp")
    if timestamp is not None:
        rest["originalTimestamp" if original is None else "timestamp"] = timestamp
    # With both times, `timestamp` is already corrected, or was set by hand and does not come from this clock.
    sent = None
    if timestamp is None or original is None:
        sent = moment_of(message["sentAt"]) if is_given(message.get("sentAt")) else batch_sent
    return RawEvent(
        {
            "event_type": message.get("event") if call == "track" else call,
            "event_id": given(message, "messageId"),
            "user_id": given(message, *SEGMENT_PEOPLE.users),
            "anonymous_id": given(message, *SEGMENT_PEOPLE.anonymous),
            "timestamp": timestamps.in_utc(original if timestamp is None else timestamp),
            "properties": properties,
            "context": add_free(context, "segment", rest),
        },
        sent,
        user_may_change=True,  # in a retry, the browser's library names the current user
        tolerates_time=True,
        content=content,
        key=text_in(message, *SEGMENT.key_in_body),
    )


def _properties(message: dict[str, Any], context: dict[str, Any], call: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two objects: the properties, and the fields that did not become properties.

    Traits and some other fields become properties if their names are free.
    """
    properties, traits = dict(object_in(message, "properties")), object_in(message, "traits")
    named = {name: message[name] for name in _NAMED if is_given(message.get(name))}
    if call == "track":
        return properties, {**named, **({"traits": traits} if traits else {})}
    if call == "identify" and not traits:
        # RudderStack's Python library has the traits only in the context, where they stay too.
        add_absent(properties, object_in(context, "traits"))
    clashing = add_absent(properties, traits)
    return properties, add_absent(properties, named) | ({"traits": clashing} if clashing else {})
