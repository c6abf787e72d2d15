"""The keywords about one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.core.json_schema.steps import Check, Failure, Maker, Subschema, failure_of, spend

_STEPS_OF_A_RATIO = 14
# Enough for any schema.
_ALL_STEPS = 1_000_000


_KINDS: dict[str, set[type]] = {
    "null": {type(None)},
    "boolean": {bool},
    "number": {int, float},
    "integer": {int},
    "string": {str},
    "array": {list},
    "object": {dict},
}
ANY_TYPE = [*_KINDS]


def kinds_of(type_names: str | list[str]) -> tuple[set[type], bool, Failure]:
    """The classes that values of these types have, whether floats do that are whole, and how others fail."""
    names = [type_names] if isinstance(type_names, str) else type_names
    kinds = set[type]().union(*(_KINDS[name] for name in names))
    return kinds, "integer" in names, failure_of(f"must be {' or '.join(names)}")


def identity(value: Any, left: list[int]) -> Any:
    """Equal for equal JSON values, and hashable: 1 equals 1.0 and not true."""
    kind = type(value)
    if kind is list:
        spend(left, len(value))
        return list, tuple([identity(each, left) for each in value])
    if kind is dict:
        spend(left, len(value))
        return dict, frozenset([(name, identity(each, left)) for name, each in value.items()])
    return (bool, value) if kind is bool else value


def _enum(schema: Mapping[str, Any], _: Subschema) -> Check:
    allowed = {identity(value, [_ALL_STEPS]) for value in schema["enum"]}
    failure = failure_of("must be one of the schema's values")

    def check(value: Any, left: list[int]) -> Failure | None:
        return None if identity(value, left) in allowed else failure

    return check


def _numbers(schema: Mapping[str, Any], _: Subschema) -> Check:
    steps = _STEPS_OF_A_RATIO if "multipleOf" in schema else 0
    bounds = [
        (is_bad, schema[keyword], failure_of(f"{words} {schema[keyword]}"))
        for keyword, is_bad, words in _BOUNDS
        if keyword in schema
    ]

    def check(value: Any, left: list[int]) -> Failure | None:
        if type(value) not in (int, float):
            return None
        left[0] -= steps  # which the next look finds out
        for is_bad, bound, failure in bounds:
            if is_bad(value, bound):
                return failure
        return None

    return check


def _is_no_multiple(value: float, unit: float) -> bool:
    # As decimals: 0.3 is a multiple of 0.1. As ratios, since no quotient is too large for one.
    (over, under), (unit_over, unit_under) = (Decimal(repr(each)).as_integer_ratio() for each in (value, unit))
    return over * unit_under % (under * unit_over) != 0


_BOUNDS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", lambda value, bound: value < bound, "must be at least"),
    ("maximum", lambda value, bound: value > bound, "must be at most"),
    ("exclusiveMinimum", lambda value, bound: value <= bound, "must be above"),
    ("exclusiveMaximum", lambda value, bound: value >= bound, "must be below"),
    ("multipleOf", _is_no_multiple, "must be a multiple of"),
)


def _size(kind: type[str | list[Any] | dict[str, Any]], least: str, most: str, noun: str) -> Maker:
    def make(schema: Mapping[str, Any], _: Subschema) -> Check:
        smallest, largest = schema.get(least, 0), schema.get(most, float("inf"))
        too_small = failure_of(f"must have at least {smallest} {noun}")
        too_large = failure_of(f"must have at most {largest} {noun}")

        def check(value: Any, _left: list[int]) -> Failure | None:
            if not isinstance(value, kind):
                return None
            return too_small if len(value) < smallest else too_large if len(value) > largest else None

        return check

    return make


def matcher(pattern: str) -> Callable[[str, list[int]], bool]:
    """Whether a text matches a pattern. Raises BadPattern."""
    from chalicelib.core.json_schema import patterns  # only schemas with patterns pay for the engine

    return patterns.matcher(pattern)


def _pattern(schema: Mapping[str, Any], _: Subschema) -> Check:
    matches, failure = matcher(schema["pattern"]), failure_of("must match the pattern " + schema["pattern"])

    def check(value: Any, left: list[int]) -> Failure | None:
        return None if not isinstance(value, str) or matches(value, left) else failure

    return check


MAKERS: tuple[tuple[set[str], Maker], ...] = (
    ({"enum"}, _enum),
    ({"const"}, lambda schema, check_of: _enum({"enum": [schema["const"]]}, check_of)),
    ({keyword for keyword, _, _ in _BOUNDS}, _numbers),
    ({"minLength", "maxLength"}, _size(str, "minLength", "maxLength", "characters")),
    ({"minItems", "maxItems"}, _size(list, "minItems", "maxItems", "items")),
    ({"minProperties", "maxProperties"}, _size(dict, "minProperties", "maxProperties", "fields")),
    ({"pattern"}, _pattern),
)
