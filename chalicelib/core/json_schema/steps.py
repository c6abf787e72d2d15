"""What checks are made of, and how they count their steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# What breaks the schema, and the names and positions that lead there. No exception, since alternatives fail often.
Failure = tuple[str, tuple[str | int, ...]]
# Takes a value and the steps that are left, a list of one number, and takes from it what the check costs.
Check = Callable[[Any, list[int]], Failure | None]
# Makes the check of a subschema.
Subschema = Callable[[Any], Check]
# Makes the check of some keywords of a schema.
Maker = Callable[[Mapping[str, Any], Subschema], Check]


class OutOfSteps(Exception):
    """A value needs more steps than it may take."""


def spend(left: list[int], steps: int) -> None:
    """Take steps that a check is about to need. Raises OutOfSteps."""
    left[0] -= steps
    if left[0] < 0:
        raise OutOfSteps


def failure_of(message: str) -> Failure:
    """A failure of the value itself."""
    return message, ()
