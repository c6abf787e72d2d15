"""Writes the API's description: OpenAPI 3.1 from the schemas of the code, and a page for people.

    python -m millrace.api_docs.openapi     (make openapi)

Both files are committed and served unchanged. A test compares them with the output of this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.core import limits
from chalicelib.core.windows import GRAINS, HOUR
from chalicelib.errors import ERROR_CODES, TITLES
from millrace.api_docs import client_routes
from millrace.api_docs.docs_page import render
from millrace.api_docs.schemas import REPORTED, Json, ref, schemas

FOLDER = Path(__file__).resolve().parents[2] / "chalicelib" / "http" / "static"


def main() -> None:
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def files() -> dict[str, str]:
    """Return the served files by name."""
    described = document()
    return {"openapi.json": json.dumps(described, indent=1) + "\n", "docs.html": render(described)}


def document() -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Millrace",
            "version": "1",
            "description": "Send events, and query events, counts and reports. A successful request gets status 200. "
            "Every error is application/problem+json with a code. HEAD works wherever GET works.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": _paths(),
        "components": {"schemas": schemas(), "securitySchemes": _SECURITY_SCHEMES},
    }


# The empty alternative: on an open stage, a request without a key belongs to the project `default`.
_WRITE: list[Json] = [{"bearer": []}, {"basic": []}, {"write_key": []}, {}]
_READ = _WRITE
_SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A write key (mw_...) or a read key (mr_...)."},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, any password."},
    "write_key": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
}


_BODIES = {
    "application/json": "Post",
    "application/cloudevents+json": "CloudEvent",
    "application/cloudevents-batch+json": "CloudEvents",
}


def _paths() -> Json:
    own: Json = {
        "/events": {
            "post": _operation(
                "Send events",
                "One event, an array, or an object with `events`; plain or gzip. Each event gets its own verdict. "
                "CloudEvents are accepted in all three modes: structured, batched, or binary, with attributes as ce- "
                "headers and data of any type as the body.",
                answer="Accepted",
                problems=(400, 401, 403, 413, 422, 429),
                security=_WRITE,
                parameters=[_header("Idempotency-Key", "Gives events without an id the same ids in every attempt.")],
                requestBody={
                    "required": True,
                    "content": {name: {"schema": ref(each)} for name, each in _BODIES.items()},
                },
            ),
            "get": _question(
                "Find events", "Newest first by event time.", "Events", ("user_id", "event_type", *_SPAN, *_PAGE)
            ),
        },
        "/events/{key}": {
            "get": _operation("Get an event", answer="Event", problems=(401, 403, 404, 429), parameters=[_path("key")]),
        },
        "/chunks/{chunk_id}": {
            "get": _operation(
                "Get a receipt",
                "The status of a chunk. A write key or a read key is needed.",
                answer="Receipt",
                problems=(401, 403, 404, 429),
                parameters=[_path("chunk_id")],
            ),
        },
        "/counts": {
            "get": _question(
                "Count events",
                "Distinct events by type. `from` and `to` are whole minutes.",
                "Counts",
                ("event_type", *_SPAN, "grain_of_counts", "tz"),
            )
        },
        "/reports": {"get": _question("Get reports", "Newest first.", "Reports", ("grain_of_reports", *_SPAN, *_PAGE))},
        "/rejections": {
            "get": _question(
                "Find rejected events",
                "Newest first by receipt. They are stored for a week. If there are very many, only a sample is stored.",
                "Rejections",
                ("code", *_SPAN, *_PAGE),
            )
        },
        "/status": {
            "get": _operation(
                "Get the health of the stage",
                "The queue, the dead letters, the last hour by minute, and the ledger. Only read keys of the "
                "operators' project get them: `stage` is null for other keys. A part that cannot be read is null.",
                answer="Status",
                problems=(401, 403, 429),
            ),
        },
        "/health": {"get": _operation("Check that the stage is set up", answer="Health", problems=(), security=[])},
        "/openapi.json": {
            "get": _operation("Get this description", answer="Description", problems=(), security=[]),
        },
    }
    clients = client_routes.paths(_operation, _WRITE)
    return own | {path: clients[path] for path in clients if path not in own}


def _operation(
    summary: str,
    description: str = "",
    *,
    answer: str,
    problems: tuple[int, ...],
    security: list[Json] | None = None,
    **more: Any,
) -> Json:
    responses = {"200": {"description": "Success.", "content": {"application/json": {"schema": ref(answer)}}}}
    for status in (*problems, 500, 503):
        content = {"application/problem+json": {"schema": ref("Rejected" if status == 422 else "Problem")}}
        responses[str(status)] = {"description": _problems(status), "content": content}
    described = {"summary": summary, **({"description": description} if description else {})}
    return described | {"security": _READ if security is None else security} | more | {"responses": responses}


def _problems(status: int) -> str:
    """Return the codes of a status. The schema of problems explains them."""
    return f"{TITLES[status]}: {', '.join(code for code, each in ERROR_CODES.items() if each.status == status)}."


def _question(summary: str, description: str, answer: str, names: tuple[str, ...]) -> Json:
    parameters = [_PARAMETERS[name] for name in names]
    return _operation(summary, description, answer=answer, problems=(400, 401, 403, 429), parameters=parameters)


def _query(name: str, schema: Json, description: str) -> Json:
    filled = {"minLength": 1, **schema} if schema.get("type") == "string" else schema
    return {"name": name, "in": "query", "schema": filled, "description": description}


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}}


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


_SPAN, _PAGE = ("from", "to"), ("limit", "cursor")
_DAY_OR_TIME = "A day (2015-05-17), or ISO 8601 with a zone, or epoch seconds from 1,000,000,000 on, or milliseconds"
_PARAMETERS = {
    "user_id": _query("user_id", {"type": "string", "maxLength": limits.MAX_USER_LENGTH}, "Only events of this user."),
    "event_type": _query("event_type", {"type": "string", "maxLength": limits.MAX_TYPE_LENGTH}, "Only this type."),
    "code": _query("code", {"type": "string", "maxLength": limits.MAX_TYPE_LENGTH}, "Only this code."),
    "from": _query("from", {"type": "string"}, f"{_DAY_OR_TIME}; inclusive."),
    "to": _query("to", {"type": "string"}, f"{_DAY_OR_TIME}; exclusive."),
    "grain_of_counts": _query("grain", {"enum": list(GRAINS), "default": HOUR.name}, "The length of the windows."),
    "tz": _query(
        "tz", {"type": "string"}, "The IANA time zone of windows and days, such as Europe/Berlin. Default: UTC."
    ),
    "grain_of_reports": _query("grain", REPORTED | {"default": HOUR.name}, "The length of the windows."),
    "limit": _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": limits.MAX_PAGE, "default": limits.DEFAULT_PAGE},
        "The largest number of results.",
    ),
    "cursor": _query(
        "cursor", {"type": "string"}, "`next` of the previous page. There are more pages until it is null."
    ),
}


if __name__ == "__main__":
    main()
