"""Turns the sample log into live traffic: each request happens now, with the faults of real traffic."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from millrace.io.client import Client

_TICK_SECONDS = 0.5
# The shares of events that are sent twice, as by a client that retries, and that are rejected.
_AGAIN, _REFUSED = 0.02, 0.02


def live(events: Iterable[dict[str, Any]], chosen: random.Random, run: str) -> Iterator[dict[str, Any]]:
    """Yield the events without their old times. Some come twice, and some have no user.

    `run`: makes the event ids unique, so that another run sends different events.
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
    """Send events at a steady rate until they end. Yield the size of each batch."""
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
