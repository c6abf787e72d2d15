"""Schemas are registered only if they are understood to the last keyword and cheap for any event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import limits
from chalicelib.core.catalogue import Violation, violation_of
from millrace.ops.schema_check import BadSchema, check


def violation(properties: Any, schema: str, steps: int = limits.CHECK_STEPS) -> Violation | None:
    return violation_of(properties, schema, [steps])


GOOD: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"anything": 1}, {}),
    ({"required": ["plan"]}, {"plan": None}, {}),
    ({"properties": {"n": {"type": "integer", "minimum": 1, "exclusiveMaximum": 3}}}, {"n": 2}, {"n": 3}),
    ({"properties": {"n": {"type": "number", "multipleOf": 0.5}}}, {"n": 1.5}, {"n": 1.3}),
    ({"properties": {"n": {"multipleOf": 0.1}}}, {"n": 0.3}, {"n": 0.35}),
    ({"properties": {"n": {"multipleOf": 0.1}}}, {"n": 1e308}, {"n": 1e-308}),
    ({"properties": {"n": {"type": ["string", "null"]}}}, {"n": None}, {"n": 1}),
    ({"properties": {"n": {"type": "integer"}}}, {"n": 1}, {"n": True}),
    ({"properties": {"n": {"enum": ["a", 1, None]}}}, {"n": 1}, {"n": 2}),
    ({"properties": {"n": {"const": {"pattern": "x"}}}}, {"n": {"pattern": "x"}}, {"n": {}}),
    ({"additionalProperties": False, "properties": {"a": True}}, {"a": 1}, {"b": 1}),
    (
        {"properties": {"a": {"items": {"type": "string", "maxLength": 3}, "maxItems": 2}}},
        {"a": ["abc"]},
        {"a": ["abcd"]},
    ),
    ({"properties": {"a": {"uniqueItems": True, "minItems": 1}}}, {"a": [1, True]}, {"a": [{}, {}]}),
    ({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, {"a": None}, {"a": 1}),
    ({"properties": {"a": {"oneOf": [{"minimum": 1}, {"maximum": 5}]}}}, {"a": 9}, {"a": 3}),
    ({"properties": {"a": {"not": {"const": 1}}}}, {"a": 2}, {"a": 1}),
    ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"c": 1}, {"a": 1}),
    ({"$defs": {"id": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/id"}}}, {"a": "x"}, {"a": 1}),
    ({"properties": {"a": {"pattern": "^[a-z]+-[0-9]+$"}}}, {"a": "ab-12"}, {"a": "ab-12\n"}),
    ({"properties": {"a": {"pattern": "a+$"}}}, {"a": "x" * 9000 + "a"}, {"a": "a" * 257 + "b"}),
    ({"patternProperties": {"^utm_": {"type": "string"}}}, {"utm_source": "x", "n": 1}, {"utm_source": 1}),
    ({"properties": {'it\'s "{x}"\n': {"type": "string"}}}, {}, {'it\'s "{x}"\n': 1}),
    ({"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}}, {"pattern": "("}, {"pattern": 1}),
]


@pytest.mark.parametrize(("schema", "good", "bad"), GOOD, ids=[json.dumps(row[0])[:50] for row in GOOD])
def test_a_schema_takes_what_it_means_and_nothing_else(
    schema: dict[str, Any], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    text = check(schema)
    assert violation(good, text) is None
    if schema:
        assert violation(bad, text) is not None


@pytest.mark.parametrize(
    "schema",
    [
        [],
        "text",
        None,
        True,
        {"type": "text"},
        {"type": []},
        {"required": "plan"},
        {"required": ["a", "a"]},
        {"minimum": "1"},
        {"exclusiveMinimum": True},
        {"multipleOf": 0},
        {"maxLength": -1},
        {"maxLength": True},
        {"enum": []},
        {"properties": []},
        {"properties": {"a": 1}},
        {"items": [{"type": "string"}]},
        {"anyOf": []},
        {"uniqueItems": "yes"},
        {"prefixItems": [True]},
        {"dependentRequired": {"a": ["b"]}},
        {"unevaluatedProperties": False},
        {"reqiured": ["plan"]},
        {"properties": {"a": {"$id": "http://example.com/x"}}},
    ],
    ids=json.dumps,
)
def test_what_would_not_be_applied_as_it_is_meant_is_refused(schema: Any) -> None:
    with pytest.raises(BadSchema):
        check(schema)


@pytest.mark.parametrize(
    "reference",
    ["http://example.com/x", "file:///etc/passwd", "other.json", "#", "#/$defs/none", "#/$defs/a/b", "//x", 1],
)
def test_references_stay_inside_the_schema(reference: Any) -> None:
    with pytest.raises(BadSchema):
        check({"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": reference}}})


def test_a_reference_that_comes_back_to_itself_is_refused() -> None:
    with pytest.raises(BadSchema, match="itself"):
        check({"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})


def test_keywords_beside_a_reference_are_refused_since_they_would_not_be_applied() -> None:
    with pytest.raises(BadSchema, match="allOf"):
        check({"$defs": {"a": True}, "properties": {"x": {"$ref": "#/$defs/a", "type": "string"}}})


def test_references_that_multiply_are_refused() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for depth in range(1, 20):
        definitions[f"d{depth}"] = {"anyOf": [{"$ref": f"#/$defs/d{depth - 1}"}] * 2}
    with pytest.raises(BadSchema, match="subschemas"):
        check({"$defs": definitions})


def test_a_pattern_that_cannot_run_in_linear_time_is_refused_wherever_it_stands() -> None:
    for schema in ({"properties": {"a": {"pattern": "(?=a)b"}}}, {"patternProperties": {"(?=a)b": True}}):
        with pytest.raises(BadSchema, match="looks around"):
            check(schema)


def test_a_pattern_stands_where_patterns_stand_and_not_among_names() -> None:
    text = check({"properties": {"default": {"pattern": "^a*a*b$"}, "x": {"const": {"pattern": "("}}}})
    assert violation({"default": "a" * 100 + "b"}, text) is None
    assert violation({"default": "c"}, text) is not None


def test_a_schema_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadSchema, match="bytes"):
        check({"description": "x" * 70_000})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "enum", "properties", "items", "anyOf", "not", "pattern", "$ref", "required", "a"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=5), max_size=3),
)
def test_any_json_is_either_refused_or_applied(document: Any, properties: dict[str, Any]) -> None:
    try:
        text = check(document)
    except BadSchema:
        return
    violation(properties, text)


def test_a_stored_schema_that_does_not_compile_checks_nothing() -> None:
    for text in ("{", '{"type": "text"}', '{"$ref": "http://example.com/x"}', '{"pattern": "("}'):
        assert violation({"a": 1}, text) is None


ITEMS = ["1"] * 3000


@pytest.mark.parametrize(
    "items",
    [
        {"anyOf": [{"type": "null"}] * 30 + [True]},
        {"anyOf": [False] * 30 + [True]},
        {"oneOf": [{"minLength": number} for number in range(1, 31)]},
        {"allOf": [{"minLength": 1}] * 30},
        {"not": {"anyOf": [{"type": "null"}] * 30}},
        {"pattern": "(a|b){0,200}"},
    ],
    ids=lambda items: next(iter(items)),
)
def test_alternatives_count_for_each_item_of_a_list_and_end_the_check(items: dict[str, Any]) -> None:
    schema = check({"properties": {"tags": {"items": items}}})
    assert violation({"tags": ITEMS[:50]}, schema) is None
    found = violation({"tags": ITEMS}, schema)
    assert (found and found.code) == "not_checked"


def test_an_enum_of_any_length_is_one_step() -> None:
    schema = {"properties": {"tags": {"items": {"enum": [f"code-{number}" for number in range(3000)]}}}}
    assert violation({"tags": ["code-2999"] * 3000}, check(schema), 0) is None
    found = violation({"tags": ["code-2999"] * 2999 + ["x"]}, check(schema), 0)
    assert (found and found.field) == "properties.tags.2999"


def test_steps_that_an_event_does_not_take_are_left_to_the_next_of_its_post() -> None:
    costly = check({"properties": {"tags": {"items": {"anyOf": [{"type": "null"}] * 15 + [True]}}}})
    event = {"tags": ["1"] * 3000}
    spent, saved = [0], [0]
    assert violation_of(event, costly, spent) is not None
    for _ in range(9):
        violation_of({"text": "x" * 2000}, costly, saved)
    assert violation_of(event, costly, saved) is None
    assert violation_of({"tags": ["1"]}, costly, spent) is None  # nobody is left without any
