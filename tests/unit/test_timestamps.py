"""Event times: what is taken, what is refused, and the order of what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import timestamps

MOMENT = datetime(2015, 5, 17, 10, 5, 3, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC))
# Two days inside the ends of time; Hypothesis adds the zone.
FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
ordinary_moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@pytest.mark.parametrize(
    "value",
    [
        "2015-05-17T10:05:03Z",
        "2015-05-17t10:05:03z",
        "2015-05-17 10:05:03Z",
        "2015-05-17T10:05:03.000000000999Z",
        "2015-05-17T10:05:03,0Z",
        "2015-05-17T12:05:03+02:00",
        "2015-05-17T04:35:03-0530",
        "2015-05-17 10:05:03+00",
        "2015-05-17T08:05:03-02",
        "2015-05-17T08:05:03\N{MINUS SIGN}02:00",
        "2015-05-17T10:05:03-00:00",
        "20150517T100503Z",
        "20150517T120503+0200",
        "2015-W20-7T10:05:03Z",
        "2015W207T100503Z",
        "2015-137T10:05:03Z",
        "2015137T100503Z",
        "2015-05-17T10:05,05Z",
        "2015-05-17T10:05.05Z",
        1431857103,
        1431857103.0,
        1431857103000,
    ],
)
def test_one_moment_may_be_written_in_several_ways(value: object) -> None:
    assert timestamps.parse(value) == MOMENT


@pytest.mark.parametrize("value", ["2015-05-17T10:05Z", "2015-05-17T05:35-0430", "20150517T1005Z"])
def test_seconds_may_be_left_out(value: str) -> None:
    assert timestamps.parse(value) == datetime(2015, 5, 17, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2015-05-17T10Z", "2015-05-17T12+02", "20150517T10Z", "2015-05-17T09,5-00:30"])
def test_minutes_may_be_left_out(value: str) -> None:
    assert timestamps.parse(value) == datetime(2015, 5, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["2015-05-17T24:00:00Z", "2015-05-17T24Z", "2015-05-17T24:00:00.0+00", "20150517T2400Z"]
)
def test_a_day_may_end_at_24_o_clock(value: str) -> None:
    assert timestamps.parse(value) == datetime(2015, 5, 18, tzinfo=UTC)


@pytest.mark.parametrize("value", ["1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "1990-12-31T23:59:60,0Z"])
def test_a_leap_second_at_the_end_of_a_month_is_the_first_second_of_the_next(value: str) -> None:
    assert timestamps.parse(value) == datetime(1991, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "in_utc"),
    [
        ("2015-05-17", "2015-05-17T00:00:00Z"),
        ("20150517", "20150517T00:00:00Z"),
        ("2015-05-17 10:05", "2015-05-17 10:05Z"),
        ("2015-05-17T10:05:03.25", "2015-05-17T10:05:03.25Z"),
        ("2015-05-17T10:05:03+02", "2015-05-17T10:05:03+02"),
        ("1431857103", 1431857103),
        ("1431857103250", 1431857103250),
        *((same, same) for same in ("17/05/2015", "", "2015-05-17Z", 1431857103, None)),
    ],
)
def test_client_libraries_mean_utc_where_they_name_no_zone(value: object, in_utc: object) -> None:
    assert timestamps.in_utc(value) == in_utc


def test_the_first_number_that_means_milliseconds_is_a_hundred_thousand_million() -> None:
    assert timestamps.parse(100_000_000_000) == datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)
    assert timestamps.parse(99_999_999_999) == datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)


def test_times_before_1970_count_back_from_it() -> None:
    assert timestamps.parse(-1) == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2015-05-17T10:05:03.25Z", 1431857103.25, 1431857103250])
def test_fractions_of_a_second_are_kept(value: object) -> None:
    assert timestamps.parse(value) == MOMENT + timedelta(milliseconds=250)


@pytest.mark.parametrize(
    "value",
    [
        "2015-05-17T10:05:03",
        "2015-05-17",
        "2015-05-17T10:05:60Z",
        "2015-05-17T23:59:60Z",
        "2015-05-31T23:59:60+02:00",
        "2015-05-17T24:00:01Z",
        "2015-05-17T24:30Z",
        "2015-05-17T24,5Z",
        "2015-366T10:05:03Z",
        "2015-000T10:05:03Z",
        "2015-W54-1T10:05:03Z",
        "2015-W20T10:05:03Z",
        "2015-05-17Z",
        "2015-05T10:05:03Z",
        "15-05-17T10:05:03Z",
        "+02015-05-17T10:05:03Z",
        "9999-12-31T24:00Z",
        "2015-05-17T10:05:03+2",
        "2015-05-17T10:05:03 +02:00",
        "2015-05-17T10:05:03.Z",
        "2015-05-17T10:05:03+00:60",
        "2015-05-17T10:05:03+24:00",
        "2015-02-29T10:05:03Z",
        "2015-05-17T10:05:03Z\n",
        "2015-05-17T10:05:03+02:00:30",
        " 2015-05-17T10:05:03Z",
        "２０１５-05-17T10:05:03Z",  # noqa: RUF001 - full-width digits
        "2015-05-17T10:05:0\N{FULLWIDTH DIGIT THREE}Z",
        "\u0662\u0660\u0661\u0665-05-17T10:05:03Z",
        "2015-05-17T10:05:03." + "0" * 30_000 + "Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "1431857103",
        "yesterday",
        "",
        True,
        False,
        None,
        [2015, 5, 17],
        {},
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_is_no_time_by_the_strict_rule_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 1e18, 10**37, -(10**37), -62135596801, 10**15])
def test_a_number_beyond_the_years_1_to_9999_is_refused_like_any_bad_time(value: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse(value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "yesterday",
            "2015-13-01",
            "2015-05-17T10:00:00",
            "2015-05-17T10:00:60Z",
            "2015-05-17T10:00:00Z\n",
            "2015-05-17 ",
        ),
        *("9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01", "", "-1e3", "nan", "1e400", "9" * 400, "9" * 15),
        *(".", "1.2.3", "²"),
        *("\u0661\u0664\u0663\u0661\u0668\u0665\u0667\u0661\u0660\u0663", "\u0662\u0660\u0661\u0665-05-17"),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_no_time_as_people_type_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse_loosely(text)


@given(moments)
def test_the_sortable_and_the_readable_form_name_the_same_moment(moment: datetime) -> None:
    sortable = timestamps.sortable(moment)
    assert len(sortable) == 27
    assert timestamps.parse(sortable) == moment
    assert timestamps.parse(timestamps.readable(sortable)) == moment


@given(ordinary_moments, st.integers(-1439, 1439))
def test_the_zone_in_which_a_time_was_written_leaves_no_trace(moment: datetime, offset_minutes: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert timestamps.sortable(elsewhere) == timestamps.sortable(moment)
    assert timestamps.sortable(timestamps.parse(elsewhere.isoformat())) == timestamps.sortable(moment)


@given(moments, moments)
def test_the_order_of_sortable_forms_is_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (timestamps.sortable(one) < timestamps.sortable(other)) == (one < other)


@pytest.mark.parametrize(
    ("sortable", "readable"),
    [
        ("2015-05-17T10:05:03.000000Z", "2015-05-17T10:05:03Z"),
        ("2015-05-17T10:05:03.250000Z", "2015-05-17T10:05:03.250Z"),
        ("2015-05-17T10:05:03.000250Z", "2015-05-17T10:05:03.000250Z"),
    ],
)
def test_the_readable_form_has_no_more_digits_than_it_needs(sortable: str, readable: str) -> None:
    assert timestamps.readable(sortable) == readable
