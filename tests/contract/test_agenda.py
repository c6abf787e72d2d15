"""The agenda: every project gets its turn, with the first of what it has to do, whatever others have put."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from builders import make_report
from chalicelib.adapters.agenda import Agenda
from chalicelib.adapters.marks import mark_parts
from chalicelib.adapters.table import Table
from chalicelib.core.table_keys import Mark
from chalicelib.core.turn import Turn
from chalicelib.core.windows import Window
from stage import Stage, no_pause

RUNNING = "2026-03-03T12"
PUT = datetime(2026, 3, 3, 12, 10, tzinfo=UTC)


class Line:
    """An agenda of small pages, over the marks of a stage; `now`: when marks are put."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.now = stage, PUT
        self.table = Table(stage.clients.dynamodb, stage.settings.table_name, pause=no_pause)
        self.agenda = Agenda(self.table, page_items=6, most=4)

    def put(self, project: str, *hours: str, shard: int = 0) -> None:
        for hour in hours:
            assert not self.table.transact(mark_parts([(project, hour)], shard, int(self.now.timestamp())))

    def turns(self, *, after: str = "", done: Collection[tuple[str, str]] = ()) -> list[Turn]:
        return list(self.agenda.turns(after=after, running_hour=RUNNING, done=done))

    def marks(self) -> list[Mark]:
        return list(self.stage.marks.all())


@pytest.fixture
def line(stage: Stage) -> Line:
    return Line(stage)


def hours(count: int, day: str = "2026-01-01") -> list[str]:
    return [f"{day}T{hour:02}" for hour in range(count)]


def test_each_project_gets_one_turn_with_its_marks_of_all_shards_and_its_unfinished_windows(line: Line) -> None:
    for project in ("b", "a-b", "a"):
        line.put(project, *hours(2), shard=1)
        line.put(project, *hours(3), shard=5)
    report = make_report(Window("c", "hour", RUNNING))
    line.stage.reports.save(report)
    found = line.turns()
    assert [turn.project for turn in found] == ["a", "a-b", "b", "c"]
    assert [len(turn.marks) for turn in found] == [5, 5, 5, 0]
    assert found[-1].unfinished == [report.window]


def test_turns_begin_after_a_project_and_come_round_to_it(line: Line) -> None:
    for project in ("a", "a-b", "b", "c"):
        line.put(project, RUNNING)
    assert [turn.project for turn in line.turns(after="a-b")] == ["b", "c", "a", "a-b"]
    assert [turn.project for turn in line.turns(after="a-a")] == ["a-b", "b", "c", "a"]
    assert line.agenda.last_turn() == ""
    line.agenda.begin_turn("b")
    assert line.agenda.last_turn() == "b"


@pytest.mark.parametrize("others", [5, 6, 7, 23])
def test_of_a_project_with_many_marks_the_first_that_were_put_come_and_the_running_hour(
    line: Line, others: int
) -> None:
    line.put("loud", *hours(others))
    line.now += timedelta(hours=-1)
    line.put("loud", "2026-02-02T00")
    line.now += timedelta(hours=1)
    line.put("loud", RUNNING)
    line.put("quiet", RUNNING)
    loud, quiet = line.turns()
    assert {mark.hour for mark in loud.marks} == {"2026-02-02T00", *hours(3), RUNNING}
    assert [mark.hour for mark in quiet.marks] == [RUNNING]


def test_what_is_done_is_left_out_and_what_comes_after_it_is_found(line: Line) -> None:
    line.put("a", *hours(11))
    done = {("a", hour) for hour in hours(9)}
    assert [mark.hour for turn in line.turns(done=done) for mark in turn.marks] == hours(11)[9:]
    assert line.turns(done={("a", hour) for hour in hours(11)} | {("a", RUNNING)}) == []


def test_a_mark_remembers_since_when_it_waits_until_a_run_notes_otherwise(line: Line) -> None:
    line.put("a", "2026-01-01T00", shard=3)
    (first,) = line.marks()
    assert (first.since, first.put_at, first.put_in) == (PUT, PUT, RUNNING)
    line.now += timedelta(minutes=5)
    line.put("a", "2026-01-01T00", shard=3)
    (again,) = line.marks()
    assert (again.since, again.put_at) == (PUT, line.now)
    assert again.token != first.token
    line.stage.marks.keep(again, line.now)
    line.stage.marks.keep(again, line.now + timedelta(hours=9))  # another run has noted it
    assert [mark.since for mark in line.marks()] == [line.now]


def test_a_mark_that_is_put_off_goes_behind_the_others_unless_it_was_put_anew(line: Line) -> None:
    line.put("a", *hours(3))
    first = line.marks()[0]
    later = PUT + timedelta(hours=2)
    line.stage.marks.put_off(first, PUT)
    assert [mark.hour for mark in line.marks()] == hours(3)
    line.stage.marks.put_off(first, later)
    assert [mark.hour for mark in line.marks()] == [*hours(3)[1:], first.hour]
    moved = line.marks()[-1]
    assert (moved.since, moved.token) == (first.since, first.token)
    second = line.marks()[0]
    line.put("a", second.hour)
    line.stage.marks.put_off(second, later)
    assert line.marks()[0].hour == second.hour
