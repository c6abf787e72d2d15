"""The totals of days: made from the counters as they are, and never replaced by an older look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from builders import make_chunk, make_event, make_record
from chalicelib.adapters.counters import Counters
from chalicelib.core.counting import HourCounter
from chalicelib.errors import StoreFailed
from stage import Stage

DAY = "2015-05-17"


def commit(stage: Stage, *times: str, event_type: str = "view") -> None:
    for at in times:
        chunk = make_chunk(make_event(f"{at} {event_type}", at=f"{DAY}T{at}:00Z", event_type=event_type))
        assert stage.commits.commit([make_record(chunk)]).committed


def totals(stage: Stage, first: str = "", after: str = "~") -> dict[str, dict[tuple[str, ...], int]]:
    return {
        each.day: {
            (it.hour[11:], quarter, it.event_type): count
            for it in each.counters
            for quarter, count in it.minutes.items()
        }
        for each in stage.counters.totals("acme", first=first, after=after)
    }


def test_a_day_is_summed_up_by_type_and_quarter_of_an_hour_and_again_when_it_changes(stage: Stage) -> None:
    commit(stage, "10:00", "10:14", "10:15", "23:59")
    commit(stage, "10:01", event_type="click")
    stage.counters.sum_up("acme", DAY)
    expected = {("10", "00", "view"): 2, ("10", "15", "view"): 1, ("23", "45", "view"): 1, ("10", "00", "click"): 1}
    assert totals(stage) == {DAY: expected}
    commit(stage, "10:02")
    assert totals(stage) == {DAY: expected}
    stage.counters.sum_up("acme", DAY)
    assert totals(stage) == {DAY: expected | {("10", "00", "view"): 3}}


def test_totals_are_found_by_project_and_day(stage: Stage) -> None:
    commit(stage, "10:00")
    stage.counters.sum_up("acme", DAY)
    stage.counters.sum_up("acme-2", DAY)
    assert totals(stage, first="2015-05-18") == totals(stage, after=DAY) == {}
    assert list(totals(stage, first=DAY, after=f"{DAY}~")) == [DAY]


def test_an_older_look_never_replaces_a_newer_one(stage: Stage) -> None:
    """A commit, and another aggregator that sees it, come between our look and our write."""
    commit(stage, "10:00")
    stage.counters.sum_up("acme", DAY)

    class Slow(Counters):
        meanwhile: Callable[[], Any]

        def of_day(self, project: str, day: str) -> Iterator[HourCounter]:
            found = list(super().of_day(project, day))
            self.meanwhile()
            return iter(found)

    def others_are_faster() -> None:
        commit(stage, "10:01")
        stage.counters.sum_up("acme", DAY)

    slow = Slow(stage._table)  # noqa: SLF001 - another process
    slow.meanwhile = others_are_faster
    with pytest.raises(StoreFailed, match="another aggregator"):
        slow.sum_up("acme", DAY)
    assert totals(stage)[DAY] == {("10", "00", "view"): 2}


def test_the_days_of_a_span_are_listed_and_no_more_than_are_asked_for(stage: Stage) -> None:
    for day in ("2015-05-16", "2015-05-17", "2015-05-18"):
        chunk = make_chunk(make_event(day, at=f"{day}T10:00:00Z"))
        stage.commits.commit([make_record(chunk)])
    assert stage.counters.days("acme", first="2015-05-17", after="2015-05-18~") == ["2015-05-17", "2015-05-18"]
    assert stage.counters.days("acme", at_most=2) == ["2015-05-17", "2015-05-18"]
    assert stage.marks.days("acme", at_most=8) == {"2015-05-16", "2015-05-17", "2015-05-18"}
    assert stage.marks.days("acm", at_most=8) == set()
