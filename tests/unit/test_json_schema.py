"""JSON Schema as another implementation has it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_schema import compile_schema

ENOUGH = 10**9
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, -1, 1.0, 1.5, 0.5, "", "a", "ab", "abc", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "ab", "b"]), inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.integers(0, 3)
NUMBERS = st.sampled_from([-1, 0, 1, 1.5, 2])
TYPES = st.sampled_from(["null", "boolean", "number", "integer", "string", "array", "object"])
PATTERNS = st.sampled_from(["^a", "b$", "^[a-z]+$", "1"])


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(["a", "ab", "b"]), inner, max_size=2)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBERS),
            "multipleOf": st.sampled_from([0.5, 1, 2]),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), COUNTS),
            **dict.fromkeys(("minProperties", "maxProperties"), COUNTS),
            "pattern": PATTERNS,
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
            "properties": fields,
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            **dict.fromkeys(("additionalProperties", "propertyNames", "items", "contains", "not"), inner),
            "uniqueItems": st.booleans(),
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), some),
            **dict.fromkeys(("if", "then", "else"), inner),
        },
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(st.booleans() | st.builds(dict), keywords, max_leaves=6)


@given(keywords(SCHEMAS), st.lists(VALUES, min_size=1, max_size=8))
def test_a_value_keeps_a_schema_or_breaks_it_as_another_implementation_says(schema: Any, values: list[Any]) -> None:
    ours, theirs = compile_schema(schema), jsonschema_rs.Draft7Validator(schema)
    assert [ours(value, [ENOUGH]) is None for value in values] == [theirs.is_valid(value) for value in values]


def test_a_bad_name_is_named_with_its_fault() -> None:
    check = compile_schema({"propertyNames": {"maxLength": 1}})
    assert check({"ab": 1}, [ENOUGH]) == ("has a name that must have at most 1 characters", ())


@given(SCHEMAS, VALUES)
def test_a_reference_is_what_it_refers_to(schema: Any, value: Any) -> None:
    referring = {"$defs": {"a/b~c": schema}, "properties": {"x": {"$ref": "#/$defs/a~1b~0c"}}}
    direct = compile_schema({"properties": {"x": schema}})
    assert compile_schema(referring)({"x": value}, [ENOUGH]) == direct({"x": value}, [ENOUGH])
