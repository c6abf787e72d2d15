"""Which faults a story is run with, of all that can befall the calls that it makes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any

from injector import AFTER, BEFORE, Call, Fault, is_read, ways_to_fail


def every_fault(calls: Sequence[Call]) -> list[Fault]:
    """Every fault at every call."""
    return [
        Fault(number, kind)
        for number, call in enumerate(calls, 1)
        for kind in [*BEFORE, *chain(*ways_to_fail(call.operation)), *AFTER]
    ]


def one_of_each_class(calls: Sequence[Call], *, has_zombies: bool = True, is_brief: bool = True) -> list[Fault]:
    """Each step fails in every way, and between any two steps that follow each other happens whatever can.

    Failures that come to the same are one way, and the repeats of a step, or of two, are one class: both take turns.
    So do rivals before a read. Just before a write comes every one: whatever was read for it may be old then.
    The choice is the same every time.
    """
    chosen, turns = {Fault(1, kind) for kind in BEFORE}, Counter[str]()
    for call, numbers in _places(calls).items():
        for place, ways in enumerate(ways_to_fail(call.operation)):
            chosen.add(Fault(numbers[place % len(numbers)], ways[turns[ways[-1]] % len(ways)]))
            turns[ways[-1]] += 1
    rivals = [kind for kind in AFTER if kind != "crash-after" and (has_zombies or "zombie" not in kind)]
    for turn, ((first, second, _), numbers) in enumerate(_places(_neighbours(calls)).items()):
        # A death after a read leaves what it left before the read.
        kinds = [] if is_read(first.operation) else ["crash-after"]
        writes = second is None or not is_read(second.operation)
        kinds += rivals if writes or not is_brief else [rivals[turn % len(rivals)]]
        chosen.update(Fault(numbers[place % len(numbers)], kind) for place, kind in enumerate(kinds))
    return [fault for fault in every_fault(calls) if fault in chosen]


def one_of_each_class_at_every_call(calls: Sequence[Call], *, has_zombies: bool = True) -> list[Fault]:
    """The same, but no call is taken for the repeat of another, and every rival comes everywhere."""
    every = [Call(call.operation, str(number)) for number, call in enumerate(calls)]
    return one_of_each_class(every, has_zombies=has_zombies, is_brief=False)


def _neighbours(calls: Sequence[Call]) -> Iterable[tuple[Any, ...]]:
    """What is between a call and the next: "before" that one says the same. No transaction is a repeat of another."""
    for number, (first, second) in enumerate(pairwise([*calls, None])):
        is_near = any(each and each.operation == "dynamodb.TransactWriteItems" for each in (first, second))
        yield first, second, number if is_near else None


def _places(things: Iterable[Any]) -> dict[Any, list[int]]:
    """Where each thing is, counted from 1."""
    places = defaultdict(list)
    for number, thing in enumerate(things, 1):
        places[thing].append(number)
    return places
