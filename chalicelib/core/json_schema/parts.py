"""The keywords that look into a value: at its fields and items, or at it again with another schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.core.json_schema.steps import Check, Failure, Maker, OutOfSteps, Subschema, failure_of, spend
from chalicelib.core.json_schema.values import identity, matcher

_NOT_ALLOWED = failure_of("is not allowed")


def taken(_value: Any, left: list[int]) -> None:
    """The schema `true`."""
    spend(left, 1)


def refused(_value: Any, left: list[int]) -> Failure:
    """The schema `false`."""
    spend(left, 1)
    return _NOT_ALLOWED


def _required(schema: Mapping[str, Any], _: Subschema) -> Check:
    failures = {name: failure_of(f"must have {name}") for name in schema["required"]}

    def check(value: Any, left: list[int]) -> Failure | None:
        if not isinstance(value, dict):
            return None
        spend(left, len(failures))
        return next((failure for name, failure in failures.items() if name not in value), None)

    return check


def _fields(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    named = {name: check_of(each) for name, each in schema.get("properties", {}).items()}
    matching = [(matcher(each), check_of(of)) for each, of in schema.get("patternProperties", {}).items()]
    others = [check_of(schema["additionalProperties"])] if "additionalProperties" in schema else []

    def check(value: Any, left: list[int]) -> Failure | None:
        if not isinstance(value, dict):
            return None
        for name, child in value.items():
            left[0] -= 1
            if left[0] < 0:
                raise OutOfSteps
            checks = [named[name]] if name in named else []
            if matching:
                checks += [of for matches, of in matching if matches(name, left)]
            for each in checks or others:
                if failure := each(child, left):
                    return failure[0], (name, *failure[1])
        return None

    return check


def _names(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_name = check_of(schema["propertyNames"])

    def check(value: Any, left: list[int]) -> Failure | None:
        if isinstance(value, dict):
            for name in value:
                if failure := check_name(name, left):
                    return f"has a name that {failure[0]}", ()
        return None

    return check


def _items(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_item = check_of(schema["items"])

    def check(value: Any, left: list[int]) -> Failure | None:
        if isinstance(value, list):
            for position, item in enumerate(value):
                if failure := check_item(item, left):
                    return failure[0], (position, *failure[1])
        return None

    return check


def _contains(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check_item, failure = check_of(schema["contains"]), failure_of("has no item that it must have")

    def check(value: Any, left: list[int]) -> Failure | None:
        if not isinstance(value, list):
            return None
        for item in value:
            if check_item(item, left) is None:
                return None
        return failure

    return check


def _unique(schema: Mapping[str, Any], _: Subschema) -> Check:
    failure = failure_of("has an item twice")

    def check(value: Any, left: list[int]) -> Failure | None:
        if not isinstance(value, list):
            return None
        _, items = identity(value, left)
        return failure if len(items) > len({*items}) else None

    return check if schema["uniqueItems"] else taken


def _all_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks = [check_of(each) for each in schema["allOf"]]

    def check(value: Any, left: list[int]) -> Failure | None:
        for each in checks:
            if failure := each(value, left):
                return failure
        return None

    return check


def _any_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks, failure = [check_of(each) for each in schema["anyOf"]], failure_of("fits none of the alternatives")

    def check(value: Any, left: list[int]) -> Failure | None:
        for each in checks:
            if each(value, left) is None:
                return None
        return failure

    return check


def _one_of(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    checks = [check_of(each) for each in schema["oneOf"]]
    failure = failure_of("fits none or several of the alternatives")

    def check(value: Any, left: list[int]) -> Failure | None:
        fitting = 0
        for each in checks:
            if each(value, left) is None:
                fitting += 1
                if fitting > 1:
                    break
        return None if fitting == 1 else failure

    return check


def _not(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    check = check_of(schema["not"])
    return lambda value, left: None if check(value, left) else _NOT_ALLOWED


def _if(schema: Mapping[str, Any], check_of: Subschema) -> Check:
    condition = check_of(schema["if"])
    then, otherwise = (check_of(schema.get(keyword, True)) for keyword in ("then", "else"))
    return lambda value, left: (otherwise if condition(value, left) else then)(value, left)


MAKERS: tuple[tuple[set[str], Maker], ...] = (
    ({"required"}, _required),
    ({"properties", "patternProperties", "additionalProperties"}, _fields),
    ({"propertyNames"}, _names),
    ({"items"}, _items),
    ({"contains"}, _contains),
    ({"uniqueItems"}, _unique),
    ({"allOf"}, _all_of),
    ({"anyOf"}, _any_of),
    ({"oneOf"}, _one_of),
    ({"not"}, _not),
    ({"if"}, _if),
)
