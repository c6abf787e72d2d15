"""The demo's traffic: as of now, at a steady rate, with mishaps."""

from __future__ import annotations

import random
from typing import Any

from millrace.io import demo


class Recorder:
    """A client that takes everything."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []

    def post_events(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        self.batches.append(events)
        return {}


def make_events(number: int) -> list[dict[str, Any]]:
    return [{"event_id": str(n), "user_id": "u", "timestamp": "2015-05-17T10:00:00Z"} for n in range(number)]


def test_events_lose_their_old_time_and_some_are_doubled_and_some_spoiled() -> None:
    traffic = list(demo.live(make_events(1000), random.Random(1), "run"))  # noqa: S311 - replayable
    assert not any("timestamp" in event for event in traffic)
    assert {event["event_id"] for event in traffic} == {f"run-{number}" for number in range(1000)}
    assert 1000 < len(traffic) < 1100
    assert 0 < sum("user_id" not in event for event in traffic) < 100


def test_a_stream_keeps_its_rate_and_ends_with_its_events() -> None:
    client, waited = Recorder(), list[float]()
    assert sum(demo.stream(client, make_events(25), 7, pause=waited.append)) == 25  # type: ignore[arg-type]
    assert [len(batch) for batch in client.batches] == [3, 4, 3, 4, 3, 4, 3, 1]
    assert set(waited) == {0.5}
