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


DAY = "2026-03-01"


def take_hours(counter: QuotaCounter, *hours: str, limit: int = 3, project: str = "acme", day: str = DAY) -> set[str]:
    return counter.take_hours(project, day, hours, limit=limit)


def test_a_day_takes_different_old_hours_until_its_limit_and_tells_all_that_it_has(counter: QuotaCounter) -> None:
    assert take_hours(counter, "2026-01-01T01", "2026-01-01T02") == {"2026-01-01T01", "2026-01-01T02"}
    assert take_hours(counter, "2026-01-01T02") == {"2026-01-01T01", "2026-01-01T02"}
    full = {f"2026-01-01T0{hour}" for hour in range(1, 6)}
    assert take_hours(counter, "2026-01-01T03", "2026-01-01T04", "2026-01-01T05") == full
    assert take_hours(counter, "2026-01-01T05", "2026-01-01T06") == full
    assert take_hours(counter, "2026-01-01T06", limit=9) == full | {"2026-01-01T06"}


def test_old_hours_of_projects_and_days_are_apart(counter: QuotaCounter) -> None:
    hours = {"2026-01-01T01"}
    assert take_hours(counter, *hours) == take_hours(counter, *hours, project="acme-2") == hours
    assert take_hours(counter, "2026-01-01T02", day="2026-03-02") == {"2026-01-01T02"}


def test_a_high_limit_takes_more_hours_than_an_item_holds(backend: Stage | None) -> None:
    if backend is not None:
        hours = [f"{year}-01-01T{hour:02}" for year in range(1000, 2000) for hour in range(12)]
        taken = set[str]()
        for start in range(0, len(hours), 2500):
            taken |= take_hours(backend.quota_counter, *hours[start : start + 2500], limit=30_000)
        assert taken == set(hours)
