"""Compiles JSON Schema (draft 7) to functions that count their steps, so that every check ends in time.

A library's check cannot be stopped inside a value. `millrace/ops/schema_check.py` refuses schemas that this module does
not support.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

# The violated rule, and the path of names and positions to the value. No exception is used: alternatives fail often.
Failure = tuple[str, tuple[str | int, ...]]
# A check takes a value, and a list of one number: the steps that are left. It subtracts its own steps from the number.
Check = Callable[[Any, list[int]], Failure | None]
# Returns the check of a subschema.
Subschema = Callable[[Any], Check]
# Returns the check of some keywords of a schema.
Maker = Callable[[Mapping[str, Any], Subschema], Check]

_STEPS_OF_A_RATIO = 14
# More steps than any schema needs.
_ALL_STEPS = 1_000_000
_NOT_ALLOWED: Failure = "is not allowed", ()
_KINDS: dict[str, set[type]] = {
    "null": {type(None)},
    "boolean": {bool},
    "number": {int, float},
    "integer": {int},
    "string": {str},
    "array": {list},
    "object": {dict},
}


class OutOfSteps(Exception):
    """A check needs more steps than it may take."""


def spend(left: list[int], steps: int) -> None:
    """Subtract the steps that a check is about to take. Raises OutOfSteps."""
    left[0] -= steps
    if left[0] < 0:
        raise OutOfSteps


def compile_schema(schema: Any) -> Check:
    """Return the check of a schema. Raises ValueError, LookupError or TypeError if the toolbox would refuse it."""
    return _Compiler(schema).check_of(schema)


class _Compiler:
    """Compiles each subschema to a function. Each reference is compiled once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._references: dict[str, Check | None] = {}

    def check_of(self, schema: Any) -> Check:
        """Return the check of a subschema."""
        if isinstance(schema, bool):
            return partial(_answer, None if schema else _NOT_ALLOWED)
        if "$ref" in schema:
            return self._follow(schema["$ref"])
        kinds, whole_floats, wrong_kind = _kinds_of(schema.get("type", [*_KINDS]))
        checks = [_leaf_check(rule, schema[keyword]) for keyword, rule in _LEAVES.items() if keyword in schema]
        checks += [make(schema, self.check_of) for keywords, make in _MAKERS.items() if schema.keys() & {*keywords}]
        steps = 1 + len(checks)

        def check(value: Any, left: list[int]) -> Failure | None:
            spend(left, steps)
            kind = type(value)  # parsed JSON has no subclasses
            if kind not in kinds and not (whole_floats and kind is float and value % 1 == 0):
                return wrong_kind
            for each in checks:
                if failure := each(value, left):
                    return failure
            return None

        return check

    def _follow(self, reference: str) -> Check:
        if reference not in self._references:
            self._references[reference] = None
            target = self._root
            for part in reference.removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            self._references[reference] = self.check_of(target)
        if (found := self._references[reference]) is None:
            raise ValueError(f"{reference} refers to itself")
        return found


def _answer(failure: Failure | None, _value: Any, left: list[int]) -> Failure | None:
    spend(left, 1)
    return failure


def _kinds_of(type_names: str | list[str]) -> tuple[set[type], bool, Failure]:
    """Return what a value of these types may be: its classes, and whether it may be a whole float.

    The third part is the failure for other values.
    """
    names = [type_names] if isinstance(type_names, str) else type_names
    kinds = set[type]().union(*(_KINDS[name] for name in names))
    return kinds, "integer" in names, (f"must be {' or '.join(names)}", ())


def _identity(value: Any, left: list[int]) -> Any:
    """Return a hashable value that is equal for equal JSON values: 1 equals 1.0 but not true."""
    kind = type(value)
    if kind is list:
        spend(left, len(value))
        return list, tuple([_identity(each, left) for each in value])
    if kind is dict:
        spend(left, len(value))
        return dict, frozenset([(name, _identity(each, left)) for name, each in value.items()])
    return (bool, value) if kind is bool else value


def _identities(values: list[Any]) -> set[Any]:
    return {_identity(value, [_ALL_STEPS]) for value in values}


def _is_one_of(value: Any, allowed: set[Any], left: list[int]) -> bool:
    return _identity(value, left) in allowed


def _is_multiple(value: float, unit: float, left: list[int]) -> bool:
    # Decimals are used, so that 0.3 is a multiple of 0.1. Ratios are used, so that no quotient overflows.
    spend(left, _STEPS_OF_A_RATIO)
    (over, under), (unit_over, unit_under) = (Decimal(repr(each)).as_integer_ratio() for each in (value, unit))
    return over * unit_under % (under * unit_over) == 0


def _is_long_enough(value: Sized, least: int, _left: list[int]) -> bool:
    return len(value) >= least


def _is_short_enough(value: Sized, most: int, _left: list[int]) -> bool:
    return len(value) <= most


def _matcher(pattern: str) -> Callable[[str, list[int]], bool]:
    from chalicelib.core.json_schema import patterns  # only schemas with patterns pay for the engine

    return patterns.matcher(pattern)


class _Leaf(NamedTuple):
    """A keyword that applies to values of `kinds`. `fits`: takes a value, the result of `prepare`, and the steps left.

    `prepare`: takes the keyword's own value.
    """

    kinds: tuple[type, ...]
    fits: Callable[[Any, Any, list[int]], bool]
    message: str
    prepare: Callable[[Any], Any] = lambda given: given


def _leaf_check(rule: _Leaf, given: Any) -> Check:
    wanted, fits, kinds = rule.prepare(given), rule.fits, rule.kinds
    failure: Failure = rule.message.format(given), ()

    def check(value: Any, left: list[int]) -> Failure | None:
        return None if type(value) not in kinds or fits(value, wanted, left) else failure

    return check


_NUMBER, _TEXT, _LIST, _OBJECT = (int, float), (str,), (list,), (dict,)
_ANY = (type(None), bool, *_NUMBER, *_TEXT, *_LIST, *_OBJECT)
_SIZES = (("Length", _TEXT, "characters"), ("Items", _LIST, "items"), ("Properties", _OBJECT, "fields"))
# Ordered from cheap to expensive.
_LEAVES = {
    "enum": _Leaf(_ANY, _is_one_of, "must be one of the schema's values", _identities),
    "const": _Leaf(_ANY, _is_one_of, "must be one of the schema's values", lambda given: _identities([given])),
    "minimum": _Leaf(_NUMBER, lambda value, bound, _: value >= bound, "must be at least {}"),
    "maximum": _Leaf(_NUMBER, lambda value, bound, _: value <= bound, "must be at most {}"),
    "exclusiveMinimum": _Leaf(_NUMBER, lambda value, bound, _: value > bound, "must be above {}"),
    "exclusiveMaximum": _Leaf(_NUMBER, lambda value, bound, _: value < bound, "must be below {}"),
    "multipleOf": _Leaf(_NUMBER, _is_multiple, "must be a multiple of {}"),
    **{f"min{what}": _Leaf(kinds, _is_long_enough, f"must have at least {{}} {noun}") for what, kinds, noun in _SIZES},
    **{f"max{what}": _Leaf(kinds, _is_short_enough, f"must have at most {{}} {noun}") for what, kinds, noun in _SIZES},
    "pattern": _Leaf(_TEXT, lambda text, matches, left: matches(text, left), "must match the pattern {}", _matcher),
    "uniqueItems": _Leaf(
        _LIST,
        lambda items, wanted, left: not wanted or len({*_identity(items, left)[1]}) == len(items),
        "has an item twice",
    ),
}


def _required(schema: Mapping[str, Any], _: Subschema) -> Check:
    names = schema["required"]

    def check(value: Any, left: list[int]) -> Failure | None:
        spend(left, len(names))
        missing = [name for name in names if name not in value] if isinstance(value, dict) else []
        return (f"must have {missing[0]}", ()) if missing else None

    return check


def _fields(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    named = {name: check_of(each) for name, each in schema.get("properties", {}).items()}
    matching = [(_matcher(each), check_of(of)) for each, of in schema.get("patternProperties", {}).items()]
    others = [check_of(schema["additionalProperties"])] if "additionalProperties" in schema else []

    def check(value: Any, left: list[int]) -> Failure | None:
        if not isinstance(value, dict):
            return None
        for name, child in value.items():
            spend(left, 1)
            checks = [named[name]] if name in named else []
            checks += [of for matches, of in matching if matches(name, left)]
            for each in checks or others:
                if failure := each(child, left):
                    return failure[0], (name, *failure[1])
        return None

    return check


def _names(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_name = check_of(schema["propertyNames"])

    def check(value: Any, left: list[int]) -> Failure | None:
        failures = (check_name(name, left) for name in value) if isinstance(value, dict) else ()
        failure = next(filter(None, failures), None)
        return failure and (f"has a name that {failure[0]}", ())

    return check


def _items(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_item = check_of(schema["items"])

    def check(value: Any, left: list[int]) -> Failure | None:
        for position, item in enumerate(value if isinstance(value, list) else ()):
            if failure := check_item(item, left):
                return failure[0], (position, *failure[1])
        return None

    return check


def _contains(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_item = check_of(schema["contains"])
    failure: Failure = "has no item that it must have", ()
    return lambda value, left: (
        None if not isinstance(value, list) or any(check_item(item, left) is None for item in value) else failure
    )


def _all_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks = [check_of(each) for each in schema["allOf"]]
    return lambda value, left: next(filter(None, (each(value, left) for each in checks)), None)


def _any_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks = [check_of(each) for each in schema["anyOf"]]
    failure: Failure = "fits none of the alternatives", ()
    return lambda value, left: None if any(each(value, left) is None for each in checks) else failure


def _one_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks = [check_of(each) for each in schema["oneOf"]]

    def check(value: Any, left: list[int]) -> Failure | None:
        fitting = (each(value, left) is None for each in checks)
        if any(fitting) and not any(fitting):  # the second call continues after the first match
            return None
        return "fits none or several of the alternatives", ()

    return check


def _not(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check = check_of(schema["not"])
    return lambda value, left: None if check(value, left) else _NOT_ALLOWED


def _if(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    condition = check_of(schema["if"])
    then, otherwise = (check_of(schema.get(keyword, True)) for keyword in ("then", "else"))
    return lambda value, left: (otherwise if condition(value, left) else then)(value, left)


# By the keywords that need them, from cheap to expensive.
_MAKERS: dict[tuple[str, ...], Maker] = {
    ("required",): _required,
    ("properties", "patternProperties", "additionalProperties"): _fields,
    ("propertyNames",): _names,
    ("items",): _items,
    ("contains",): _contains,
    ("allOf",): _all_of,
    ("anyOf",): _any_of,
    ("oneOf",): _one_of,
    ("not",): _not,
    ("if",): _if,
}
