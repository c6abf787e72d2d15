"""Projects take turns: nobody keeps another waiting, and what one run cannot finish the next ones do."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from builders import World, make_chunk, make_event
from chalicelib.core import turn as turns
from chalicelib.core.table_keys import Mark
from chalicelib.core.turn import Turn
from chalicelib.core.windows import Window
from chalicelib.errors import ProcessingFailed
from time_limit import Limited, TimeIsUp

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
EVERY = timedelta(minutes=5)
HOUR, DAY = Window("acme", "hour", "2026-03-03T12"), Window("acme", "day", "2026-03-03")
RUNS_OF_A_KILLED_DAY = 30


def send(world: World, *times: datetime, project: str = "acme", now: datetime = NOW) -> None:
    """One event at each time, each in a chunk of its own, committed now."""
    world.marks.now = now
    for at in times:
        name = f"{project} {at} {now} {len(world.commits.records_by_id)}"
        world.take(make_chunk(make_event(name, at=at.isoformat()), project=project, received=now))


def hours_before(count: int, *, days: int = 10) -> list[datetime]:
    """One time in each of so many hours in a row, long ago."""
    midnight = (NOW - timedelta(days=days)).replace(hour=0, minute=5)
    return [midnight + timedelta(hours=hour) for hour in range(count)]


def waiting(world: World) -> set[tuple[str, str]]:
    return set(world.marks.tokens)


def run(world: World, now: datetime, reads: int) -> None:
    """A run that Lambda ends when it has read the records of so many hours."""
    assert isinstance(world.commits, Limited)
    world.commits.left = iter(range(reads))
    with suppress(TimeIsUp):
        world.aggregate(now)


def test_a_mark_that_is_young_goes_only_when_a_later_run_finds_the_same_token() -> None:
    world = World()
    send(world, NOW)
    world.aggregate(NOW + timedelta(seconds=10))
    assert world.reports.reports[HOUR].content["events"] == 1
    assert waiting(world) == {("acme", HOUR.name)}
    send(world, NOW, now=NOW + EVERY)
    world.aggregate(NOW + EVERY)
    assert waiting(world) == {("acme", HOUR.name)}
    world.aggregate(NOW + 2 * EVERY)
    assert (waiting(world), world.reports.reports[HOUR].content["events"]) == (set(), 2)


def test_a_record_that_was_invisible_behind_its_young_mark_gets_into_the_report() -> None:
    world = World()
    send(world, NOW - timedelta(days=1))
    hidden = dict(world.commits.records_by_id)
    world.commits.records_by_id.clear()
    world.aggregate(NOW)
    world.commits.records_by_id.update(hidden)
    world.aggregate(NOW + EVERY)
    assert world.reports.reports[Window("acme", "hour", "2026-03-02T12")].content["events"] == 1
    assert waiting(world) == set()


def test_the_lag_counts_from_the_first_commit_that_no_report_holds() -> None:
    world = World()
    send(world, NOW)
    send(world, NOW, now=NOW + timedelta(minutes=20))
    world.commits.unreadable = {("acme", HOUR.name)}
    with pytest.raises(ProcessingFailed):
        world.aggregate(NOW + timedelta(minutes=21))
    world.commits.unreadable = set()
    world.aggregate(NOW + timedelta(minutes=21))
    send(world, NOW, now=NOW + timedelta(minutes=22))
    world.aggregate(NOW + timedelta(minutes=26))
    assert world.meter.values["report_lag_seconds"] == [21 * 60, 21 * 60, 5 * 60]


@pytest.mark.parametrize("reads", [1, 7, 16])
def test_a_day_that_is_too_large_for_a_run_is_finished_by_many_that_are_killed(reads: int) -> None:
    world = World(commits=Limited())
    send(world, *hours_before(24))
    now = NOW
    for _ in range(RUNS_OF_A_KILLED_DAY):
        now += EVERY
        run(world, now, max(reads, turns.PORTION_HOURS))
    assert waiting(world) == set()
    day = Window("acme", "day", f"{NOW - timedelta(days=10):%Y-%m-%d}")
    assert world.reports.reports[day].content["events"] == 24
    assert world.reports.listed == {}


def test_a_run_ends_by_itself_before_its_time_and_keeps_what_it_did() -> None:
    world = World()
    send(world, *hours_before(48))
    left = iter(range(200, 0, -8))
    assert world.aggregate(NOW + EVERY, seconds_left=lambda: next(left, 0))["refreshed"] > 0
    assert 0 < len(waiting(world)) < 48
    world.aggregate(NOW + 2 * EVERY)
    assert waiting(world) == set()


def test_an_honest_project_has_its_report_two_runs_late_at_most_whatever_another_sends() -> None:
    world = World(commits=Limited())
    names = [f"p{number:02}" for number in range(20)]
    send(world, *hours_before(24 * 12), project="hostile")
    now = NOW
    for _ in range(6):
        for name in names:
            send(world, now, project=name, now=now)
        send(world, *hours_before(100, days=40), project="hostile", now=now)
        sent = now
        for _ in range(2):  # each of which the time ends after some of the projects
            now += EVERY
            run(world, now, 40)
        for name in names:
            report = world.reports.reports[Window(name, "hour", f"{sent:%Y-%m-%dT%H}")]
            ever = [each for each in world.commits.records_by_id.values() if each.project == name]
            assert report.content["events"] == sum(each.hour == report.window.name for each in ever)


def test_a_run_that_dies_of_one_project_leaves_the_next_run_to_the_others() -> None:
    world = World(commits=Limited())
    for number in range(40):
        send(world, NOW, project=f"p{number:02}")
    for number in range(1, 6):
        run(world, NOW + number * EVERY, 8)
    assert {window.project for window in world.reports.reports} == {f"p{number:02}" for number in range(40)}


def test_a_day_that_cannot_be_read_stops_no_other_day_of_its_project() -> None:
    world = World(commits=Limited())
    bad = hours_before(3, days=30)
    send(world, *bad)
    world.commits.unreadable = {("acme", f"{at:%Y-%m-%dT%H}") for at in bad}
    send(world, *hours_before(24), now=NOW + timedelta(hours=1))
    now = NOW + timedelta(hours=2)
    for _ in range(12):
        now += EVERY
        with suppress(ProcessingFailed):
            run(world, now, turns.PORTION_HOURS + 3)
    assert waiting(world) == world.commits.unreadable
    world.commits.unreadable = set()
    world.aggregate(now + EVERY)
    assert waiting(world) == set()


def mark(hour: str, minutes: int, *, put_in: str = "2026-03-03T12") -> Mark:
    since = datetime(2026, 3, 3, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    return Mark("acme", hour, 0, f"{since.timestamp():.0f}-{minutes}", since, put_in)


def test_a_turn_begins_with_the_running_hour_and_goes_on_with_what_waited_longest_since_it_was_first_put() -> None:
    marks = [
        mark("2026-03-03T12", 20),
        mark("2026-01-01T00", 9),
        mark("2026-01-02T00", 3),
        mark("2026-01-03T00", 1, put_in="2026-03-03T13"),  # it was put off
    ]
    portions = turns.portions(Turn("acme", marks, []), NOW)
    assert [portion.marks[0].hour[:10] for portion in portions] == [
        "2026-03-03", "2026-01-02", "2026-01-01", "2026-01-03",
    ]  # fmt: skip


def test_a_portion_is_a_part_of_one_day_with_its_day_and_a_window_that_is_over_waits_since_its_end() -> None:
    marks = [mark(f"2026-01-01T{hour:02}", hour + 1) for hour in range(8)]
    over = [Window("acme", "hour", "2026-03-03T11"), Window("acme", "hour", "2026-03-03T12")]
    portions = turns.portions(Turn("acme", marks, over), NOW)
    assert [len(portion.marks) for portion in portions] == [0, 6, 2]
    assert portions[0].windows == {over[0]}
    assert {window.name for window in portions[2].windows} == {"2026-01-01T06", "2026-01-01T07", "2026-01-01"}
