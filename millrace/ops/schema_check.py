"""Checks whether a JSON Schema may be part of a catalogue: all its keywords are supported, its patterns linear.

Anybody may send events, and clients wait while they are checked. So schemas that could make a check slow are refused
here, where a person reads the message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chalicelib.core.json_schema.patterns import BadPattern, matcher

# The check of any event may take more steps than this. So no event stays unchecked only because its schema is large.
MAX_SCHEMA_NODES = 500
MAX_SCHEMA_BYTES = 64 * 1024
MAX_PATTERN_LENGTH = 500

_TYPES = ("null", "boolean", "number", "integer", "string", "array", "object")


class BadSchema(ValueError):
    """A schema is refused. The message says what is wrong and where."""


def check(document: Any) -> str:
    """Return the schema as text, in the form that is stored. Raises BadSchema."""
    if not isinstance(document, dict):
        raise BadSchema("a schema is a JSON object")
    schema = {name: value for name, value in document.items() if name not in ("$schema", "$id")}
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > MAX_SCHEMA_BYTES:
        raise BadSchema(f"a schema takes at most {MAX_SCHEMA_BYTES} bytes")
    _Walk(schema).visit(schema, "#", ())
    return text


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _are_types(value: Any) -> bool:
    return (isinstance(value, str) and value in _TYPES) or (
        isinstance(value, list) and bool(value) and all(each in _TYPES for each in value)
    )


# Every supported keyword of a value, with a test of the keyword's own value.
_KEYWORDS: dict[str, Callable[[Any], bool]] = {
    "type": _are_types,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "const": lambda _: True,
    "required": _are_names,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    "uniqueItems": lambda value: isinstance(value, bool),
    "pattern": lambda value: isinstance(value, str),
    "$ref": lambda value: isinstance(value, str) and value.startswith("#/"),
}
_ANNOTATIONS = {
    "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format",
}  # fmt: skip
_ONE_SCHEMA = ("additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else")
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")
_SCHEMA_MAPS = ("properties", "patternProperties")
_DEFINITIONS = ("$defs", "definitions")


class _Walk:
    """Walks through a schema as a check does: it follows references and counts every step."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def visit(self, schema: Any, place: str, followed: tuple[str, ...]) -> None:
        self._nodes += 1
        if self._nodes > MAX_SCHEMA_NODES:
            raise BadSchema(f"it has more than {MAX_SCHEMA_NODES} subschemas, references followed")
        if isinstance(schema, bool):
            return
        if not isinstance(schema, dict):
            raise BadSchema(f"{place} is not a schema")
        for keyword, value in schema.items():
            self._visit_keyword(keyword, value, f"{place}/{keyword}", followed)
        if "$ref" in schema:
            self._follow(schema, place, followed)

    def _visit_keyword(self, keyword: str, value: Any, place: str, followed: tuple[str, ...]) -> None:
        if keyword in _KEYWORDS:
            if not _KEYWORDS[keyword](value):
                raise BadSchema(f"{place} has a value that {keyword} cannot have")
            if keyword == "pattern":
                _check_pattern(value, place)
        elif keyword in _ONE_SCHEMA:
            self.visit(value, place, followed)
        elif keyword in _SCHEMA_LISTS:
            if not (isinstance(value, list) and value):
                raise BadSchema(f"{place} must be a list of schemas")
            for number, each in enumerate(value):
                self.visit(each, f"{place}/{number}", followed)
        elif keyword in (*_SCHEMA_MAPS, *_DEFINITIONS):
            self._visit_map(keyword, value, place, followed)
        elif keyword not in _ANNOTATIONS:
            raise BadSchema(f"{place} is not supported; docs/projects.md lists the supported keywords")

    def _visit_map(self, keyword: str, value: Any, place: str, followed: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            raise BadSchema(f"{place} must be an object of schemas")
        for name, each in value.items():
            if keyword == "patternProperties":
                _check_pattern(name, place)
            self.visit(each, f"{place}/{name}", followed)

    def _follow(self, schema: dict[str, Any], place: str, followed: tuple[str, ...]) -> None:
        if set(schema) - {"$ref"} - _ANNOTATIONS - set(_DEFINITIONS):
            raise BadSchema(f"{place} has keywords beside $ref, which would not be applied; use allOf")
        reference = schema["$ref"]
        if reference in followed:
            raise BadSchema(f"{reference} refers to itself")
        target: Any = self._root
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or name not in target:
                raise BadSchema(f"{place} refers to {reference}, which does not exist")
            target = target[name]
        self.visit(target, reference, (*followed, reference))


def _check_pattern(pattern: str, place: str) -> None:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise BadSchema(f"{place}: a pattern has at most {MAX_PATTERN_LENGTH} characters")
    try:
        matcher(pattern)
    except BadPattern as error:
        raise BadSchema(f"{place}: {error}") from error
