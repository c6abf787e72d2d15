"""What a run of the schedule takes of AWS: the constants of the bill, measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.adapters import aws
from chalicelib.wiring import _pipeline
from handlers.api_client import Api
from millrace.pricing import bill
from millrace.pricing.metering import Meter

EVENT = {"event_type": "page_view", "user_id": "ann", "properties": {"page": "/"}}


class Tap:
    """Counts what clients send, as the stub of AWS does."""

    def __init__(self) -> None:
        self.meter = Meter()

    def note(self, request: Any, **_: Any) -> None:
        target = request.headers.get("X-Amz-Target", b"")
        body = request.body or b""
        self.meter.answer(
            request.method,
            target.decode() if isinstance(target, bytes) else target,
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.getvalue(),
        )

    def measure(self, run: Callable[[], None]) -> Meter:
        meter = self.meter = Meter()
        run()
        self.meter = Meter()
        return meter


@pytest.fixture(scope="module")
def tap() -> Iterator[Tap]:
    """Clients that are made from here on are listened to."""
    session, tap = aws._session(), Tap()  # noqa: SLF001
    session.register("before-send.*.*", tap.note)
    yield tap
    session.unregister("before-send.*.*", tap.note)


def costs(meter: Meter) -> dict[str, int]:
    """What is billed. The question for metrics, which is a POST to CloudWatch, looks like a publish."""
    units = Counter({unit: number for unit, number in meter.units.items() if "bytes" not in unit and unit != "items"})
    units["calls"] = sum(meter.calls.values())
    units["queue_requests"] += meter.calls["sqs:GetQueueAttributes"]
    units["topic_publishes"] -= 1
    return dict(+units)


def test_a_run_takes_what_the_bill_says_of_an_idle_stage_and_of_an_active_project(tap: Tap, api: Api) -> None:
    def run() -> None:
        _pipeline.cache_clear()  # after five minutes a function has forgotten what it knew of the stage
        api.aggregate()

    assert costs(tap.measure(run)) == bill.IDLE_RUN
    for _ in range(9):  # an hour has marks in eight shards, which come one after the other
        api.post([EVENT])
        api.process()
        active = Counter(costs(tap.measure(run)))
    active.subtract(bill.IDLE_RUN)
    assert +active == pytest.approx(bill.PROJECT_RUN, rel=0.25)
