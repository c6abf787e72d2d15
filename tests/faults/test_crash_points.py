"""Every AWS call of every function goes wrong in every way; in the end nothing may be wrong.

One scenario again:  make fault ID=process/12:lost
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from archive_stories import ARCHIVE_STORIES
from injector import Fault, Injector, kinds_for
from stage import Clients
from stories import STORIES

ALL_STORIES = STORIES | ARCHIVE_STORIES
# So that processes which run tests side by side share the work.
PARTS = 4


@dataclass(frozen=True)
class FaultOptions:
    only: str | None
    thorough: bool
    stop_at_first: bool


@pytest.fixture
def fault_options(request: pytest.FixtureRequest) -> FaultOptions:
    return FaultOptions(
        request.config.getoption("--fault"),
        request.config.getoption("--thorough"),
        request.config.getoption("maxfail") == 1,
    )


def scenarios(name: str, clients: Clients, injector: Injector) -> list[Fault]:
    """Every fault at every call that the story makes when nothing goes wrong."""
    story = ALL_STORIES[name](clients, injector)
    assert story.run() == [], "the story must be sound without faults"
    return [
        Fault(number, kind, operation)
        for number, operation in enumerate(story.calls, 1)
        for kind in kinds_for(operation)
    ]


def check(
    name: str,
    chains: list[tuple[Fault, ...]],
    clients: Clients,
    injector: Injector,
    figures: Callable[[str], None],
    *,
    stop_at_first: bool = False,
) -> None:
    failures, fired = list[str](), 0
    for faults in chains:
        story = ALL_STORIES[name](clients, injector)
        found = story.run(*faults)
        fired += story.fired
        failures += [f"{name}/{'+'.join(map(str, faults))}: {violation}" for violation in found]
        if failures and stop_at_first:
            break
    figures(f"{name}: {len(chains)} scenarios, {fired} faults fired, {len(failures)} violations")
    assert failures == []


def pairs(single: list[Fault], number: int) -> list[tuple[Fault, ...]]:
    chosen = random.Random(1)  # noqa: S311 - the same sample every time
    return [(chosen.choice(single), chosen.choice(single)) for _ in range(number)]


@pytest.mark.parametrize(("name", "part"), [(name, part) for name in ALL_STORIES for part in range(PARTS)])
def test_one_fault_at_any_call_changes_nothing_in_the_end(
    *,
    name: str,
    part: int,
    clients: Clients,
    injector: Injector,
    fault_options: FaultOptions,
    figures: Callable[[str], None],
) -> None:
    if fault_options.only:
        story_name, _, chain = fault_options.only.partition("/")
        faults = [fault.split(":") for fault in chain.split("+")]
        if (story_name, 0) == (name, part):
            check(name, [tuple(Fault(int(number), kind) for number, kind in faults)], clients, injector, figures)
        return
    single = scenarios(name, clients, injector)
    if name in ("aggregate", "replay", "park", "erase") and not fault_options.thorough:
        # Their many calls are mostly the same for each window or letter: a sample, with every rival at every save.
        sample = set(random.Random(1).sample(single, 60))  # noqa: S311 - the same every time
        saves = [fault for fault in single if "Transact" in fault.operation and "rival" in fault.kind]
        single = [fault for fault in single if fault in sample or fault in saves]
    chains = [(fault,) for fault in single[part::PARTS]]
    check(name, chains, clients, injector, figures, stop_at_first=fault_options.stop_at_first)


@pytest.mark.parametrize("name", STORIES)
def test_a_lost_answer_that_the_sdk_retries_by_itself_changes_nothing(
    name: str,
    clients: Clients,
    retrying_injector: Injector,
    fault_options: FaultOptions,
    figures: Callable[[str], None],
) -> None:
    lost = [fault for fault in scenarios(name, clients, retrying_injector) if fault.kind == "lost"]
    if name == "aggregate" and not fault_options.thorough:
        lost = lost[::3]
    check(name, [(fault,) for fault in lost], clients, retrying_injector, figures)


@pytest.mark.parametrize("name", STORIES)
def test_two_faults_in_a_row_change_nothing_in_the_end(
    name: str, clients: Clients, injector: Injector, fault_options: FaultOptions, figures: Callable[[str], None]
) -> None:
    single = scenarios(name, clients, injector)
    check(name, pairs(single, 1500 if fault_options.thorough else 20), clients, injector, figures)
