"""Whether a JSON Schema may be part of a catalogue: understood to the last keyword, and cheap for any event.

Events come from anybody and are checked while their client waits, so what could make a check slow is
refused here, where a person reads the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from re import _constants as regex_parts  # the only way to see what a pattern is
from re import _parser as regex_parser
from typing import Any

import fastjsonschema

from chalicelib.core.catalogue import compile_schema

# An event of 32 KB holds up to 16,000 values; some hundred steps for each are a fraction of a second.
MAX_SCHEMA_NODES = 500
MAX_SCHEMA_BYTES = 64 * 1024
# A value that a pattern is for; two unbounded repeats take at most its square in steps.
MAX_PATTERN_VALUE = 256
MAX_PATTERN_LENGTH = 200
_LONG_REPEAT = 10
_MAX_CHOICES = 256

_TYPES = ("null", "boolean", "number", "integer", "string", "array", "object")
_REPEATS = (regex_parts.MAX_REPEAT, regex_parts.MIN_REPEAT, regex_parts.POSSESSIVE_REPEAT)
_COSTLY = (regex_parts.GROUPREF, regex_parts.GROUPREF_EXISTS, regex_parts.ASSERT, regex_parts.ASSERT_NOT)


class BadSchema(ValueError):
    """One sentence on what is wrong with a schema, and where."""


def check(document: Any) -> str:
    """The schema as it is kept, as text. Raises BadSchema."""
    if not isinstance(document, dict):
        raise BadSchema("a schema is a JSON object")
    schema = {name: value for name, value in document.items() if name not in ("$schema", "$id")}
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > MAX_SCHEMA_BYTES:
        raise BadSchema(f"a schema takes at most {MAX_SCHEMA_BYTES} bytes")
    _Walk(schema).visit(schema, "#", ())
    try:
        compile_schema(schema)
    except (ValueError, re.error, fastjsonschema.JsonSchemaException) as error:
        raise BadSchema(str(error)) from error
    return json.dumps(_bound_patterns(schema), separators=(",", ":"))


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


# Every keyword that the checker applies, with the form that its value must have.
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
_DATA = ("const", "enum", "default", "examples")
_ONE_SCHEMA = ("additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else")
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")
_SCHEMA_MAPS = ("properties", "patternProperties")
_DEFINITIONS = ("$defs", "definitions")


class _Walk:
    """Through a schema as a check goes: references are followed, and every step counts."""

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
            raise BadSchema(f"{place} is no schema")
        for keyword, value in schema.items():
            self._visit_keyword(keyword, value, f"{place}/{keyword}", followed)
        if "$ref" in schema:
            self._follow(schema, place, followed)

    def _visit_keyword(self, keyword: str, value: Any, place: str, followed: tuple[str, ...]) -> None:
        if keyword in _KEYWORDS:
            if not _KEYWORDS[keyword](value):
                raise BadSchema(f"{place} has a value that {keyword} cannot have")
            if keyword == "pattern":
                check_pattern(value, place)
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
            raise BadSchema(f"{place} is not supported; docs/projects.md lists what is")

    def _visit_map(self, keyword: str, value: Any, place: str, followed: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            raise BadSchema(f"{place} must be an object of schemas")
        for name, each in value.items():
            if keyword == "patternProperties":
                check_pattern(name, place, repeats=1)  # names have no bound on their length
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


def check_pattern(pattern: str, place: str, repeats: int = 2) -> None:
    """Refuse a regular expression that some value could keep busy. Raises BadSchema."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise BadSchema(f"{place}: a pattern has at most {MAX_PATTERN_LENGTH} characters")
    try:
        parsed = regex_parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadSchema(f"{place}: {error}") from error
    long, choices = _effort(parsed, place, inside=False)
    anchored = bool(parsed.data) and parsed.data[0][0] is regex_parts.AT
    if long > repeats or choices > _MAX_CHOICES or (long == 2 and not anchored) or (repeats == 1 and not anchored):
        raise BadSchema(
            f"{place}: at most {repeats} unbounded repeats, few alternatives, and a start with ^ keep a pattern quick"
        )


def _effort(parsed: Any, place: str, *, inside: bool) -> tuple[int, int]:
    """How many long repeats a pattern has, and in how many ways the rest of it can be tried."""
    long, choices = 0, 1
    for operation, argument in parsed:
        if operation in _COSTLY:
            raise BadSchema(f"{place}: a pattern must not look around or refer back")
        parts: list[Any] = []
        if operation in _REPEATS:
            least, most, repeated = argument
            if inside and (least, most) != (1, 1):
                raise BadSchema(f"{place}: a repeat inside a repeat can take for ever")
            long += most - least > _LONG_REPEAT
            choices *= most - least + 1 if most - least <= _LONG_REPEAT else 1
            parts, inside_parts = [repeated], inside or most > 1
        elif operation is regex_parts.BRANCH:
            if inside:
                raise BadSchema(f"{place}: alternatives inside a repeat can take for ever")
            parts, inside_parts = argument[1], inside
            choices *= len(parts)
        elif operation is regex_parts.SUBPATTERN:
            parts, inside_parts = [argument[-1]], inside
        elif operation is regex_parts.ATOMIC_GROUP:
            parts, inside_parts = [argument], inside
        for part in parts:
            more, ways = _effort(part, place, inside=inside_parts)
            long, choices = long + more, choices * ways
    return long, choices


def _bound_patterns(schema: Any) -> Any:
    """The schema, in which a value with a pattern also has a bounded length, which is checked first."""
    if isinstance(schema, list):
        return [_bound_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {name: value if name in _DATA else _bound_patterns(value) for name, value in schema.items()}
    if isinstance(bounded.get("pattern"), str):
        longest = bounded.get("maxLength")
        bounded["maxLength"] = min(longest if isinstance(longest, int) else MAX_PATTERN_VALUE, MAX_PATTERN_VALUE)
    return bounded
