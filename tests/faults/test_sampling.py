"""The sample of faults that `make test` runs holds one of each class."""

from __future__ import annotations

from itertools import pairwise

import pytest

from injector import AFTER, Call, Fault, is_read, ways_to_fail
from sampling import every_fault, one_of_each_class, one_of_each_class_at_every_call

READ, WRITE = Call("dynamodb.Query", "read"), Call("s3.PutObject", "write")
SAVE = Call("dynamodb.TransactWriteItems", "save")
CALLS = [READ, READ, WRITE, READ, WRITE, SAVE, READ, WRITE, SAVE]


@pytest.mark.parametrize("step", dict.fromkeys(CALLS))
def test_each_step_fails_in_every_way(step: Call) -> None:
    kinds = [fault.kind for fault in one_of_each_class(CALLS) if CALLS[fault.number - 1] == step]
    for ways in ways_to_fail(step.operation):
        assert len(set(kinds) & set(ways)) == 1


def kinds_between(steps: tuple[Call, Call], sample: list[Fault]) -> list[str]:
    places = {number for number, each in enumerate(pairwise(CALLS), 1) if each == steps}
    return [fault.kind for fault in sample if fault.number in places and fault.kind in AFTER]


def classes_of(steps: tuple[Call, Call]) -> int:
    return list(pairwise(CALLS)).count(steps) if SAVE in steps else 1


@pytest.mark.parametrize("steps", dict.fromkeys(pairwise(CALLS)))
def test_between_two_steps_that_follow_each_other_happens_whatever_can(steps: tuple[Call, Call]) -> None:
    kinds = kinds_between(steps, one_of_each_class(CALLS, is_brief=False))
    expected = [kind for kind in AFTER if not (kind == "crash-after" and is_read(steps[0].operation))]
    assert sorted(kinds) == sorted(expected * classes_of(steps))


@pytest.mark.parametrize("steps", dict.fromkeys(pairwise(CALLS)))
def test_every_rival_comes_before_a_write_and_one_in_turn_before_a_read(steps: tuple[Call, Call]) -> None:
    rivals = [kind for kind in kinds_between(steps, one_of_each_class(CALLS)) if kind != "crash-after"]
    every = [kind for kind in AFTER if kind != "crash-after"]
    if is_read(steps[1].operation):
        assert len(rivals) == classes_of(steps)
    else:
        assert sorted(rivals) == sorted(every * classes_of(steps))


def test_rivals_before_reads_take_turns() -> None:
    reads = [Call("dynamodb.Query", str(number)) for number in range(4)]
    met = [fault.kind for fault in one_of_each_class(reads) if fault.number < 4 and fault.kind in AFTER]
    assert met == [kind for kind in AFTER if kind != "crash-after"]
    assert "rival-zombie-after" not in {fault.kind for fault in one_of_each_class(CALLS, has_zombies=False)}


def test_failures_that_come_to_the_same_and_repeats_take_turns() -> None:
    refusals = [fault for fault in one_of_each_class([WRITE] * 3) if "error" in fault.kind or "un" in fault.kind]
    assert [str(fault) for fault in refusals] == ["1:unreachable"]
    every = one_of_each_class_at_every_call([WRITE] * 3)
    assert {"1:unreachable", "2:error-503-SlowDown", "3:error-500-InternalError"} <= set(map(str, every))
    assert {fault.number for fault in one_of_each_class([READ] * 3)} == {1, 2, 3}


def test_nothing_is_chosen_that_cannot_happen() -> None:
    assert set(one_of_each_class(CALLS)) < set(every_fault(CALLS))
