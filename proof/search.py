"""Searches worlds of the model for violations.

In a small world, it tries every order of steps and every fault. In a larger world, it tries random ones.

A state consists of a world, the running actors, and the calls that AWS may still apply late. It also has the numbers of
faults and repeated deliveries that are left. The state of an actor is the list of answers that the actor has received:
the same answers lead to the same next call.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, NamedTuple

from proof import actors, commands, invariants
from proof.actors import Broken
from proof.world import READS, UNKNOWN, World, apply, begin, minutes_later

_ACTORS: dict[str, Callable[..., actors.Actor]] = {
    act.__name__: act
    for act in (actors.process, actors.aggregate, commands.erase, commands.renew, commands.replay, commands.sweep)
}


@dataclass(frozen=True)
class Setting:
    """A small world to search.

    `world`: the first state of the data, with the messages. `commands`: the other actors with their arguments, such as
    ("erase", "ann"). Each of them acts once. `changes`: lifetimes that come into force. `months`: the number of months
    that may pass. `faults`: how many faults may happen, failed calls and killed workers in all. `again`: how many times
    a message may be delivered while a worker has it, or after it was deleted. `batch`: the most messages in a delivery.
    `workers`: the most workers that run at once.
    """

    name: str
    world: tuple[tuple[Any, Any], ...]
    commands: tuple[tuple[str, ...], ...] = ()
    changes: tuple[Any, ...] = ()
    months: int = 0
    faults: int = 1
    again: int = 1
    batch: int = 2
    workers: int = 2


class State(NamedTuple):
    """A state of the search. `world`, `running` and `late` are positions in the tables of the search."""

    world: int
    running: tuple[int, ...]
    late: tuple[int, ...]
    commands: tuple[tuple[str, ...], ...]
    changes: tuple[Any, ...]
    faults: int
    again: int


#: The description of a step: text and values. It is printed only if the step leads to a violation.
Label = tuple[Any, ...]


class Running(NamedTuple):
    """A running actor. `program`: its name and arguments. `answers`: the answers that it has received."""

    program: tuple[Any, ...]
    answers: tuple[Any, ...] = ()


class Numbered:
    """A table that gives each value a number, and finds a value by its number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def __call__(self, key: Any, value: Any) -> int:
        number = self._numbers.setdefault(key, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


@dataclass
class Result:
    """The result of a search. `states`: the number of visited states.

    `settled`: how many of these states were at rest (`Search.is_settled`).
    `is_complete`: whether all reachable states were visited. `trace`: the steps that lead to the violation.
    """

    setting: str
    states: int = 0
    settled: int = 0
    seconds: float = 0.0
    is_complete: bool = True
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


class Search:
    def __init__(self, setting: Setting, broken: Broken = frozenset()) -> None:
        self.setting, self.broken = setting, broken
        self._worlds, self._actors, self._calls = Numbered(), Numbered(), Numbered()
        self._applied: dict[tuple[int, int], tuple[int, Any]] = {}
        self._next: dict[tuple[int, Any], int | None] = {}

    def first(self) -> State:
        world = dict(self.setting.world)
        return State(
            self._world(world),
            (),
            (),
            self.setting.commands,
            self.setting.changes,
            self.setting.faults,
            self.setting.again,
        )

    # --- tables

    def _world(self, world: World) -> int:
        return self._worlds(frozenset(world.items()), world)

    def _start(self, program: tuple[Any, ...]) -> int | None:
        return self._resume(Running(program))

    def _resume(self, actor: Running) -> int | None:
        """Run an actor to its next call. Return the actor's number in the table, or None if the actor has ended."""
        name, *arguments = actor.program
        steps = _ACTORS[name](*arguments, self.broken)
        try:
            call = next(steps)
            for answer in actor.answers:
                call = steps.send(answer)
        except StopIteration:
            return None
        return self._actors(actor, (actor, call, self._calls(call, call)))

    def _answered(self, actor: int, answer: Any) -> int | None:
        if (actor, answer) not in self._next:
            program, answers = self._actors.values[actor][0]
            self._next[actor, answer] = self._resume(Running(program, (*answers, answer)))
        return self._next[actor, answer]

    def _apply(self, world: int, call: int) -> tuple[int, Any]:
        if (world, call) not in self._applied:
            after, answer = apply(self._worlds.values[world], self._calls.values[call])
            self._applied[world, call] = self._world(after), answer
        return self._applied[world, call]

    # --- steps

    def steps(self, state: State) -> Iterator[tuple[Label, State]]:
        """Yield every possible next step with its description."""
        for position, actor in enumerate(state.running):
            yield from self._steps_of(state, position, actor)
        for position, call in enumerate(state.late):
            after, _ = self._apply(state.world, call)
            left = state.late[:position] + state.late[position + 1 :]
            yield ("applied late:", call), state._replace(world=after, late=left)
        yield from self._deliveries(state)
        yield from self._commands(state)
        yield from self._time(state)

    def _steps_of(self, state: State, position: int, actor: int) -> Iterator[tuple[Label, State]]:
        running, call, number = self._actors.values[actor]
        shown = running.program[0]
        rest = state.running[:position] + state.running[position + 1 :]

        def goes_on(world: int, answer: Any, *, faults: int = 0, late: tuple[int, ...] = ()) -> State:
            after = self._answered(actor, answer)
            both = tuple(sorted((*rest, after))) if after is not None else rest
            return state._replace(
                world=world, running=both, faults=state.faults - faults, late=tuple(sorted(state.late + late))
            )

        after, answer = self._apply(state.world, number)
        yield (shown, number, answer), goes_on(after, answer)
        if not state.faults:
            return
        yield (shown, number, "not applied, unknown"), goes_on(state.world, UNKNOWN, faults=1)
        if call[0] in READS:
            return
        fewer = state.faults - 1
        yield (shown, number, "applied, unknown"), goes_on(after, UNKNOWN, faults=1)
        yield (shown, number, "unknown, applied late"), goes_on(state.world, UNKNOWN, faults=1, late=(number,))
        yield (shown, number, "killed before"), state._replace(running=rest, faults=fewer)
        yield (shown, number, "killed after"), state._replace(world=after, running=rest, faults=fewer)

    def _deliveries(self, state: State) -> Iterator[tuple[Label, State]]:
        world = self._worlds.values[state.world]
        busy = {n for actor in state.running for n in _numbers(self._actors.values[actor][0].program)}
        workers = [self._actors.values[actor][0].program for actor in state.running]
        if sum(program[0] == "process" for program in workers) >= self.setting.workers:
            return
        used = {program[1] for program in workers if program[0] == "process"} | _names_in(
            world, state, self._calls.values
        )
        me = next(name for name in _NAMES if name not in used)
        there = {key[1]: value for key, value in world.items() if key[0] == "message" and value.posted <= world["now",]}
        for size in range(1, self.setting.batch + 1):
            for numbers in permutations(sorted(there), size):
                again = sum(number in busy or there[number].is_gone for number in numbers)
                if again > state.again:
                    continue
                batch = tuple((number, there[number]._replace(is_gone=False)) for number in numbers)
                started = self._start(("process", me, batch, world["now",], world["lifetimes",]))
                running = tuple(sorted((*state.running, started))) if started is not None else state.running
                yield ("deliver", numbers, me), state._replace(running=running, again=state.again - again)

    def _commands(self, state: State) -> Iterator[tuple[Label, State]]:
        world = self._worlds.values[state.world]
        for position, command in enumerate(state.commands):
            left = state.commands[:position] + state.commands[position + 1 :]
            started = self._start((*command, world["now",], world["lifetimes",]))
            if started is not None:
                running = tuple(sorted((*state.running, started)))
                begun = self._world(begin(world, command))
                yield ("command", *command), state._replace(world=begun, running=running, commands=left)

    def _time(self, state: State) -> Iterator[tuple[Label, State]]:
        world = self._worlds.values[state.world]
        now = world["now",]
        if now < self.setting.months:  # no invocation lasts for a month
            after = self._world({**minutes_later(world), ("now",): now + 1})
            yield ("a month passes",), state._replace(world=after, running=(), late=())
        if world.get(("minutes",), 1) < 1:
            yield ("minutes pass",), state._replace(world=self._world(minutes_later(world)))
        for key, value in world.items():
            if key[0] in ("item", "record") and value.expiry <= now:
                after = self._world({**_without(world, key), ("expired",): True})
                yield ("expires:", key), state._replace(world=after)
        for change in state.changes[:1]:
            if change.since == now:
                after = self._world({**world, ("lifetimes",): (*world["lifetimes",], change)})
                yield ("from now on", change), state._replace(world=after, changes=state.changes[1:])

    def is_settled(self, state: State) -> bool:
        """Return whether no actor runs, no message waits, and AWS applies no call late."""
        world = self._worlds.values[state.world]
        return not (state.running or state.late or any(k[0] == "message" and not v.is_gone for k, v in world.items()))

    # --- searching

    def all(self, seconds: float = 600) -> Result:
        """Visit every reachable state."""
        started, result = time.process_time(), Result(self.setting.name)
        first = self.first()
        before: dict[State, tuple[Label, State] | None] = {first: None}
        waiting = [first]
        while waiting:
            state = waiting.pop()
            result.states += 1
            violation = self._violation(state, result)
            if violation:
                result.violation, result.trace = violation, [self._show(label) for label in _labels(before, state)]
                break
            for label, after in self.steps(state):
                if after not in before:
                    before[after] = (label, state)
                    waiting.append(after)
            if result.states % 1000 == 0 and time.process_time() - started > seconds:
                result.is_complete = False
                break
        result.seconds = time.process_time() - started
        return result

    def random(self, schedules: int, seed: int) -> Result:
        """Follow a number of random schedules. Each ends when no step is possible, or after 400 steps."""
        started, result, dice = time.process_time(), Result(self.setting.name, is_complete=False), random.Random(seed)  # noqa: S311
        for _ in range(schedules):
            state, trace = self.first(), list[Label]()
            for _ in range(400):
                violation = self._violation(state, result)
                if violation:
                    result.violation, result.trace = violation, [self._show(label) for label in trace]
                    result.seconds = time.process_time() - started
                    return result
                steps = list(self.steps(state))
                if not steps:
                    break
                label, state = _choose(steps, dice)
                trace.append(label)
                result.states += 1
        result.seconds = time.process_time() - started
        return result

    def _violation(self, state: State, result: Result) -> str | None:
        world = self._worlds.values[state.world]
        is_settled = self.is_settled(state)
        result.settled += is_settled
        found: Callable[[World], str | None] = invariants.at_rest if is_settled else invariants.always
        return found(world)

    def _show(self, label: Label) -> str:
        first, *rest = label
        if first == "applied late:" or (len(rest) == 2 and isinstance(rest[0], int)):
            rest[0] = self._calls.values[rest[0]]
        return " ".join([str(first), *(_short(each) for each in rest)])


def _without(world: World, key: tuple[Any, ...]) -> World:
    return {other: each for other, each in world.items() if other != key}


def _choose(steps: list[tuple[Label, State]], dice: random.Random) -> tuple[Label, State]:
    """Choose a step at random. Months and faults are chosen less often than other steps."""
    rare = (
        "a month passes",
        "not applied, unknown",
        "applied, unknown",
        "unknown, applied late",
        "killed before",
        "killed after",
    )
    weights = [0.2 if label[-1] in rare else 1.0 for label, _ in steps]
    return dice.choices(steps, weights)[0]


def _numbers(program: tuple[Any, ...]) -> list[int]:
    return [number for number, _ in program[2]] if program[0] == "process" else []


def _names_in(world: World, state: State, calls: list[Any]) -> set[str]:
    """Return the names of workers that the world still contains. New workers must not get these names."""
    named = repr([calls[number] for number in state.late])
    used = {name for name in _NAMES if f" {name}." in named or f"'{name}." in named}
    for key, value in world.items():
        texts = [key[1]] if key[0] in ("object", "record") else [value] if key[0] == "mark" else []
        used |= {text.rpartition(" ")[2].partition(".")[0] for text in texts if "." in text}
    return used


_NAMES = "abcdefghijklmnopqrstuvwxyz"


def _labels(before: dict[State, Any], state: State) -> list[Label]:
    labels = []
    while (step := before[state]) is not None:
        labels.append(step[0])
        state = step[1]
    return labels[::-1]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 150 else text[:147] + "..."
