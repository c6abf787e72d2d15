"""What a library sends again is recognised and keeps its time, whatever its envelope says of the time of sending."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import timestamps
from chalicelib.core.chunk import Sender, decode
from chalicelib.core.dialects import Incoming, posthog, segment
from chalicelib.core.event import Event, EventRef
from chalicelib.flows.ingest import ingest
from fakes import FakeMeter, FakeQueue

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
FIRST = NOW - 2 * SECOND
#: Events without an id of their own, as some libraries send them, by dialect, with the name of their time of sending.
DIALECTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "Segment": (segment, {"type": "track", "event": "bought", "userId": "ann"}, "sentAt"),
    "PostHog": (posthog, {"event": "bought", "distinct_id": "ann"}, "sent_at"),
    "PostHog for Python": (posthog, {"event": "bought", "distinct_id": "ann"}, "sentAt"),
}


def post(
    dialect: str, sent: datetime, received: datetime, call: str = "batch", own: datetime = FIRST, **more: Any
) -> Event:
    """Ingest a batch of one event, and answer it."""
    module, message, name = DIALECTS[dialect]
    body = {"batch": [message | {"timestamp": own.isoformat()} | more], name: sent.isoformat()}
    read = module.read(Incoming(json.dumps(body).encode(), {}, {}, received, path={"call": call}))
    queue = FakeQueue()
    ingest(read.events, sender=Sender("acme", received, shared=read.shared), queue=queue, meter=FakeMeter())
    return decode(queue.bodies[0]).events[0]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("waited", [9 * SECOND, 17 * SECOND, 60 * SECOND])
def test_an_outage_of_a_minute_moves_no_time_and_hides_no_retry(dialect: str, waited: timedelta) -> None:
    for own in (FIRST, NOW - 2000 * DAY):  # live, and an import's explicit time
        first = post(dialect, FIRST, NOW, own=own)
        as_it_was, again = (post(dialect, sent, NOW + waited, own=own) for sent in (FIRST, FIRST + waited))
        assert first.time == as_it_was.time == again.time == timestamps.sortable(own)
        assert first.identity == as_it_was.identity == again.identity


@pytest.mark.parametrize("dialect", ["Segment", "PostHog"])
@pytest.mark.parametrize("off", [5 * HOUR, -3 * HOUR, 3 * DAY])
def test_a_retry_has_the_identity_of_the_first_attempt_whatever_each_was_corrected_by(
    dialect: str, off: timedelta
) -> None:
    own = NOW + off
    corrected = post(dialect, NOW + off, NOW, own=own)
    as_it_was = post(dialect, NOW + off, NOW + HOUR, own=own)
    again = post(dialect, NOW + HOUR + off, NOW + HOUR, own=own)
    by_a_right_clock = post(dialect, NOW + HOUR, NOW + HOUR, own=own)
    assert corrected.time != own
    attempts = (corrected, as_it_was, again, by_a_right_clock)
    assert {each.identity for each in attempts} == {EventRef(timestamps.sortable(own), "ann", corrected.event_id)}


@pytest.mark.parametrize("dialect", ["Segment", "PostHog"])
def test_an_event_of_the_future_is_stored_now_and_recognised_when_its_time_has_come(dialect: str) -> None:
    own = NOW + DAY + HOUR
    early, late = post(dialect, NOW, NOW, own=own), post(dialect, NOW + 2 * HOUR, NOW + 2 * HOUR, own=own)
    assert (early.time, late.time) == (timestamps.sortable(NOW), timestamps.sortable(own))
    assert early.identity == late.identity
    assert late.is_told_by_its_item


def test_the_usual_event_of_a_library_takes_one_write() -> None:
    with_ids: dict[str, dict[str, Any]] = {"Segment": {"messageId": "m"}, "PostHog": {"uuid": "m"}}
    for dialect, ids in with_ids.items():
        assert post(dialect, NOW, NOW, **ids).is_told_by_its_item
        assert post(dialect, NOW, NOW).is_told_by_its_item
    anonymous = post("Segment", NOW, NOW, userId=None, anonymousId="a", messageId="m")
    assert anonymous.is_told_by_its_item
    identified = post("Segment", NOW, NOW, anonymousId="a", messageId="m")
    assert identified.pointed_from == anonymous.ref
    assert identified.identity == anonymous.identity
    assert not identified.guarded


def test_what_counts_from_its_receipt_is_known_by_its_id() -> None:
    message = {"timestamp": None, "uuid": "m"}
    for more in ({}, {"offset": 3000}, {"timestamp": "01/02/2020"}):
        first, again = (post("PostHog", at, at, **message | more) for at in (NOW, NOW + HOUR))
        assert first.time != again.time
        assert (first.guarded, first.identity) == (True, again.identity)


@pytest.mark.parametrize("off", [timedelta(), 5 * HOUR, -3 * HOUR])
def test_a_browsers_retry_with_its_old_offset_is_the_same_event(off: timedelta) -> None:
    captured = FIRST + off
    properties = {"$time": captured.timestamp()}
    message: dict[str, Any] = {"timestamp": None, "uuid": "m", "offset": 2000, "properties": properties}
    first, again = (post("PostHog", FIRST, at, **message) for at in (NOW, NOW + 60 * SECOND))
    assert first.identity == again.identity
    assert first.time == timestamps.sortable(FIRST)
    assert again.time == timestamps.sortable(FIRST + (60 * SECOND if off else timedelta()))


@pytest.mark.parametrize("dialect", ["Segment", "PostHog"])
def test_a_clock_that_is_hours_off_is_corrected(dialect: str) -> None:
    for off in (5 * HOUR, -3 * HOUR):
        event = post(dialect, NOW + off, NOW, own=NOW + off - SECOND)
        assert event.time == timestamps.sortable(NOW - SECOND)


def test_an_import_is_never_corrected() -> None:
    off = NOW + 5 * HOUR
    assert post("Segment", off, NOW, call="import", own=off - SECOND).time == timestamps.sortable(off - SECOND)
    imported = post("PostHog", off, NOW, own=off - SECOND, historical_migration=True)
    assert imported.time == timestamps.sortable(off - SECOND)


@pytest.mark.parametrize("dialect", ["Segment", "PostHog"])
@pytest.mark.parametrize("year", [1, 1970, 2099])
def test_an_absurd_time_of_sending_moves_no_event_and_is_noted(dialect: str, year: int) -> None:
    sent = datetime(year, 1, 1, tzinfo=UTC)
    event = post(dialect, sent, NOW)
    assert event.time == timestamps.sortable(FIRST)
    assert event.context["ignored_sent_at"] == f"{year:04}-01-01T00:00:00Z"
