"""What is kept of events that were rejected, or accepted against their schema: enough to mend the client."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.core import limits
from chalicelib.core.project import Project

# Of one POST so many events, and of each so many characters: one item, far below 400 KB.
MAX_KEPT_EVENTS = 20
MAX_KEPT_CHARACTERS = 1000

_REDACTED = "(redacted)"
_SECRET_NAME = re.compile(
    r"(write_?key|read_?key|api_?key|access_?key|.*token|authorization|password|passwd|.*secret|cookie)", re.IGNORECASE
)
_KEY = re.compile(r"m[wr]_[0-9a-f]{12}_[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class RejectedPost:
    """What is kept of one POST. `name` sorts by the time of receipt; `uncounted`: events that are not kept."""

    project: str
    name: str
    rows: tuple[dict[str, Any], ...]
    uncounted: int = 0

    @property
    def received(self) -> str:
        return self.name.partition("#")[0]


def make_row(raw: Any, verdict: dict[str, Any], project: Project) -> dict[str, Any]:
    """A rejected event with its verdict, without secrets and without what the project hides.

    `accepted`: whether it was taken in all the same, as a catalogue that only warns does.
    """
    return {
        "index": verdict["index"],
        "code": verdict["code"],
        # Both may repeat a name that the client made up.
        "field": verdict["field"] and project.hide_text(verdict["field"]),
        "message": project.hide_text(verdict["message"]),
        "accepted": verdict.get("status") == "accepted",
        "event": _excerpt(raw, project),
    }


def _excerpt(raw: Any, project: Project) -> str | None:
    """The start of an event as JSON; of what is no object nothing, where the project hides something."""
    shallow = _redact(raw, 1)
    if project.is_private:
        if not isinstance(shallow, dict):
            return None
        from chalicelib.core import privacy

        shallow = privacy.hide_document(shallow, project)
    return _KEY.sub(_REDACTED, json.dumps(shallow))[:MAX_KEPT_CHARACTERS]


def _redact(value: Any, depth: int) -> Any:
    """A copy that JSON can hold: without secrets, not too deep, and a mark where a number could not be read."""
    if isinstance(value, dict | list) and depth > limits.MAX_DEPTH:
        return "(deeper)"
    if isinstance(value, dict):
        return {
            name: _REDACTED if _SECRET_NAME.fullmatch(name) else _redact(child, depth + 1)
            for name, child in value.items()
        }
    if isinstance(value, list):
        return [_redact(child, depth + 1) for child in value]
    return value if isinstance(value, str | int | float | None) else "(no number)"
