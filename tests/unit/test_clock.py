"""The one rule of clocks: what is corrected, what never is, and which times of sending say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.clock import correct

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ABSURD = [datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC),
          datetime(9999, 12, 31, tzinfo=UTC)]  # fmt: skip


@pytest.mark.parametrize(
    "ahead", [5 * SECOND, 5 * MINUTE, 30 * 60 * MINUTE, 400 * DAY, -10 * MINUTE, -3 * 60 * MINUTE, -7 * DAY]
)
@pytest.mark.parametrize("ago", [0 * SECOND, MINUTE, DAY])
def test_a_live_event_of_a_clock_that_is_wrong_gets_the_time_that_it_happened(ahead: timedelta, ago: timedelta) -> None:
    clock = NOW + ahead
    assert correct(clock - ago, clock, NOW) == (NOW - ago, False)


@pytest.mark.parametrize("waited", [-4 * SECOND, 0 * SECOND, 9 * SECOND, 17 * SECOND, MINUTE, 9 * MINUTE])
def test_a_request_that_waited_or_is_sent_again_as_it_was_moves_no_time(waited: timedelta) -> None:
    for ago in (0 * SECOND, DAY, 2000 * DAY):
        own = NOW - waited - ago
        assert correct(own, NOW - waited, NOW) == (own, False)


@pytest.mark.parametrize("ahead", [5 * SECOND, 5 * 60 * MINUTE, 2 * DAY, -10 * MINUTE, -2 * DAY])
def test_an_import_or_an_explicit_time_is_never_corrected(ahead: timedelta) -> None:
    for own in (datetime(2020, 1, 1, tzinfo=UTC), NOW + ahead - DAY - SECOND):
        assert correct(own, NOW + ahead, NOW) == (own, False)


@pytest.mark.parametrize("sent", ABSURD)
@pytest.mark.parametrize("own", [datetime(2024, 1, 1, tzinfo=UTC), NOW])
def test_an_absurd_time_of_sending_moves_nothing_and_is_noted(own: datetime, sent: datetime) -> None:
    assert correct(own, sent, NOW) == (own, True)


def test_a_recorded_request_that_is_sent_again_keeps_its_times() -> None:
    assert correct(NOW - 400 * DAY, NOW - 400 * DAY, NOW) == (NOW - 400 * DAY, True)


def test_without_a_time_of_sending_nothing_is_corrected() -> None:
    assert correct(NOW + 3 * DAY, None, NOW) == (NOW + 3 * DAY, False)


@given(
    own=st.datetimes(timezones=st.just(UTC)), sent=st.datetimes(timezones=st.just(UTC)), received=st.datetimes(
        datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - hypothesis adds the zone
    )
)  # fmt: skip
def test_a_time_is_kept_or_comes_within_a_day_of_its_receipt(own: datetime, sent: datetime, received: datetime) -> None:
    moment, _ = correct(own, sent, received)
    assert moment == own or abs(moment - received) <= DAY


def test_a_time_that_is_moved_stands_between_the_same_neighbours() -> None:
    clock = NOW + 3 * 60 * MINUTE
    moved = [correct(clock - ago * SECOND, clock, NOW).time for ago in range(5, 0, -1)]
    assert moved == sorted(moved)
