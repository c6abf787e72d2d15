"""The sample log as live traffic: each request happens now, with the mishaps that real traffic has."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from millrace.io.client import Client

_TICK_SECONDS = 0.5
# Shares of the traffic that come again, as from a client that retries, and that are refused.
_AGAIN, _REFUSED = 0.02, 0.02


def live(events: Iterable[dict[str, Any]], chosen: random.Random, run: str) -> Iterator[dict[str, Any]]:
    """The events as of now: without their old times, some of them twice, some without their user.

    `run` makes their ids those of this run: the same events are others the next time.
    """
    for event in events:
        event.pop("timestamp", None)
        event["event_id"] = f"{run}-{event['event_id']}"
        if chosen.random() < _REFUSED:
            del event["user_id"]
        yield event
        if chosen.random() < _AGAIN:
            yield event


def stream(
    client: Client, events: Iterable[dict[str, Any]], per_second: float, pause: Callable[[float], None] = time.sleep
) -> Iterator[int]:
    """Send events at a steady rate until they end; yields how many went at once."""
    source, due = iter(events), 0.0
    while True:
        due += per_second * _TICK_SECONDS
        batch = list(islice(source, int(due)))
        due -= len(batch)
        if batch:
            client.post_events(batch)
            yield len(batch)
        elif due >= 1:
            return
        pause(_TICK_SECONDS)
