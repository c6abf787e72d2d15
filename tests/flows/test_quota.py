"""Quotas: close to the number that was set, whatever the containers, and cheap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.core.project import Project
from chalicelib.errors import Problem
from chalicelib.flows.ingest import ingest
from chalicelib.flows.quota import Quota
from fakes import FakeMeter, FakeQueue, FakeQuotaCounter

NOW = datetime(2015, 5, 17, 10, 30, 12, tzinfo=UTC)


def project(quota: int | None) -> Project:
    return Project("acme", quota=quota)


HOUR = ["2015-05-17T10"]


def admitted(quota: Quota, events: int, limit: int | None, now: datetime = NOW) -> bool:
    return sent(quota, project(limit), HOUR, events, now)


def sent(quota: Quota, to: Project, hours: Sequence[str], events: int = 1, now: datetime = NOW) -> bool:
    """Whether a POST passes whose chunks are of these hours."""
    try:
        quota.check(to, events, now)
        quota.admit(to, events, hours, now)
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


def test_what_is_known_to_be_over_a_quota_is_refused_before_any_work() -> None:
    def unasked(number_of_bytes: int) -> bytes:
        raise AssertionError(f"{number_of_bytes} random bytes for a POST that is refused")

    quota, sender = Quota(FakeQuotaCounter(), FakeMeter()), Sender("acme", NOW)
    while admitted(quota, 1, 5):
        pass
    with pytest.raises(Problem) as refused:
        ingest(
            [RawEvent({"event_type": "v", "user_id": "u"})],
            sender=sender, project=project(5), quota=quota, queue=FakeQueue(), meter=FakeMeter(), randomness=unasked,
        )  # fmt: skip
    assert refused.value.code == "quota_exceeded"


def test_a_refusal_says_when_the_next_minute_begins() -> None:
    quota = Quota(FakeQuotaCounter(), FakeMeter())
    quota.admit(project(1), 1, HOUR, NOW)
    with pytest.raises(Problem) as caught:
        quota.admit(project(1), 1, HOUR, NOW)
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
    quota.admit(Project("other", quota=1), 1, HOUR, NOW)


def test_a_counter_that_fails_stops_nobody() -> None:
    quota = Quota(FakeQuotaCounter(fails=True), FakeMeter())
    assert all(admitted(quota, 1, 1) for _ in range(10))


def old(*days: int, hour: int = 5) -> list[str]:
    """An hour of each of so many days ago."""
    return [f"{NOW - timedelta(days=each):%Y-%m-%d}T{hour:02}" for each in days]


@pytest.mark.parametrize(
    ("hours", "cost"),
    [
        pytest.param(old(0), 1, id="one chunk"),
        pytest.param(old(0) * 4, 4, id="four chunks of an hour"),
        pytest.param(old(1), 1, id="yesterday"),
        pytest.param(old(2), 2, id="the day before"),
        pytest.param(old(0, 1, 2, 3), 6, id="four hours of which two are old"),
        pytest.param(old(9) * 3, 4, id="three chunks of one old hour"),
        pytest.param([], 1, id="all rejected"),
    ],
)
def test_a_quota_counts_what_an_event_costs(hours: list[str], cost: int) -> None:
    counter = FakeQuotaCounter()
    assert sent(Quota(counter, FakeMeter()), Project("acme", quota=10_000), hours)
    assert counter.taken.total() == cost


def test_a_project_without_a_quota_sends_so_many_old_hours_a_day_whatever_container_it_meets() -> None:
    counter, acme = FakeQuotaCounter(), Project("acme", old_hours=3)
    first, second = (Quota(counter, FakeMeter()) for _ in range(2))
    assert all(sent(each, acme, old(2, 3)) for each in (first, second))
    assert sent(second, acme, old(4))
    assert not sent(first, acme, old(5))
    assert all(sent(each, acme, hours) for each in (first, second) for hours in (old(2), old(4), old(0, 1)))
    assert sent(first, Project("other", old_hours=3), old(5))
    assert sent(first, acme, old(5), now=NOW + timedelta(days=1))


def test_the_post_that_crosses_the_line_of_old_hours_is_taken() -> None:
    quota, acme = Quota(FakeQuotaCounter(), FakeMeter()), Project("acme", old_hours=1)
    assert sent(quota, acme, old(*range(2, 2000)))
    assert not sent(quota, acme, old(3000))


def test_by_default_a_project_sends_10_000_old_hours_a_day_and_an_operator_allows_more_at_once() -> None:
    quota, hours = Quota(FakeQuotaCounter(), FakeMeter()), old(*range(2, 10_002))
    for start in range(0, 10_000, 2500):
        assert sent(quota, Project("acme"), hours[start : start + 2500], 2500)
    assert not sent(quota, Project("acme"), old(11_000))
    assert sent(quota, Project("acme", old_hours=20_000), old(11_000))
    assert sent(quota, Project("acme", old_hours=None), old(12_000))


def test_known_old_hours_and_spent_days_cost_no_call() -> None:
    counter, acme = FakeQuotaCounter(), Project("acme", old_hours=2)
    quota = Quota(counter, FakeMeter())
    assert all(sent(quota, acme, old(2, 3)) for _ in range(50))
    assert not any(sent(quota, acme, old(4)) for _ in range(50))
    assert len(counter.lots) == 2


def test_a_day_of_too_many_old_hours_ends_at_midnight() -> None:
    quota, acme = Quota(FakeQuotaCounter(), FakeMeter()), Project("acme", old_hours=1)
    late = datetime(2015, 5, 17, 23, 59, 30, tzinfo=UTC)
    assert sent(quota, acme, old(3), now=late)
    for now, seconds in ((NOW, 3600), (late, 31)):
        assert sent(quota, acme, old(3), now=now)
        with pytest.raises(Problem) as caught:
            quota.admit(acme, 1, old(4), now)
        assert (caught.value.code, caught.value.extra["retry_after"]) == ("quota_exceeded", seconds)


def test_a_counter_of_old_hours_that_fails_stops_nobody() -> None:
    quota = Quota(FakeQuotaCounter(fails=True), FakeMeter())
    assert all(sent(quota, Project("acme", old_hours=1), old(each)) for each in range(2, 9))


def post_of_hours(number: int) -> list[RawEvent]:
    first = NOW - timedelta(days=400)
    times = (first + timedelta(hours=hour) for hour in range(number))
    return [RawEvent({"event_type": "v", "user_id": "u", "timestamp": each.isoformat()}) for each in times]


@pytest.mark.parametrize("acme", [Project("acme", quota=100), Project("acme", old_hours=2000)], ids=["minute", "day"])
def test_posts_whose_events_fall_into_an_hour_each_are_soon_refused_whole(acme: Project) -> None:
    queue, quota = FakeQueue(), Quota(FakeQuotaCounter(), FakeMeter())
    options: dict[str, Any] = {"queue": queue, "meter": FakeMeter(), "project": acme, "quota": quota}
    answer = ingest(post_of_hours(2000), sender=Sender("acme", NOW), **options)
    assert len(answer["chunks"]) == 2000
    with pytest.raises(Problem) as caught:
        ingest(post_of_hours(2500), sender=Sender("acme", NOW), **options)
    assert (caught.value.code, len(queue.bodies)) == ("quota_exceeded", 2000)


def test_a_project_with_a_floor_rejects_earlier_events_alone() -> None:
    acme = Project("acme", earliest="2015-05-01T00:00:00.000000Z")
    times = ("2015-04-30T23:59:59.999999Z", "2015-05-01T00:00:00Z", None)
    events = [RawEvent({"event_type": "v", "user_id": "u", "timestamp": each}) for each in times]
    answer = ingest(events, sender=Sender("acme", NOW), queue=FakeQueue(), meter=FakeMeter(), project=acme)
    assert [each["status"] for each in answer["events"]] == ["rejected", "accepted", "accepted"]
    assert answer["events"][0]["code"] == "timestamp_too_early"
    assert "2015-05-01T00:00:00Z" in answer["events"][0]["message"]
