"""Quotas: close to the number that was set, whatever the containers, and cheap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.project import Project
from chalicelib.errors import Problem
from chalicelib.flows.quota import Quota
from fakes import FakeMeter, FakeQuotaCounter

NOW = datetime(2015, 5, 17, 10, 30, 12, tzinfo=UTC)


def project(quota: int | None) -> Project:
    return Project("acme", quota=quota)


def admitted(quota: Quota, events: int, limit: int | None, now: datetime = NOW) -> bool:
    try:
        quota.admit(project(limit), events, now)
    except Problem as problem:
        if problem.code != "quota_exceeded":
            raise
        return False
    return True


def test_a_project_without_a_quota_costs_no_call() -> None:
    counter = FakeQuotaCounter()
    assert admitted(Quota(counter, FakeMeter()), 2500, None)
    assert counter.lots == []


@pytest.mark.parametrize("containers", [1, 3, 20])
@pytest.mark.parametrize("events", [1, 7, 100])
def test_what_is_admitted_in_a_minute_is_close_to_the_quota(containers: int, events: int) -> None:
    counter = FakeQuotaCounter()
    every = [Quota(counter, FakeMeter()) for _ in range(containers)]
    taken = sum(events for number in range(20_000 // events) if admitted(every[number % containers], events, 6000))
    assert 0.8 * 6000 <= taken <= 6000 + events + 6000 // 50


def test_a_refusal_says_when_the_next_minute_begins() -> None:
    quota = Quota(FakeQuotaCounter(), FakeMeter())
    quota.admit(project(1), 1, NOW)
    with pytest.raises(Problem) as caught:
        quota.admit(project(1), 1, NOW)
    assert (caught.value.code, caught.value.extra["retry_after"]) == ("quota_exceeded", 48)
    assert admitted(quota, 1, 1, NOW + timedelta(seconds=48))


def test_a_large_post_is_never_too_large_for_a_small_quota() -> None:
    quota = Quota(FakeQuotaCounter(), FakeMeter())
    assert admitted(quota, 2500, 10)
    assert not admitted(quota, 1, 10)


def test_a_spent_minute_is_refused_without_another_call() -> None:
    counter = FakeQuotaCounter()
    quota = Quota(counter, FakeMeter())
    assert [admitted(quota, 1, 1) for _ in range(50)] == [True] + [False] * 49
    assert len(counter.lots) == 2


def test_a_lot_is_used_up_before_another_is_taken() -> None:
    counter = FakeQuotaCounter()
    quota = Quota(counter, FakeMeter())
    assert all(admitted(quota, 4, 6000) for _ in range(2))  # the second lot holds a quarter of 4 more
    assert admitted(quota, 1, 6000)
    assert counter.lots == [4, 5]


def test_a_busy_container_writes_some_tens_of_times_a_minute() -> None:
    counter = FakeQuotaCounter()
    quota = Quota(counter, FakeMeter())
    assert all(admitted(quota, 1, 60_000) for _ in range(20_000))
    assert len(counter.lots) < 60


def test_projects_are_counted_apart() -> None:
    quota = Quota(FakeQuotaCounter(), FakeMeter())
    assert admitted(quota, 1, 1)
    assert not admitted(quota, 1, 1)
    quota.admit(Project("other", quota=1), 1, NOW)


def test_a_counter_that_fails_stops_nobody() -> None:
    quota = Quota(FakeQuotaCounter(fails=True), FakeMeter())
    assert all(admitted(quota, 1, 1) for _ in range(10))
