"""The totals of days: made from the counters as they are, and never replaced by an older look at them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from builders import HISTORY, make_chunk, make_event, make_record
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.counters import Counters
from chalicelib.core.counting import HourCounter
from chalicelib.errors import NotApplied
from injector import reply
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
    with pytest.raises(NotApplied, match="another aggregator"):
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


def test_a_process_lists_a_day_once_a_minute_unless_its_records_live_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, carried = list[str](), stage.clients.carry

    def carry(operation: str, request: AWSPreparedRequest) -> AWSResponse:
        if operation == "dynamodb.TransactWriteItems":
            items = [part["Put"]["Item"] for part in json.loads(request.body)["TransactItems"] if "Put" in part]
            written.extend(item["sk"]["S"][:10] for item in items if item["pk"]["S"] == "acme#days")
        return carried(operation, request)

    monkeypatch.setattr(stage.clients, "carry", carry)
    lifetimes = [HISTORY]
    one, other = (CommitLog(stage._table, lifetimes=lambda: lifetimes[-1]) for _ in range(2))  # noqa: SLF001

    def commit_by(log: CommitLog) -> list[str]:
        log.commit([make_record(make_chunk(make_event(at=f"{DAY}T10:00:00Z")))])
        return written

    assert (commit_by(one), commit_by(one)) == ([DAY], [DAY])
    assert (len(commit_by(other)), len(commit_by(other))) == (2, 2)
    longer = replace(HISTORY.current, events=timedelta(days=500))
    lifetimes.append(HISTORY.changed(longer, datetime.now(UTC)))
    assert (len(commit_by(one)), len(commit_by(one))) == (3, 3)
    one._forget_at = 0  # noqa: SLF001 - a minute later
    assert (len(commit_by(one)), len(commit_by(one))) == (4, 4)


def test_a_commit_that_may_have_failed_lists_its_day_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = stage.clients.carry

    def lose(operation: str, request: AWSPreparedRequest) -> AWSResponse:
        return reply(request, 500, "{}") if operation == "dynamodb.TransactWriteItems" else carried(operation, request)

    with monkeypatch.context() as while_it_fails:
        while_it_fails.setattr(stage.clients, "carry", lose)
        assert not stage.commits.commit([make_record(make_chunk())]).committed
    commit(stage, "10:00")
    assert stage.counters.days("acme") == [DAY]


def test_a_day_is_left_out_when_no_commit_record_of_it_can_be_left(stage: Stage) -> None:
    commit(stage, "10:00")
    now = datetime.now(UTC)
    kept = stage.lifetimes.current.events
    for after, expected in ((timedelta(0), [DAY]), (kept, [DAY]), (kept + timedelta(days=4), [])):
        assert stage.counters.days("acme", recorded_at=now + after) == expected
    assert stage.counters.days("acme") == [DAY]
