"""The event catalogue: checks an event's properties against its project's JSON Schema."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.core import compact
from chalicelib.core.json_schema import Check, OutOfSteps, compile_schema

_log = logging.getLogger(__name__)

# Each schema text is compiled once. With more texts than this, some are compiled again, at a millisecond each.
_COMPILED = 1000
# Steps that each event adds to the budget of its POST. They cost about as much time as reading the event.
_STEPS_AN_EVENT, _STEPS_A_BYTE = 300, 2


class Violation(NamedTuple):
    """A violated rule and the field that breaks it, without the value. `code`: a rejection code."""

    field: str
    message: str
    code: str = "schema_violation"


def violation_of(properties: dict[str, Any], schema: str, left: list[int]) -> Violation | None:
    """Return the violation of a JSON Schema text by properties, or None if they fit the schema.

    `left`: a list of one number, the steps that the checks of this POST may still take. Each event adds some steps and
    uses some steps. Later events may use the rest.
    """
    check = _compile(schema)
    if check is None:
        return None
    left[0] = max(left[0], 0) + _STEPS_AN_EVENT + _STEPS_A_BYTE * len(compact.dump(properties))
    try:
        failure = check(properties, left)
    except OutOfSteps:
        return Violation("properties", "The event is too large to be checked against its schema.", "not_checked")
    if failure is None:
        return None
    message, path = failure
    field = ".".join(["properties", *map(str, path)])
    return Violation(field[:200], f"{field} {message}."[:300])


@lru_cache(maxsize=_COMPILED)
def _compile(schema: str) -> Check | None:
    """Compile a schema. Return None if that fails: registration refuses such schemas, and no event may be rejected."""
    try:
        return compile_schema(json.loads(schema))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        _log.warning("a schema of a catalogue cannot be compiled, so events of its type are not checked")
        return None
