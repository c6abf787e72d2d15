"""Aggregators at once, and commits during a run: the newest view stands and reaches subscribers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from builders import NOW, World, make_chunk, make_event
from chalicelib.core import retries
from chalicelib.core.chunk import Chunk
from chalicelib.core.windows import Window
from chalicelib.errors import ProcessingFailed
from fakes import FakeTopic

OPEN = NOW  # the hour of the events still runs
ALL_OVER = datetime(2015, 5, 18, tzinfo=UTC)
HOUR = Window("acme", "hour", "2015-05-17T10")
DAY = Window("acme", "day", "2015-05-17")


def one(event_id: str) -> Chunk:
    return make_chunk(make_event(event_id))


def world_of_one() -> World:
    world = World()
    world.take(one("e1"))
    return world


def published(world: World) -> list[dict[str, Any]]:
    return [json.loads(message["document"]) for message in world.topic.published]


def events_in(world: World, window: Window) -> int:
    return int(world.reports.reports[window].content["events"])


def test_a_mark_that_is_put_anew_during_the_run_stays_for_the_next() -> None:
    world = world_of_one()
    world.commits.meanwhile = [lambda: world.take(one("late"))]
    world.aggregate(ALL_OVER)
    assert (events_in(world, HOUR), set(world.marks.tokens)) == (1, {("acme", HOUR.name)})
    world.aggregate(ALL_OVER)
    assert (events_in(world, HOUR), events_in(world, DAY)) == (2, 2)
    assert world.marks.tokens == {}


@pytest.mark.parametrize("read", ["commits", "hour_summaries"], ids=["the hour is read", "the day is read"])
@pytest.mark.parametrize("earlier_run", [False, True], ids=["first report", "later report"])
def test_of_two_aggregators_the_one_with_the_older_view_never_wins(read: str, earlier_run: bool) -> None:
    world = world_of_one()
    if earlier_run:
        world.aggregate(ALL_OVER)
        world.take(one("e2"))

    def rival() -> None:
        world.take(one("late"))
        world.aggregate(ALL_OVER)

    getattr(world, read).meanwhile = [rival]
    world.aggregate(ALL_OVER)
    total = 3 if earlier_run else 2
    assert (events_in(world, HOUR), events_in(world, DAY)) == (total, total)
    for grain in ("hour", "day"):
        got = [(each["version"], each["events"]) for each in published(world) if each["grain"] == grain]
        assert got == sorted(set(got))
        assert got[-1][1] == total
    world.aggregate(ALL_OVER)
    assert (world.marks.tokens, world.reports.listed) == ({}, {})


def test_an_aggregator_whose_clock_is_behind_does_not_reopen_a_complete_report() -> None:
    world = world_of_one()
    world.commits.meanwhile = [lambda: world.aggregate(ALL_OVER)]
    world.aggregate(OPEN)
    assert [world.reports.reports[window].content["complete"] for window in (HOUR, DAY)] == [True, True]
    assert all(document["complete"] for document in published(world))


def test_an_aggregator_that_loses_every_round_leaves_the_window_to_the_next_run_and_is_no_failure() -> None:
    world = world_of_one()
    rivals: list[Callable[[], object]] = []

    def rival() -> None:
        world.commits.meanwhile = []
        world.take(one(f"late {len(rivals)}"))
        world.aggregate(ALL_OVER)
        world.take(one(f"later {len(rivals)}"))
        rivals.append(rival)
        world.commits.meanwhile = [rival] if len(rivals) < retries.REPORT.attempts else []

    world.commits.meanwhile = [rival]
    world.aggregate(ALL_OVER)
    assert set(world.marks.tokens) == {("acme", HOUR.name)}
    world.aggregate(ALL_OVER)
    assert (events_in(world, HOUR), events_in(world, DAY)) == (1 + 2 * len(rivals),) * 2
    assert (world.marks.tokens, world.reports.listed) == ({}, {})


@dataclass
class BusyTopic(FakeTopic):
    """A topic during whose first publication others do something."""

    meanwhile: Callable[[], object] = print

    def publish(self, **message: Any) -> None:
        super().publish(**message)
        if len(self.published) == 1:
            self.meanwhile()


def test_a_version_that_is_saved_while_an_older_one_is_published_is_published_too() -> None:
    world = world_of_one()

    def rival_dies_before_publishing() -> None:
        world.take(one("late"))
        world.reports.fails = True
        with pytest.raises(ProcessingFailed):
            world.aggregate(ALL_OVER)
        world.reports.fails = False

    world.topic = BusyTopic(meanwhile=rival_dies_before_publishing)
    world.aggregate(ALL_OVER)
    world.aggregate(ALL_OVER)
    documents = [json.loads(message["document"]) for message in world.topic.published]
    newest = {each["grain"]: (each["version"], each["events"]) for each in documents}
    assert newest == {"day": (2, 2), "hour": (2, 2)}
    assert world.reports.listed == {}
