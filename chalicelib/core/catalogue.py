"""The event catalogue: whether an event's properties are what its project says they are."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.core import compact
from chalicelib.core.json_schema import Check, OutOfSteps, compile_schema

_log = logging.getLogger(__name__)

# Compiled once for each text; more schemas than this compile again, a millisecond each.
_COMPILED = 1000
# What each event adds to the steps of its POST: about what reading it costs.
_STEPS_AN_EVENT, _STEPS_A_BYTE = 300, 2


class Violation(NamedTuple):
    """What is wrong and where; never the value itself. `code` is that of a rejection."""

    field: str
    message: str
    code: str = "schema_violation"


def violation_of(properties: dict[str, Any], schema: str, left: list[int]) -> Violation | None:
    """How properties break a JSON Schema, given as text; None if they keep it.

    `left`: one number, the steps that the checks of a POST have left. What an event does not take is left to others.
    """
    check = _compile(schema)
    if check is None:
        return None
    left[0] = max(left[0], 0) + _STEPS_AN_EVENT + _STEPS_A_BYTE * len(compact.dump(properties))
    try:
        failure = check(properties, left)
    except OutOfSteps:
        return Violation("properties", "The event has too much to be checked against its schema.", "not_checked")
    if failure is None:
        return None
    message, path = failure
    field = ".".join(["properties", *map(str, path)])
    return Violation(field[:200], f"{field} {message}."[:300])


@lru_cache(maxsize=_COMPILED)
def _compile(schema: str) -> Check | None:
    """None for a schema that cannot be compiled: registration refuses those, and no event may suffer for one."""
    try:
        return compile_schema(json.loads(schema))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        _log.warning("a schema of a catalogue does not compile; events of its type are not checked")
        return None
