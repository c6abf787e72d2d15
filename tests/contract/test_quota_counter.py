"""The quota counter: a minute takes events until it is full."""

from __future__ import annotations

import pytest

from chalicelib.ports import QuotaCounter
from fakes import FakeQuotaCounter
from stage import Stage

MINUTE = "2015-05-17T10:30"


@pytest.fixture
def counter(backend: Stage | None) -> QuotaCounter:
    return backend.quota_counter if backend else FakeQuotaCounter()


def take(
    counter: QuotaCounter, *events: int, project: str = "acme", minute: str = MINUTE, quota: int = 10
) -> list[bool]:
    return [counter.take(project, minute, each, quota=quota) for each in events]


@pytest.mark.parametrize(
    ("events", "taken"),
    [
        pytest.param([5, 5, 1], [True, True, False], id="full to the brim"),
        pytest.param([9, 9, 1], [True, True, False], id="the lot that crosses the line is taken"),
        pytest.param([2500, 1], [True, False], id="one large lot"),
        pytest.param([1] * 11, [True] * 10 + [False], id="one by one"),
    ],
)
def test_a_minute_takes_lots_until_its_quota_is_reached(
    counter: QuotaCounter, events: list[int], taken: list[bool]
) -> None:
    assert take(counter, *events) == taken


def test_a_quota_of_nothing_takes_nothing_after_the_first_lot(counter: QuotaCounter) -> None:
    assert take(counter, 1, 1, quota=1) == [True, False]


def test_minutes_and_projects_are_counted_apart(counter: QuotaCounter) -> None:
    assert take(counter, 10, 1) == [True, False]
    assert take(counter, 10, minute="2015-05-17T10:31") == [True]
    assert take(counter, 10, project="acme-2") == [True]


def test_a_larger_quota_opens_a_full_minute_again(counter: QuotaCounter) -> None:
    assert take(counter, 10, 1) == [True, False]
    assert take(counter, 1, quota=20) == [True]
