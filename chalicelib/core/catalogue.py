"""The event catalogue: whether an event's properties are what its project says they are."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

_log = logging.getLogger(__name__)

# Compiled once for each text; more schemas than this compile again, a millisecond each.
_COMPILED = 1000

Check = Callable[[Any], Any]


class Violation(NamedTuple):
    """What is wrong and where; never the value itself."""

    field: str
    message: str


def violation_of(properties: dict[str, Any], schema: str) -> Violation | None:
    """How properties break a JSON Schema, given as text; None if they keep it."""
    check = _compile(schema)
    if check is None:
        return None
    from fastjsonschema import JsonSchemaValueException

    try:
        check(properties)
    except JsonSchemaValueException as error:
        field = ".".join(["properties", *map(str, error.path[1:])])
        return Violation(field[:200], f"properties{error.message.removeprefix('data')}."[:300])
    except ArithmeticError:  # 1e308 against a multipleOf of 0.1
        return Violation("properties", "A number is too large to be checked.")
    return None


@lru_cache(maxsize=_COMPILED)
def _compile(schema: str) -> Check | None:
    """None for a schema that cannot be compiled: registration refuses those, and no event may suffer for one."""
    import fastjsonschema  # 13 ms that only a project with a catalogue pays

    try:
        return compile_schema(json.loads(schema))
    except (ValueError, re.error, fastjsonschema.JsonSchemaException):
        _log.warning("a schema of a catalogue does not compile; events of its type are not checked")
        return None


def compile_schema(document: Any) -> Check:
    """A checker that knows no reference but those inside the document.

    Raises JsonSchemaException, ValueError or re.error.
    """
    import fastjsonschema

    check: Check = fastjsonschema.compile(
        document, handlers=_NO_FETCHING, use_default=False, use_formats=False, detailed_exceptions=True
    )
    return check


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"a schema refers to {uri[:100]}, which is not in it")


_NO_FETCHING = dict.fromkeys(("", "http", "https", "file", "ftp", "data"), _refuse_to_fetch)
