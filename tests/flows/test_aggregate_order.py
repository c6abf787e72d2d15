"""The aggregator takes turns and portions: a run that is cut short has finished what it reached."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from builders import NOW, World, make_chunk, make_event
from time_limit import Limited, TimeIsUp


def test_a_backfill_of_many_hours_keeps_no_live_report_waiting_and_ends_in_some_runs() -> None:
    commits = Limited()
    world = World(commits=commits)
    for hour in range(24 * 3):
        at = (NOW - timedelta(days=100, hours=hour)).isoformat()
        world.take(make_chunk(make_event(f"e{hour}", at=at), received=NOW))
    world.take(make_chunk(make_event("live", at=NOW.isoformat()), project="zzz"))
    for run in range(4):
        commits.left = iter(range(30))
        with suppress(TimeIsUp):
            world.aggregate()
        if run == 0:
            assert "zzz" in {message["attributes"]["project"] for message in world.topic.published}
    assert world.marks.tokens == {}
