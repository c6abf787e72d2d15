"""The sample of faults that `make test` runs holds one of each class."""

from __future__ import annotations

from itertools import pairwise

import pytest

from injector import AFTER, Call, is_read, ways_to_fail
from sampling import every_fault, one_of_each_class, one_of_each_class_at_every_call

READ, WRITE = Call("dynamodb.Query", "read"), Call("s3.PutObject", "write")
SAVE = Call("dynamodb.TransactWriteItems", "save")
CALLS = [READ, READ, WRITE, READ, WRITE, SAVE, READ, WRITE, SAVE]


@pytest.mark.parametrize("step", dict.fromkeys(CALLS))
def test_each_step_fails_in_every_way(step: Call) -> None:
    kinds = [fault.kind for fault in one_of_each_class(CALLS) if CALLS[fault.number - 1] == step]
    for ways in ways_to_fail(step.operation):
        assert len(set(kinds) & set(ways)) == 1


@pytest.mark.parametrize("steps", dict.fromkeys(pairwise(CALLS)))
def test_between_two_steps_that_follow_each_other_happens_whatever_can(steps: tuple[Call, Call]) -> None:
    places = {number for number, each in enumerate(pairwise(CALLS), 1) if each == steps}
    kinds = [fault.kind for fault in one_of_each_class(CALLS) if fault.number in places and fault.kind in AFTER]
    repeats = len(places) if SAVE in steps else 1
    expected = [kind for kind in AFTER if not (kind == "crash-after" and is_read(steps[0].operation))]
    assert sorted(kinds) == sorted(expected * repeats)


def test_failures_that_come_to_the_same_and_repeats_take_turns() -> None:
    refusals = [fault for fault in one_of_each_class([WRITE] * 3) if "error" in fault.kind or "un" in fault.kind]
    assert [str(fault) for fault in refusals] == ["1:unreachable"]
    every = one_of_each_class_at_every_call([WRITE] * 3)
    assert {"1:unreachable", "2:error-503-SlowDown", "3:error-500-InternalError"} <= set(map(str, every))
    assert {fault.number for fault in one_of_each_class([READ] * 3)} == {1, 2, 3}


def test_nothing_is_chosen_that_cannot_happen() -> None:
    assert set(one_of_each_class(CALLS)) < set(every_fault(CALLS))
