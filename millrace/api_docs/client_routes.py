"""The routes of client libraries in the API's description: docs/clients.md says what becomes of what they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.dialects import segment
from chalicelib.core.dialects.own import KEY_PARAMETERS

Json = dict[str, Any]

_IN_BODY = "As its libraries send it, the key in the body or as Basic's user name; plain or gzip. See docs/clients.md."
_PROBLEMS = (400, 401, 403, 404, 413, 422, 429)
_ANYTHING: Json = {"required": True, "content": {"application/json": {"schema": {}}}}
_IMAGE: Json = {
    "200": {
        "description": "An image in any case. `Millrace-Rejected` has the code if the event was not accepted.",
        "headers": {"Millrace-Rejected": {"schema": {"type": "string"}}},
        "content": {"image/gif": {"schema": {}}},
    }
}


def paths(operation: Callable[..., Json], security: list[Json]) -> Json:
    """Their paths; `operation` describes one of them."""

    def takes(name: str, **more: Any) -> Json:
        what = {"answer": "Accepted", "problems": _PROBLEMS, "security": security, "requestBody": _ANYTHING}
        return {"post": operation(f"Send events with a library of {name}", _IN_BODY, **what, **more)}

    def tells(summary: str, method: str, *parameters: Json) -> Json:
        public: Json = {"answer": "Description", "problems": (), "security": []}
        return {method: operation(summary, **public, **({"parameters": list(parameters)} if parameters else {}))}

    calls = ["batch", "b", "import", *segment.CALLS.values(), *segment.CALLS]
    key: Json = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9_]+$"}}
    call: Json = {"name": "call", "in": "path", "required": True, "schema": {"enum": calls}}
    return {
        "/v1/{call}": takes("Segment or RudderStack", parameters=[call]),
        **{path: takes("PostHog") for path in ("/batch", "/capture", "/e", "/track", "/i/v0/e")},
        "/v1/projects/{key}/settings": tells("Where Segment's browser library sends to", "get", key),
        "/flags": tells("PostHog's feature flags: none", "post"),
        "/decide": tells("PostHog's feature flags: none", "post"),
        "/array/{key}/config": tells("Extras of PostHog's browser library: none", "get", key),
        "/pixel.gif": {"get": _pixel()},
    }


def _pixel() -> Json:
    names = ("event_type", "user_id", "anonymous_id", "event_id", "timestamp", *KEY_PARAMETERS)
    return {
        "summary": "Send an event by an image",
        "description": "For mail and pages without script. Any other parameter is a property of the event.",
        "security": [],
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names],
        "responses": _IMAGE,
    }
