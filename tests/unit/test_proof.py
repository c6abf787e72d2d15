"""The model of the protocol: some of its small worlds, and some of its broken rules; `make proof` checks all."""

from __future__ import annotations

import inspect

import pytest

from proof import actors, commands
from proof.features import FEATURES, meeting, pairs
from proof.mutations import MUTATIONS, caught
from proof.search import Search

#: Small worlds, of every feature one.
SMALL = [
    ("single", "replay"),
    ("correction", "replay"),
    ("another user", "replay"),
    ("guard", "sweep"),
    ("the id alone", "replay"),
    ("erasure", "sweep"),
    ("renewal", "sweep"),
    ("replay", "reports"),
    ("single", "lifetimes"),
]


@pytest.mark.parametrize("features", SMALL, ids=" and ".join)
def test_nothing_that_may_happen_in_a_small_world_violates_an_invariant(features: tuple[str, ...]) -> None:
    result = Search(meeting(*features)).all()
    assert (result.violation, result.is_complete, result.trace) == (None, True, [])
    assert result.settled > 0, "nothing ever comes to rest"


def test_every_pair_of_features_has_a_world() -> None:
    assert {tuple(setting.name.split(" and ")) for setting in pairs()} == {
        (one, other) for number, one in enumerate(FEATURES) for other in FEATURES[number + 1 :]
    }


@pytest.mark.parametrize(
    "name",
    [
        "counters apart",
        "no pointer and no guard",
        "renewed at any age",
        "an erasure deletes",
        "a young mark goes at once",
    ],
)
def test_a_broken_rule_violates_an_invariant(name: str) -> None:
    result = caught(name)
    assert result.violation is not None
    assert result.trace, "nobody can see how"


def test_every_broken_rule_is_read_by_an_actor() -> None:
    source = inspect.getsource(actors) + inspect.getsource(commands)
    assert [name for name in MUTATIONS if f'"{name}"' not in source] == []
