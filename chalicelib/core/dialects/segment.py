"""Segment's calls, which RudderStack speaks too.

https://segment.com/docs/connections/spec/common and .../sources/catalog/libraries/server/http-api
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.core import payload
from chalicelib.core.dialects import (
    Incoming,
    Post,
    RawEvent,
    gathered,
    id_in,
    in_utc,
    moment_of,
    object_in,
    text_in,
    with_absent,
    without,
)
from chalicelib.core.dialects.registry import SEGMENT
from chalicelib.core.event import SEGMENT_PEOPLE
from chalicelib.errors import Problem

#: The browser library shortens the names of calls to their initials.
CALLS = {name[0]: name for name in ("alias", "group", "identify", "page", "screen", "track")}
_BATCHES = {"b", "batch", "import"}

# What these calls say of a page, a group or a user; it joins the properties.
_NAMED = ("name", "category", "groupId", "previousId")
# What has a place of its own in an event; keys are not kept.
_PLACED = (
    *("type", "event", "messageId", "timestamp", "properties", "traits", "context"),
    *(*SEGMENT_PEOPLE.users, *SEGMENT_PEOPLE.anonymous, *SEGMENT.key_in_body, *_NAMED),
)
_SHARED = ("integrations", "sentAt")


def read(incoming: Incoming) -> Post:
    """The events of POST /v1/CALL. Raises Problem, for another call too."""
    document, call = payload.decode(incoming.body), incoming.path["call"]
    if call in _BATCHES:
        envelope = document if isinstance(document, dict) else {}
        batch = payload.bounded(batch if isinstance(batch := envelope.get("batch"), list) else [])
        sent = moment_of(in_utc(envelope.get("sentAt")))
        rest = {name: envelope[name] for name in _SHARED if name in envelope}
        shared = gathered(object_in(envelope, "context"), "segment_batch", rest)
        return Post([_event(each, sent) for each in batch], text_in(envelope, *SEGMENT.key_in_body), shared)
    name = CALLS.get(call, call)
    if name not in CALLS.values():
        raise Problem("no_such_call", f"There is no call {call[:20]!r}; there are {', '.join(CALLS.values())}, batch.")
    if not isinstance(document, dict):
        return Post([RawEvent(document)])
    return Post([_event({**document, "type": name}, None)])


def settings(incoming: Incoming) -> dict[str, Any]:
    """What the browser library asks before it sends: that its destination, "Segment.io", is this stage."""
    protocol, _, host = incoming.address.partition("://")
    destination = {"apiKey": incoming.path["key"], "apiHost": f"{host}/v1", "protocol": protocol}
    return {"integrations": {"Segment.io": destination}}


def _event(message: Any, batch_sent: datetime | None) -> RawEvent:
    if not isinstance(message, dict):
        return RawEvent(message)
    message = {**message, "context": object_in(message, "context")}
    call, given, original = message.get("type"), message.get("timestamp"), message.get("originalTimestamp")
    # With both times, the first is already corrected, or was set by hand and is not this clock's.
    own = message.get("sentAt")
    sent = None if given and original else batch_sent if own is None else moment_of(in_utc(own))
    properties, rest = _properties(message, call)
    rest |= without(message, *_PLACED)
    if sent and given:
        rest["originalTimestamp"] = given
    return RawEvent(
        {
            "event_type": message.get("event") if call == "track" else call,
            "event_id": id_in(message, "messageId"),
            "user_id": id_in(message, *SEGMENT_PEOPLE.users),
            "anonymous_id": id_in(message, *SEGMENT_PEOPLE.anonymous),
            "timestamp": in_utc(given or original),
            "properties": properties,
            "context": gathered(message["context"], "segment", rest),
        },
        sent,
        sole_id=True,
        key=text_in(message, *SEGMENT.key_in_body),
    )


def _properties(message: dict[str, Any], call: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The properties with what joins them, and what cannot join because its name is taken."""
    properties, traits = dict(object_in(message, "properties")), object_in(message, "traits")
    named = {name: message[name] for name in _NAMED if message.get(name) is not None}
    if call == "track":
        return properties, {**named, **({"traits": traits} if traits else {})}
    if call == "identify" and not traits:
        # RudderStack's Python library has them in the context alone.
        traits = object_in(message["context"], "traits")
    return properties, with_absent(properties, traits) | with_absent(properties, named)
