"""JSON Schema (draft 7) as functions that count their steps, so that no value keeps a check busy.

Libraries cannot be stopped inside a value. `millrace/ops/schema_check.py` refuses schemas that are not understood here
to the last keyword. `values` has the keywords about one value, `parts` those that apply subschemas, `patterns` the
engine.
"""

from __future__ import annotations

from typing import Any

from chalicelib.core.json_schema import parts, values
from chalicelib.core.json_schema.steps import Check, Failure, Maker, OutOfSteps

__all__ = ["Check", "Failure", "OutOfSteps", "compile_schema"]

# By the keywords that ask for them, the cheap ones first.
_MAKERS: tuple[tuple[set[str], Maker], ...] = (*values.MAKERS, *parts.MAKERS)


def compile_schema(schema: Any) -> Check:
    """The check that a schema is. Raises ValueError, LookupError or TypeError for one that the toolbox would refuse."""
    return _Compiler(schema).check_of(schema)


class _Compiler:
    """Makes each subschema a function. References are followed once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._references: dict[str, Check | None] = {}

    def check_of(self, schema: Any) -> Check:
        """The check of a subschema."""
        if isinstance(schema, bool):
            return parts.taken if schema else parts.refused
        if "$ref" in schema:
            return self._follow(schema["$ref"])
        kinds, whole_floats, wrong_kind = values.kinds_of(schema.get("type", values.ANY_TYPE))
        checks = [make(schema, self.check_of) for keywords, make in _MAKERS if keywords & schema.keys()]
        steps = 1 + len(checks)

        def check(value: Any, left: list[int]) -> Failure | None:
            left[0] -= steps
            if left[0] < 0:
                raise OutOfSteps
            kind = type(value)  # what JSON is made of has no subclasses
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
