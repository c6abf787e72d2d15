"""Counts in a time zone: the days and hours that its clocks show, each event in exactly one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import timestamps
from chalicelib.core.counting import HourCounter, sum_windows
from chalicelib.core.windows import GRAINS, Span

ZONES = ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]


def rows(zone: str, grain: str, *minutes: str) -> list[tuple[str, int]]:
    counters = [HourCounter(minute[:13], "view", {minute[14:]: 1}) for minute in minutes]
    found = sum_windows(counters, GRAINS[grain], Span(), timestamps.zone_of(zone))
    return [(row["start"], row["count"]) for row in found]


def test_a_day_starts_at_the_zones_midnight() -> None:
    assert rows("Europe/Berlin", "day", "2015-05-17T21:59", "2015-05-17T22:00", "2015-05-18T21:59") == [
        ("2015-05-17T00:00:00+02:00", 1),
        ("2015-05-18T00:00:00+02:00", 2),
    ]


def test_the_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    spring = [f"2015-03-{28 + (hour + 23) // 24}T{(hour + 23) % 24:02}:00" for hour in range(25)]
    assert [count for _, count in rows("Europe/Berlin", "day", *spring)] == [23, 2]
    autumn = [f"2015-10-{24 + (hour + 22) // 24}T{(hour + 22) % 24:02}:00" for hour in range(26)]
    assert [count for _, count in rows("Europe/Berlin", "day", *autumn)] == [25, 1]


def test_an_hour_that_clocks_show_twice_is_two_windows() -> None:
    assert rows("Europe/Berlin", "hour", "2015-10-25T00:30", "2015-10-25T01:30") == [
        ("2015-10-25T02:00:00+02:00", 1),
        ("2015-10-25T02:00:00+01:00", 1),
    ]


LORD_HOWE_SET_BACK = [
    "2023-04-01T14:00",
    "2023-04-01T14:59",
    "2023-04-01T15:00",
    "2023-04-01T15:29",
    "2023-04-01T15:30",
]


def test_half_an_hour_that_clocks_show_twice_is_a_window_of_its_own() -> None:
    assert rows("Australia/Lord_Howe", "hour", *LORD_HOWE_SET_BACK) == [
        ("2023-04-02T01:00:00+11:00", 2),
        ("2023-04-02T01:30:00+10:30", 2),
        ("2023-04-02T02:00:00+10:30", 1),
    ]


def test_an_hour_whose_first_half_clocks_skip_is_one_window() -> None:
    assert rows("Australia/Lord_Howe", "hour", "2023-09-30T15:29", "2023-09-30T15:30", "2023-09-30T15:59") == [
        ("2023-10-01T01:00:00+10:30", 1),
        ("2023-10-01T02:30:00+11:00", 2),
    ]


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1975, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made UTC below
)
def test_an_hour_is_what_clocks_show_from_its_start_on_without_being_set_back(zone: str, moment: datetime) -> None:
    minute, clocks = moment.replace(tzinfo=UTC, second=0, microsecond=0), timestamps.zone_of(zone)
    ((start, _),) = rows(zone, "hour", minute.strftime("%Y-%m-%dT%H:%M"))
    shown = [
        (datetime.fromisoformat(start).astimezone(UTC) + timedelta(minutes=each)).astimezone(clocks)
        for each in range(1 + int((minute - datetime.fromisoformat(start)).total_seconds() // 60))
    ]
    readings = [each.replace(tzinfo=None) for each in shown]
    assert readings == sorted(set(readings))
    assert {each.hour for each in readings} == {minute.astimezone(clocks).hour}


def test_an_hour_of_a_zone_with_a_broken_offset_starts_at_its_own_full_hour() -> None:
    assert rows("Asia/Kathmandu", "hour", "2015-05-17T10:14", "2015-05-17T10:15") == [
        ("2015-05-17T15:00:00+05:45", 1),
        ("2015-05-17T16:00:00+05:45", 1),
    ]


@given(st.datetimes(datetime(1975, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - made UTC below
def test_every_minute_is_in_the_day_that_the_zones_clock_shows(moment: datetime, zone: str) -> None:
    minute = moment.replace(tzinfo=UTC)
    ((start, _),) = rows(zone, "day", minute.strftime("%Y-%m-%dT%H:%M"))
    local = minute.astimezone(timestamps.zone_of(zone))
    assert datetime.fromisoformat(start) <= minute < datetime.fromisoformat(start) + timedelta(hours=26)
    assert start[:10] == local.date().isoformat()


@pytest.mark.parametrize("name", ["Mars", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 5000, "Europe/"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone"):
        timestamps.zone_of(name)


def test_a_day_alone_is_its_midnight_in_the_zone() -> None:
    zone = timestamps.zone_of("Europe/Berlin")
    assert timestamps.parse_loosely("2015-05-17", zone) == datetime(2015, 5, 16, 22, tzinfo=UTC)
    assert timestamps.parse_loosely("2015-05-17T00:00:00Z", zone) == datetime(2015, 5, 17, tzinfo=UTC)


def test_the_ends_of_time_have_a_window_in_every_zone() -> None:
    assert len(rows("Asia/Kathmandu", "day", "0001-01-01T00:00", "9999-12-31T23:59")) == 2
    assert len(rows("America/St_Johns", "day", "0001-01-01T00:00", "9999-12-31T23:59")) == 2
