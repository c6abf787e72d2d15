"""The routes of client libraries in the API's description. docs/clients.md explains how their events are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chalicelib.core.dialects import segment
from chalicelib.core.dialects.own import PIXEL_FIELDS
from chalicelib.core.dialects.registry import DIALECTS, PIXEL

Json = dict[str, Any]

_IN_BODY = (
    "As its libraries send it, with the key in the body or as Basic's user name; plain or gzip. See docs/clients.md."
)
_PROBLEMS = (400, 401, 403, 413, 422, 429)
_ANYTHING: Json = {"required": True, "content": {"application/json": {"schema": {}}}}
_IMAGE: Json = {
    "200": {
        "description": "An image in any case. `Millrace-Rejected` has the code if the event was not accepted.",
        "headers": {"Millrace-Rejected": {"schema": {"type": "string"}}},
        "content": {"image/gif": {"schema": {}}},
    }
}
# The allowed values of parameters in paths, except keys.
_VALUES = {"call": ["batch", "b", "import", *segment.CALLS.values(), *segment.CALLS]}


def paths(operation: Callable[..., Json], security: list[Json]) -> Json:
    """Return the described paths. `operation`: describes one of them."""
    taking: Json = {"answer": "Accepted", "security": security, "requestBody": _ANYTHING}
    public: Json = {"answer": "Description", "problems": (), "security": []}
    described: Json = {}
    for path, libraries in _libraries().items():
        summary = f"Send events with a library of {' or '.join(libraries)}"
        problems = sorted([*_PROBLEMS, *([404] if "{call}" in path else [])])
        described[path] = {"post": operation(summary, _IN_BODY, problems=problems, **taking, **_parameters(path))}
    for question in (each for dialect in DIALECTS for each in dialect.questions):
        asked = operation(question.about, **public, **_parameters(question.path))
        if question.is_script:
            asked["responses"]["200"]["content"] = {"text/javascript; charset=utf-8": {"schema": {"type": "string"}}}
        described[question.path] = {question.method.lower(): asked}
    return described | {path: {"get": _pixel()} for path in PIXEL.paths}


def _libraries() -> dict[str, list[str]]:
    """Return the libraries that send to each path."""
    found: dict[str, list[str]] = {}
    for dialect in DIALECTS:
        for path in dialect.paths if dialect.method == "POST" else ():
            found.setdefault(path, []).extend(dialect.libraries)
    return found


def _parameters(path: str) -> Json:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"enum": _VALUES[name]} if name in _VALUES else {"type": "string", "pattern": "^[^/]+$"},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]
    return {"parameters": parameters} if parameters else {}


def _pixel() -> Json:
    return {
        "summary": "Send an event with an image",
        "description": "For mail and pages without scripts. Any other parameter becomes a property of the event.",
        "security": [],
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in (*PIXEL_FIELDS, *PIXEL.key_in_query)
        ],
        "responses": _IMAGE,
    }
