"""Captured requests of real client libraries, filled with a shop's events, by case."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from chalicelib.core.dialects import Incoming, registry
from millrace.pricing.workload import Traffic

_CAPTURED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("captured.json").read_text())
#: The cases of Millrace's own form, besides those of the libraries.
OWN, UNTIMED = "own form", "own form, without a time"
LIBRARIES = (*_CAPTURED,)
CASES = (OWN, UNTIMED, *LIBRARIES)


class Request(NamedTuple):
    path: str
    body: str


class CapturedTraffic:
    """The traffic of a case. A browser's POST has one user, a server's has many.

    `as_own`: send the same events in Millrace's own form.
    """

    def __init__(self, case: str, *, as_own: bool = False) -> None:
        self._case, self._as_own = case, as_own
        self._traffic = Traffic()

    def request(self, events: int) -> Request:
        """Return one POST with this number of events."""
        if self._case in (OWN, UNTIMED):
            made = [self._traffic.event() for _ in range(events)]
            if self._case == UNTIMED:
                made = [{name: value for name, value in event.items() if name != "timestamp"} for event in made]
            return Request("/events", json.dumps(made[0] if events == 1 else {"events": made}))
        captured = self._captured(events)
        return _own_form(captured) if self._as_own else captured

    def _captured(self, events: int) -> Request:
        template = _CAPTURED[self._case]
        fill = next((each for key, each in _FILL.items() if key in template["envelope"]), _fill_segment)
        made = [self._traffic.event() for _ in range(events)]
        if ", browser" in self._case:  # one visitor
            made = [event | {"user_id": made[0]["user_id"]} for event in made]
        messages = [fill(json.loads(json.dumps(template["message"])), event, self._case) for event in made]
        now = datetime.now(UTC).isoformat()
        if events == 1 and "single" in template:
            return Request(template["single"], json.dumps(messages[0] | {"sentAt": now}))
        envelope = {name: now if name in _SENT else value for name, value in template["envelope"].items()}
        return Request(template["path"], json.dumps({**envelope, template.get("messages", "batch"): messages}))


_SENT = ("sentAt", "sent_at", "timestamp")


def _device_of(event: dict[str, Any]) -> str:
    return str(UUID(int=int(event["user_id"].rpartition("-")[2]) << 64, version=4))


def _fill_segment(message: dict[str, Any], event: dict[str, Any], case: str) -> dict[str, Any]:
    message |= {"event": event["event_type"], "messageId": event["event_id"], "properties": event["properties"]}
    message["originalTimestamp" if "originalTimestamp" in message else "timestamp"] = event["timestamp"]
    for name in ("userId", "anonymousId", "sentAt"):
        message.pop(name, None)
    if ", browser" in case:
        message["anonymousId"] = _device_of(event)
    if "anonymous" not in case:
        message["userId"] = event["user_id"]
    return message


def _fill_posthog(message: dict[str, Any], event: dict[str, Any], _case: str) -> dict[str, Any]:
    message |= {"event": event["event_type"], "uuid": event["event_id"], "timestamp": event["timestamp"]}
    properties = message["properties"] | event["properties"]
    if "$device_id" in properties:
        properties |= {"$device_id": _device_of(event), "distinct_id": event["user_id"], "$user_id": event["user_id"]}
    return message | {"properties": properties, "distinct_id": event["user_id"]}


def _fill_script(message: dict[str, Any], event: dict[str, Any], _case: str) -> dict[str, Any]:
    """Return a page view in the form of the script for web sites."""
    seen = event["properties"]
    message |= {"event_id": event["event_id"].replace("-", ""), "timestamp": event["timestamp"]}
    message["anonymous_id"] = _device_of(event).replace("-", "")
    message["context"]["page"] = seen["page"]
    return message | {"properties": {"path": seen["page"], "title": seen["title"], "referrer": seen["referrer"]}}


#: Functions that fill messages, by a field of the batch. Others use Segment's.
_FILL = {"api_key": _fill_posthog, "write_key": _fill_script}


def _own_form(request: Request) -> Request:
    """Return the events of a library's request in Millrace's own form, as the dialect reads them."""
    incoming = incoming_of(request)
    dialect = registry.dialect_of("POST", resource_of(request.path)[0], incoming)
    post = registry.load(dialect.reader)(incoming)
    events = [{name: value for name, value in each.fields.items() if value is not None} for each in post.events]
    return Request("/events", json.dumps({"events": events, **post.shared.get("batch", {})}, default=str))


def incoming_of(request: Request) -> Incoming:
    """Return the request in the form that dialects read."""
    return Incoming(request.body.encode(), {}, {}, datetime.now(UTC), resource_of(request.path)[1])


def resource_of(path: str) -> tuple[str, dict[str, str]]:
    """Return the route of a path and the parameters in it, as API Gateway provides them."""
    return ("/v1/{call}", {"call": path.rpartition("/")[2]}) if path.startswith("/v1/") else (path, {})
