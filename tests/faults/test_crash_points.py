"""AWS calls of every function go wrong in every way; in the end nothing may be wrong.

One scenario again:  make fault ID=process/12:lost
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest

from archive_stories import ARCHIVE_STORIES
from injector import Call, Fault, Injector
from oracle import Violation, demand
from sampling import every_fault, one_of_each_class, one_of_each_class_at_every_call
from stage import Clients
from stories import STORIES
from story import Story

ALL_STORIES = STORIES | ARCHIVE_STORIES
# So that processes which run tests side by side share the work.
PARTS = 4


@dataclass(frozen=True)
class Trial:
    """Runs stories with faults. `only`: the one scenario that was asked for."""

    clients: Clients
    injector: Injector
    figures: Callable[[str], None]
    only: str | None
    is_thorough: bool
    stops_at_first: bool

    def calls_of(self, name: str) -> list[Call]:
        return _calls_of(name, self.clients, self.injector)

    def different(self, name: str, faults: list[Fault]) -> list[Fault]:
        return [fault for fault in faults if ALL_STORIES[name].has_zombies or "zombie" not in fault.kind]

    def check(self, name: str, chains: Sequence[Sequence[Fault]], number: int) -> int:
        """Run the story with each of these chains of faults, of so many that there are; answers how many fired."""
        violations, fired = list[str](), 0
        for faults in chains:
            story = ALL_STORIES[name](self.clients, self.injector)
            violations += violations_of(story, *faults)
            fired += story.fired
            if violations and self.stops_at_first:
                break
        self.figures(f"{name}: {len(chains)} of {number} scenarios, {fired} faults fired, {len(violations)} violations")
        demand(not violations, "{}", "\n".join(violations))
        return fired


@cache
def _calls_of(name: str, clients: Clients, injector: Injector) -> list[Call]:
    """The calls that a story makes when nothing goes wrong."""
    story = ALL_STORIES[name](clients, injector)
    violations = violations_of(story)
    demand(not violations, "{}", "\n".join(violations))
    return story.calls


def violations_of(story: Story, *faults: Fault) -> list[str]:
    """What is wrong in the end, by the scenario's id. Any other error is a defect, and says where it came up."""
    scenario = f"{story.name}/{'+'.join(map(str, faults)) or 'without a fault'}"
    try:
        found = story.run(*faults)
    except Violation as violation:
        found = [str(violation)]
    except Exception as defect:
        defect.add_note(f"in the scenario {scenario}")
        raise
    return [f"{scenario}: {each}" for each in found]


@pytest.fixture
def trial(
    request: pytest.FixtureRequest, clients: Clients, injector: Injector, figures: Callable[[str], None]
) -> Iterator[Trial]:
    """Every scenario logs that something failed; only the one that was asked for may say what."""
    option = request.config.getoption
    logging.disable(logging.NOTSET if option("--fault") else logging.CRITICAL)
    yield Trial(clients, injector, figures, option("--fault"), option("--thorough"), option("maxfail") == 1)
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("name", "part"), [(name, part) for name in ALL_STORIES for part in range(PARTS)])
def test_one_fault_at_any_call_changes_nothing_in_the_end(name: str, part: int, trial: Trial) -> None:
    if trial.only:
        story_name, _, chain = trial.only.partition("/")
        if (story_name, 0) == (name, part):
            faults = [fault.split(":") for fault in chain.split("+")]
            fired = trial.check(name, [[Fault(int(number), kind) for number, kind in faults]], 1)
            assert fired, "the story makes no such call"
        return
    calls = trial.calls_of(name)
    every = chosen = trial.different(name, every_fault(calls))
    if not trial.is_thorough:
        sample = one_of_each_class_at_every_call if name in ("process", "ingest") else one_of_each_class
        chosen = trial.different(name, sample(calls, has_zombies=ALL_STORIES[name].has_zombies))
    chains = [[fault] for fault in chosen[part::PARTS]]
    fired = trial.check(name, chains, len(every[part::PARTS]))
    assert fired == len(chains), "a fault never came: the story makes other calls each time"


@pytest.mark.parametrize("name", STORIES)
def test_a_lost_answer_that_the_sdk_retries_by_itself_changes_nothing(
    name: str, trial: Trial, retrying_injector: Injector
) -> None:
    calls = trial.calls_of(name)
    lost = [fault for fault in every_fault(calls) if fault.kind == "lost"]
    chosen = lost if trial.is_thorough else one_of_each_class(calls)
    chains = [[fault] for fault in chosen if fault.kind == "lost"]
    replace(trial, injector=retrying_injector).check(name, chains, len(lost))


@pytest.mark.parametrize("name", STORIES)
def test_two_faults_in_a_row_change_nothing_in_the_end(name: str, trial: Trial) -> None:
    single = trial.different(name, every_fault(trial.calls_of(name)))
    chosen = random.Random(1)  # noqa: S311 - the same sample every time
    number = 1500 if trial.is_thorough else 6
    chains = [[chosen.choice(single), chosen.choice(single)] for _ in range(number)]
    trial.check(name, chains, len(single) ** 2)
