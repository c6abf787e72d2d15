"""The schemas of the API's description, generated from the tables of the code."""

from __future__ import annotations

from typing import Any

from chalicelib.core import limits
from chalicelib.core.chunk import STORED_FIELDS
from chalicelib.core.event import REJECTION_CODES, SENT_FIELDS, Field
from chalicelib.core.windows import HOUR, MINUTE, reported
from chalicelib.errors import ERROR_CODES

Json = dict[str, Any]
REPORTED: Json = {"enum": [grain.name for grain in reported()]}


def ref(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Json, optional: Json | None = None, **more: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": required | (optional or {}), **more}


def _page_of(name: str, item: Json) -> Json:
    return _object({name: {"type": "array", "items": item}, "next": {"type": ["string", "null"]}})


_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time"}


def schemas() -> Json:
    """Return all schemas that the description refers to, by name."""
    sent = _sent_event()
    many = {"type": "array", "items": ref("SentEvent"), "minItems": 1, "maxItems": limits.MAX_EVENTS_PER_POST}
    rejected = {
        "index": _COUNT,
        "status": {"const": "rejected"},
        "code": {"enum": sorted(REJECTION_CODES), "description": _rejection_codes()},
        "field": {"type": ["string", "null"]},
        "message": _TEXT,
    }
    warning = _object({"code": {"enum": ["schema_violation", "not_checked"]}, "field": _TEXT, "message": _TEXT})
    accepted = {
        "index": _COUNT,
        "status": {"const": "accepted"},
        "event_id": _TEXT,
        "key": _TEXT,
        "identified_by": {
            "type": "array",
            "items": {"enum": ["event_id", "user_id", "anonymous_id", "timestamp", "content", "Idempotency-Key"]},
            "description": "The fields that a second attempt must repeat to be recognised. Empty: it is a new event.",
        },
    }
    verdicts = {"type": "array", "items": {"oneOf": [ref("AcceptedEvent"), ref("RejectedEvent")]}}
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
                ref("SentEvent"),
                many,
                _object({"events": many}),
            ]
        },
        "CloudEvent": {
            "type": "object",
            "description": "CloudEvents 1.0 in the JSON format. `data` becomes the properties.",
            "required": ["specversion", "id", "source", "type"],
            "properties": {
                **{name: {"type": "string", "minLength": 1} for name in ("id", "source", "type")},
                "specversion": {"const": "1.0"},
            },
        },
        "CloudEvents": {"type": "array", "items": ref("CloudEvent"), "maxItems": limits.MAX_EVENTS_PER_POST},
        "SentEvent": sent,
        "Accepted": _object(
            {"chunks": {"type": "array", "items": _TEXT}, "accepted": _COUNT, "rejected": _COUNT, "events": verdicts}
        ),
        "AcceptedEvent": _object(accepted, {"warning": warning}),
        "RejectedEvent": _object(rejected),
        "Event": _stored_event(),
        "Events": _page_of("events", ref("Event")),
        "Receipt": _object(
            {"chunk_id": _TEXT, "status": {"enum": ["in_flight", "committed", "quarantined"]}},
            {
                "accepted": _COUNT,
                "stored": _COUNT,
                "duplicates": _COUNT,
                "erased": _COUNT,
                "waits_for": {"type": "array", "items": _TEXT},
                "code": _TEXT,
                "last_failure": _object({"code": _TEXT, "at": _TIME, "deliveries": _COUNT}),
            },
        ),
        "Counts": _object(
            {"counts": {"type": "array", "items": _object({"start": _TIME, "event_type": _TEXT, "count": _COUNT})}}
        ),
        "Reports": _page_of(
            "reports",
            _object({"project": _TEXT, "grain": REPORTED, "start": _TIME, "version": _COUNT}),
        ),
        "Rejections": _page_of("rejections", _rejection(rejected)),
        "Status": _status(),
        "Health": _object({"status": {"const": "ok"}, "open": {"type": "boolean"}, "stage": _TEXT}),
        "Description": {"type": "object"},
        "Problem": _object(problem),
        "Rejected": _object(problem, {"events": {"type": "array", "items": ref("RejectedEvent")}}),
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
        "last_accepted": _object({"from": _TIME, "grain": {"enum": [MINUTE.name, HOUR.name]}}),
        "alarms": _object(
            {"count": _COUNT, "ringing": {"type": "array", "items": _object({"name": _TEXT, "since": _TIME})}}
        ),
        "ledger": _object(
            {
                "from": _TIME,
                "to": _TIME,
                "balances": {"type": "boolean"},
                "uncertain": {"type": "array", "items": _TEXT},
            }
        ),
    }
    nullable = {name: {"oneOf": [schema, {"type": "null"}]} for name, schema in parts.items()}
    return _object({"project": _TEXT, "stage": {"oneOf": [_object({"at": _TIME, **nullable}), {"type": "null"}]}})


def _rejection(rejected: Json) -> Json:
    kept = {name: schema for name, schema in rejected.items() if name != "status"}
    event_text = {"type": ["string", "null"], "description": "The start of the event as JSON, without secrets."}
    library = {"type": ["string", "null"], "description": "The client library that the event names."}
    return _object(
        {"received_at": _TIME, **kept, "library": library, "accepted": {"type": "boolean"}, "event": event_text}
    )


def _sent_event() -> Json:
    return {
        "type": "object",
        "description": f"At most {limits.MAX_EVENT_BYTES} bytes. Other fields become properties.",
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
