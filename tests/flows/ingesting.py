"""POSTs to ingestion, and what they put into the queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from builders import NOW
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk, Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.flows.ingest import ingest
from fakes import FakeMeter, FakeQueue

LATER = NOW + timedelta(minutes=5)
GOOD = {"event_type": "page_view", "user_id": "u1"}
TIMED = GOOD | {"timestamp": "2015-05-17T10:05:00Z"}


def post(queue: FakeQueue, *events: Any, received: datetime = NOW, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"sender": Sender("acme", received), "queue": queue, "meter": FakeMeter()}
    return ingest(list(map(RawEvent, events)), **given | options)


def sent(queue: FakeQueue) -> list[Chunk]:
    return [chunks.decode(body) for body in queue.bodies]


def statuses(reply: dict[str, Any]) -> list[str]:
    return [each.get("code", each["status"]) for each in reply["events"]]


def ids(reply: dict[str, Any]) -> list[str]:
    return [each["event_id"] for each in reply["events"]]
