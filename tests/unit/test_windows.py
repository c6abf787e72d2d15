"""Time windows: which window holds a time, where it starts and ends, and which windows a span meets."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import windows
from chalicelib.core.timestamps import parse, readable, readable_of, sortable
from chalicelib.core.windows import DAY, GRAINS, HOUR, MINUTE, Grain, Span, Window
from more_grains import WEEK

ROOT = Path(__file__).parents[2]
MONTH = Grain("month", itemgetter(slice(len("2015-05"))), timedelta(days=31), made_of=DAY)
# Two months inside the ends of time; Hypothesis adds the zone.
moments = st.datetimes(datetime(1, 3, 1), datetime(9999, 10, 31), timezones=st.just(UTC))  # noqa: DTZ001
grains = st.sampled_from([*GRAINS.values(), WEEK, MONTH])
near = st.builds(
    lambda days, seconds: datetime(2015, 5, 17, tzinfo=UTC) + timedelta(days=days, seconds=seconds),
    st.integers(-40, 40),
    st.sampled_from([0, 1, 59, 60, 3599, 3600, 86_399]),
)
spans = st.builds(Span, st.none() | near, st.none() | near).filter(
    lambda span: not (span.start and span.end) or span.start < span.end
)


@given(moments, grains)
def test_a_window_holds_its_times_and_no_others(moment: datetime, grain: Grain) -> None:
    name = grain.name_of(sortable(moment))
    first = parse(windows.first_time(name))
    assert first == parse(windows.start(name)) == grain.floor(moment)
    assert first <= moment < grain.end(name)
    assert grain.name_of(sortable(first)) == name
    assert grain.name_of(sortable(grain.end(name) - timedelta(microseconds=1))) == name
    assert grain.name_of(sortable(grain.end(name))) > name
    assert grain.end(name) - first <= grain.longest


@given(moments, grains)
def test_a_finer_window_names_the_window_that_holds_it(moment: datetime, grain: Grain) -> None:
    for finer in GRAINS.values():
        if finer.longest < grain.longest:
            assert grain.name_of(finer.name_of(sortable(moment))) == grain.name_of(sortable(moment))


@pytest.mark.parametrize("grain", [MINUTE, HOUR, DAY])
def test_windows_of_the_table_are_as_long_as_their_name_says(grain: Grain) -> None:
    name = grain.name_of("2015-05-17T10:05:03.000000Z")
    assert name == {"minute": "2015-05-17T10:05", "hour": "2015-05-17T10", "day": "2015-05-17"}[grain.name]
    length = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}[grain.name]
    assert grain.end(name) - parse(windows.start(name)) == length


def test_months_have_lengths_of_their_own() -> None:
    assert MONTH.end("2015-02") == datetime(2015, 3, 1, tzinfo=UTC)
    assert MONTH.end("2016-12") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("window", "grain"), [("9999-12-31", DAY), ("9999-12-31T23", HOUR), ("9999-12-27", WEEK)])
def test_the_last_window_ends_with_time_itself(window: str, grain: Grain) -> None:
    assert grain.end(window) == datetime.max.replace(tzinfo=UTC)


def test_grains_go_from_fine_to_coarse_and_each_is_made_of_one_before_it() -> None:
    found = list(GRAINS.values())
    assert all(finer.longest < coarser.longest for finer, coarser in pairwise(found))
    assert all(grain.made_of is None or grain.made_of in found[:at] for at, grain in enumerate(found))
    assert windows.reported() == [HOUR, DAY]
    assert [(name, grain.name) for name, grain in GRAINS.items()] == [(grain.name, grain.name) for grain in found]


def test_an_hour_is_part_of_a_window_of_each_grain_that_has_reports() -> None:
    found = windows.windows_of("acme", "2015-05-17T10")
    assert found == [Window("acme", "hour", "2015-05-17T10"), Window("acme", "day", "2015-05-17")]
    assert [window.made_of for window in found] == [None, HOUR]


@given(near, spans)
def test_a_span_holds_its_start_but_not_its_end(moment: datetime, span: Span) -> None:
    inside = (span.start is None or span.start <= moment) and (span.end is None or moment < span.end)
    assert span.holds(sortable(moment)) == inside


@given(spans, near, grains)
def test_the_windows_of_a_span_are_those_that_share_a_time_with_it(span: Span, moment: datetime, grain: Grain) -> None:
    name = grain.name_of(sortable(moment))
    first, end = grain.floor(moment), grain.end(name)
    shares = (span.start is None or span.start < end) and (span.end is None or first < span.end)
    lowest, after = grain.windows(span)
    assert (lowest <= name < after) == shares
    lowest, after = grain.windows(grain.whole(span))
    assert (lowest <= name < after) == shares


@given(near, grains)
def test_a_whole_span_starts_and_ends_with_windows(moment: datetime, grain: Grain) -> None:
    whole = grain.whole(Span(moment, moment + timedelta(seconds=1)))
    assert whole == Span(grain.floor(moment), grain.ceil(moment + timedelta(seconds=1)))
    assert grain.whole(whole) == whole
    assert grain.whole(Span()) == Span()


@given(moments)
def test_an_hour_and_a_minute_are_joined_from_their_parts(moment: datetime) -> None:
    time = sortable(moment)
    hour = HOUR.name_of(time)
    assert windows.join_hour(*windows.day_and_hour(hour)) == hour
    assert windows.day_and_hour(hour)[0] == DAY.name_of(time)
    assert windows.join_minute(hour, windows.minute_of_hour(time)) == MINUTE.name_of(time)


def test_a_moment_has_a_readable_form_and_none_has_none() -> None:
    moment = datetime(2015, 5, 17, 10, 5, 3, tzinfo=UTC)
    assert readable_of(moment) == readable(sortable(moment)) == "2015-05-17T10:05:03Z"
    assert readable_of(None) is None


# The lengths of the names of minutes, hours, days and months, and where the parts of a time begin.
_LENGTHS = {7, 10, 11, 13, 14, 16}
_OWN_LAYOUT = {
    "chalicelib/core/windows.py",
    "chalicelib/core/timestamps.py",  # the form of times itself
    "chalicelib/core/chunk_id.py",  # the form of ids
    "chalicelib/core/summary.py",  # UUIDs
}


def _knows_how_windows_are_named(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in GRAINS
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and not isinstance(node.value, ast.Call):
        ends = (node.slice.lower, node.slice.upper)
        return any(isinstance(end, ast.Constant) and end.value in _LENGTHS for end in ends)
    return False


@pytest.mark.parametrize("knows", ["hour[:10]", "time[14:16]", "window.name[11:]", "x == 'hour'", "{'day': 1}"])
def test_a_cut_time_and_the_name_of_a_grain_are_found(knows: str) -> None:
    assert any(map(_knows_how_windows_are_named, ast.walk(ast.parse(knows))))


def test_no_other_module_knows_how_windows_are_named() -> None:
    sources = [path for folder in ("chalicelib", "millrace") for path in (ROOT / folder).rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [ROOT / "app.py", *sources]
        if str(path.relative_to(ROOT)) not in _OWN_LAYOUT
        for node in ast.walk(ast.parse(path.read_text()))
        if _knows_how_windows_are_named(node) and isinstance(node, ast.expr)
    ]
    assert len(sources) > 100
    assert found == []
