"""The record of rejected events, or of events accepted against their schema. It shows how to fix the client."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.core import limits
from chalicelib.core.project import Project

# Events of one POST, and characters of each event, that are stored: one item, far below 400 KB.
MAX_KEPT_EVENTS = 20
MAX_KEPT_CHARACTERS = 1000
MAX_LIBRARY_CHARACTERS = 60

_REDACTED = "(redacted)"
# Separators are removed before names are compared: apiKey, x-api-key and API_KEY are the same name.
_DIVIDER = re.compile(r"[^a-z0-9]")
_SECRET_NAME = re.compile(
    "token|secret|passw|passphrase|passcode|pwd|credential|authori[sz]ation|bearer|cookie|jwt|signature|privatekey"
    "|(write|read|api|access|secret|signing|encryption|client|master|auth|session|ssh|license|app|account)keys?$"
    "|session(id)?$|^(auth|otp|pin|cvv|cvc)$"
)
# Also matches the start of a key that was cut.
_KEY = re.compile(r"m[wr]_[0-9a-f]{12}_[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class RejectedPost:
    """The stored record of one POST. `name`: sorts by the time of receipt. `uncounted`: events that are not stored."""

    project: str
    name: str
    rows: tuple[dict[str, Any], ...]
    uncounted: int = 0

    @property
    def received(self) -> str:
        return self.name.partition("#")[0]


def make_row(raw: Any, verdict: dict[str, Any], project: Project) -> dict[str, Any]:
    """Return the row of a rejected event: its verdict and content, without secrets and hidden values.

    `accepted` in the row: the event was stored all the same, since the catalogue only warns.
    """
    event = _redact(raw, 1)
    # Both may contain a name that the client made up.
    field, message = verdict["field"], verdict["message"]
    if project.is_private:
        from chalicelib.core import privacy

        known = event if isinstance(raw, dict) else None
        field = field and privacy.hide_text(field, project, known)
        message = privacy.hide_text(message, project, known)
        # A value that is not an object has no field names by which to hide its contents.
        event = known and privacy.hide_document(known, project)
    return {
        "index": verdict["index"],
        "library": _library_of(event),
        "code": verdict["code"],
        "field": field and _without_keys(field),
        "message": _without_keys(message),
        "accepted": verdict.get("status") == "accepted",
        "event": None
        if project.is_private and event is None
        else _without_keys(json.dumps(event))[:MAX_KEPT_CHARACTERS],
    }


def _library_of(event: Any) -> str | None:
    """Return the client library's name and version. PostHog sends them as properties, Segment in the context."""
    if not isinstance(event, dict):
        return None
    properties, context = (event.get(name) for name in ("properties", "context"))
    library = context.get("library") if isinstance(context, dict) else None
    named = [library.get(name) for name in ("name", "version")] if isinstance(library, dict) else []
    if isinstance(properties, dict) and "$lib" in properties:
        named = [properties.get(name) for name in ("$lib", "$lib_version")]
    return _without_keys(" ".join(each for each in named if isinstance(each, str)))[:MAX_LIBRARY_CHARACTERS] or None


def _without_keys(text: str) -> str:
    return _KEY.sub(_REDACTED, text)


def _redact(value: Any, depth: int) -> Any:
    """Return a copy that JSON can hold. It has no secrets, a limited depth, and texts in place of unreadable numbers.

    A text that is itself JSON, as some clients send by mistake, is replaced by its content.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = _parsed(value)
    if isinstance(value, dict | list) and depth > limits.MAX_DEPTH:
        return "(deeper)"
    if isinstance(value, dict):
        return {name: _REDACTED if _is_secret(name) else _redact(child, depth + 1) for name, child in value.items()}
    if isinstance(value, list):
        return [_redact(child, depth + 1) for child in value]
    return value if isinstance(value, str | int | float | None) else "(no number)"


def _parsed(text: str) -> Any:
    """Return the content of a text that begins like JSON, or a placeholder if the text is not JSON.

    The names in such a text cannot be checked for secrets.
    """
    try:
        return json.loads(text) if len(text) <= limits.MAX_EVENT_BYTES else "(too long)"
    except (ValueError, RecursionError):
        return "(damaged JSON)"


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(_DIVIDER.sub("", name.lower())) is not None
