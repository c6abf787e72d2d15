"""Writes the API's description: OpenAPI 3.1 from the schemas of the code, and a page for people from that.

    python -m millrace.api_docs.openapi     (make openapi)

Both files are committed and served as they are; a test compares them with what this module makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.core import limits
from chalicelib.core.chunk import STORED_FIELDS
from chalicelib.core.event import REJECTION_CODES, SENT_FIELDS, Field
from chalicelib.core.windows import GRAINS, HOUR, reported
from chalicelib.errors import ERROR_CODES, TITLES
from millrace.api_docs import client_routes
from millrace.api_docs.docs_page import render

FOLDER = Path(__file__).resolve().parents[2] / "chalicelib" / "http" / "static"
Json = dict[str, Any]


def main() -> None:
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def files() -> dict[str, str]:
    """The served files, by name."""
    described = document()
    return {"openapi.json": json.dumps(described, indent=1) + "\n", "docs.html": render(described)}


def document() -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Millrace",
            "version": "1",
            "description": "Send events, and ask for them, for counts and for reports. Success is always 200; "
            "every error is application/problem+json with a code.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY_SCHEMES},
    }


# The empty alternative: on a stage that is declared open a request without a key speaks for the project `default`.
_WRITE: list[Json] = [{"bearer": []}, {"basic": []}, {"write_key": []}, {}]
_READ: list[Json] = [{"bearer": []}, {"basic": []}, {}]
_SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A write key (mw_...) or a read key (mr_...)."},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, any password."},
    "write_key": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
}


def _paths() -> Json:
    own: Json = {
        "/events": {
            "post": _operation(
                "Send events",
                "One event, an array, or an object with `events`; plain or gzip. Each event is answered for by itself.",
                answer="Accepted",
                problems=(400, 401, 403, 413, 422, 429),
                security=_WRITE,
                parameters=[_header("Idempotency-Key", "Gives events without an id stable ones.")],
                requestBody={"required": True, "content": {"application/json": {"schema": _ref("Post")}}},
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
                "What became of a chunk: a write key or a read key may ask.",
                answer="Receipt",
                problems=(401, 403, 404, 429),
                parameters=[_path("chunk_id")],
            ),
        },
        "/counts": {
            "get": _question(
                "Count events", "Distinct events by type.", "Counts", ("event_type", *_SPAN, "grain_of_counts", "tz")
            )
        },
        "/reports": {"get": _question("Get reports", "Newest first.", "Reports", ("grain_of_reports", *_SPAN, *_PAGE))},
        "/rejections": {
            "get": _question(
                "Find rejected events",
                "Newest first by receipt; kept for a week, a sample where there are very many.",
                "Rejections",
                ("code", *_SPAN, *_PAGE),
            )
        },
        "/status": {
            "get": _operation(
                "How the stage does",
                "Its queue, dead letters, last hour by minute, and ledger: for read keys of the operators' project; "
                "`stage` is null for others. A part that cannot be asked is null.",
                answer="Status",
                problems=(401, 403, 429),
            ),
        },
        "/health": {"get": _operation("Whether the stage is set up", answer="Health", problems=(), security=[])},
        "/openapi.json": {
            "get": _operation("This description", answer="Description", problems=(), security=[]),
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
    responses = {"200": {"description": "Success.", "content": {"application/json": {"schema": _ref(answer)}}}}
    for status in (*problems, 500, 503):
        content = {"application/problem+json": {"schema": _ref("Rejected" if status == 422 else "Problem")}}
        responses[str(status)] = {"description": _problems(status), "content": content}
    described = {"summary": summary, **({"description": description} if description else {})}
    return described | {"security": _READ if security is None else security} | more | {"responses": responses}


def _problems(status: int) -> str:
    """The codes of a status; the schema of problems says what they mean."""
    return f"{TITLES[status]}: {', '.join(code for code, each in ERROR_CODES.items() if each.status == status)}."


def _question(summary: str, description: str, answer: str, names: tuple[str, ...]) -> Json:
    parameters = [_PARAMETERS[name] for name in names]
    return _operation(summary, description, answer=answer, problems=(400, 401, 403, 413, 429), parameters=parameters)


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}}


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


_SPAN, _PAGE = ("from", "to"), ("limit", "cursor")
_DAY_OR_TIME = "A day (2015-05-17), or ISO 8601 with a zone, or epoch seconds or milliseconds"
_REPORTED: Json = {"enum": [grain.name for grain in reported()]}
_PARAMETERS = {
    "user_id": _query("user_id", {"type": "string", "maxLength": limits.MAX_USER_LENGTH}, "Only this user's."),
    "event_type": _query("event_type", {"type": "string", "maxLength": limits.MAX_TYPE_LENGTH}, "Only of this type."),
    "code": _query("code", {"type": "string", "maxLength": limits.MAX_TYPE_LENGTH}, "Only with this code."),
    "from": _query("from", {"type": "string"}, f"{_DAY_OR_TIME}; included."),
    "to": _query("to", {"type": "string"}, f"{_DAY_OR_TIME}; not included."),
    "grain_of_counts": _query("grain", {"enum": list(GRAINS), "default": HOUR.name}, "The windows."),
    "tz": _query(
        "tz", {"type": "string"}, "An IANA zone (Europe/Berlin): windows and days are those of its clocks; else UTC."
    ),
    "grain_of_reports": _query("grain", _REPORTED | {"default": HOUR.name}, "The windows."),
    "limit": _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": limits.MAX_PAGE, "default": limits.DEFAULT_PAGE},
        "At most so many.",
    ),
    "cursor": _query("cursor", {"type": "string"}, "`next` of the page before; until it is null, there may be more."),
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Json, optional: Json | None = None, **more: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": required | (optional or {}), **more}


def _page_of(name: str, item: Json) -> Json:
    return _object({name: {"type": "array", "items": item}, "next": {"type": ["string", "null"]}})


_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time"}


def _schemas() -> Json:
    sent = _sent_event()
    rejected = {
        "index": _COUNT,
        "status": {"const": "rejected"},
        "code": {"enum": sorted(REJECTION_CODES), "description": _rejection_codes()},
        "field": {"type": ["string", "null"]},
        "message": _TEXT,
    }
    warning = _object({"code": {"enum": ["schema_violation", "not_checked"]}, "field": _TEXT, "message": _TEXT})
    accepted = {"index": _COUNT, "status": {"const": "accepted"}, "event_id": _TEXT, "key": _TEXT}
    verdicts = {"type": "array", "items": {"oneOf": [_ref("AcceptedEvent"), _ref("RejectedEvent")]}}
    problem: Json = {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"enum": sorted(ERROR_CODES), "description": _error_codes()},
        "message": _TEXT,
    }
    return {
        "Post": {
            "anyOf": [
                _ref("SentEvent"),
                {"type": "array", "items": _ref("SentEvent"), "minItems": 1, "maxItems": limits.MAX_EVENTS_PER_POST},
                _object({"events": {"type": "array", "items": _ref("SentEvent"), "minItems": 1}}),
            ]
        },
        "SentEvent": sent,
        "Accepted": _object(
            {"chunks": {"type": "array", "items": _TEXT}, "accepted": _COUNT, "rejected": _COUNT, "events": verdicts}
        ),
        "AcceptedEvent": _object(accepted, {"warning": warning}),
        "RejectedEvent": _object(rejected),
        "Event": _stored_event(),
        "Events": _page_of("events", _ref("Event")),
        "Receipt": _object(
            {"chunk_id": _TEXT, "status": {"enum": ["in_flight", "committed", "quarantined"]}},
            {
                "accepted": _COUNT,
                "stored": _COUNT,
                "duplicates": _COUNT,
                "code": _TEXT,
                "last_failure": _object({"code": _TEXT, "at": _TIME, "deliveries": _COUNT}),
            },
        ),
        "Counts": _object(
            {"counts": {"type": "array", "items": _object({"start": _TIME, "event_type": _TEXT, "count": _COUNT})}}
        ),
        "Reports": _page_of(
            "reports",
            _object({"project": _TEXT, "grain": _REPORTED, "start": _TIME, "version": _COUNT}),
        ),
        "Rejections": _page_of("rejections", _rejection(rejected)),
        "Status": _status(),
        "Health": _object({"status": {"const": "ok"}, "open": {"type": "boolean"}}),
        "Description": {"type": "object"},
        "Problem": _object(problem),
        "Rejected": _object(problem, {"events": {"type": "array", "items": _ref("RejectedEvent")}}),
    }


def _status() -> Json:
    seconds: Json = {"type": ["number", "null"]}
    counts = dict.fromkeys(("accepted", "stored", "rejected", "duplicates"), _COUNT)
    minute = _object({"start": _TIME, **counts, "seconds_to_stored_p50": seconds, "seconds_to_stored_p95": seconds})
    parts = {
        "queue": _object({"depth": _COUNT, "oldest_seconds": seconds}),
        "dead_letters": _object({"count": _COUNT, "max_deliveries": {"type": "integer", "minimum": 2}}),
        "quarantined": _object({"count": _COUNT, "newest": {"type": "array", "items": _object({"code": _TEXT})}}),
        "minutes": {"type": "array", "items": minute, "minItems": 60, "maxItems": 60},
        "ledger": _object({"from": _TIME, "to": _TIME, "balances": {"type": "boolean"}}),
    }
    nullable = {name: {"oneOf": [schema, {"type": "null"}]} for name, schema in parts.items()}
    return _object({"project": _TEXT, "stage": {"oneOf": [_object({"at": _TIME, **nullable}), {"type": "null"}]}})


def _rejection(rejected: Json) -> Json:
    kept = {name: schema for name, schema in rejected.items() if name != "status"}
    event_text = {"type": ["string", "null"], "description": "The start of the event as JSON, without secrets."}
    return _object({"received_at": _TIME, **kept, "accepted": {"type": "boolean"}, "event": event_text})


def _sent_event() -> Json:
    return {
        "type": "object",
        "description": f"At most {limits.MAX_EVENT_BYTES} bytes. What is not named here becomes a property.",
        "properties": {row.name: _sent(row) for row in SENT_FIELDS},
        "required": [row.name for row in SENT_FIELDS if row.is_required],
        "anyOf": [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
            for name in ("user_id", "anonymous_id")
        ],
    }


def _sent(row: Field) -> Json:
    nullable = [] if row.is_required else ["null"]
    if row.kind == "text":
        return {"type": ["string", "integer", *nullable], "minLength": 1, "maxLength": row.max_length}
    if row.kind == "object":
        return {"type": ["object", *nullable]}
    until = "" if row.is_optional else "; at most a day ahead"
    form = f"ISO 8601 with a zone, or epoch seconds or milliseconds{until}."
    return {"type": ["string", "number", *nullable], "description": form}


def _stored_event() -> Json:
    kinds: Json = {"text": _TEXT, "time": _TIME, "object": {"type": "object"}}
    return _object(
        {"key": _TEXT} | {row.name: kinds[row.kind] for row in STORED_FIELDS if not row.is_optional},
        {row.name: kinds[row.kind] for row in STORED_FIELDS if row.is_optional},
    )


def _error_codes() -> str:
    return " ".join(f"{code}: {each.meaning} {each.advice}" for code, each in ERROR_CODES.items())


def _rejection_codes() -> str:
    return " ".join(f"{code}: {meaning}" for code, meaning in REJECTION_CODES.items())


if __name__ == "__main__":
    main()
