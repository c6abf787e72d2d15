"""Times that cannot be used: an event of a library whose vendor takes it in is stored at the received time."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW
from chalicelib.core import timestamps
from chalicelib.core.event import Event
from fake_stage import FakeStage
from recorded import leaves

RECEIVED = timestamps.sortable(NOW)
UNREADABLE = [
    "[optional timestamp in ISO 8601 format]",
    "17/05/2015",
    "2015-02-30T10:00:00Z",
    "0000-00-00",
    {"a": 1},
    True,
]
OUT_OF_RANGE = ["2031-01-01T00:00:00Z", "2015-05-18T10:30:00.001Z", 4102444800, "4102444800000", 1e18, 10**37]
each_bad_time = pytest.mark.parametrize("bad", [*UNREADABLE, *OUT_OF_RANGE], ids=str)

TRACK = {"type": "track", "event": "t", "userId": "ann", "messageId": "m1"}
CAPTURE = {"event": "t", "distinct_id": "ann", "uuid": "u1"}
SENT = {"sentAt": "2015-05-17T10:29:00Z", "sent_at": "2015-05-17T10:29:00Z"}
#: Where libraries put an event's own time: request, and the dialect that notes it.
PLACES: dict[str, Any] = {
    "segment": ("/v1/batch", lambda bad: {"batch": [TRACK | {"timestamp": bad}]}),
    "segment, corrected": ("/v1/batch", lambda bad: {"batch": [TRACK | {"timestamp": bad}], **SENT}),
    "segment, original": ("/v1/track", lambda bad: TRACK | {"originalTimestamp": bad}),
    "segment, both": ("/v1/t", lambda bad: TRACK | {"originalTimestamp": "2015-05-17T10:00:00Z", "timestamp": bad}),
    "posthog": ("/batch", lambda bad: {"batch": [CAPTURE | {"timestamp": bad}]}),
    "posthog, corrected": ("/batch", lambda bad: {"batch": [CAPTURE | {"timestamp": bad}], **SENT}),
    "posthog, an import": ("/e", lambda bad: CAPTURE | {"timestamp": bad, "historical_migration": True}),
    "posthog, browser": ("/e?_=1431858540000", lambda bad: [CAPTURE | {"timestamp": bad}]),
}


def accepted(path: str, body: Any) -> Event:
    stage = FakeStage()
    answer = stage.post(path, body)
    assert answer.status_code == 200, answer.body
    ((_, event),) = stage.queued()
    return event


@each_bad_time
@pytest.mark.parametrize("place", PLACES)
def test_a_vendors_event_whose_time_cannot_be_used_has_the_received_time_and_notes_its_own(
    place: str, bad: Any
) -> None:
    path, body_of = PLACES[place]
    event = accepted(path, body_of(bad))
    assert event.time == RECEIVED
    assert bad in event.context[place.split(",", maxsplit=1)[0]].values()


@pytest.mark.parametrize("place", PLACES)
def test_such_an_event_is_known_by_its_id_when_it_is_sent_again(place: str) -> None:
    path, body_of = PLACES[place]
    stage = FakeStage()
    for _ in range(2):
        assert stage.post(path, body_of("soon")).status_code == 200
        stage.process()
    assert stage.world.counted() == {("default", "t"): 1}


@pytest.mark.parametrize("sent", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0, -62135596800, "0001-01-01"])
@pytest.mark.parametrize("place", ["segment", "posthog"])
def test_a_clock_that_was_never_set_moves_no_event(place: str, sent: Any) -> None:
    path, body_of = PLACES[place]
    own = "2015-01-01T00:00:00Z"
    event = accepted(path, body_of(own) | {"sentAt": sent, "sent_at": sent})
    assert event.time == "2015-01-01T00:00:00.000000Z"
    assert str(sent) in leaves(event.context)


@pytest.mark.parametrize("offset", [-1e9, -1e15, 1e300])
def test_an_offset_into_the_future_or_beyond_all_time_is_none(offset: float) -> None:
    event = accepted("/e", CAPTURE | {"offset": offset})
    assert (event.time, event.context["posthog"]["offset"]) == (RECEIVED, offset)


@pytest.mark.parametrize(
    "good", ["2015-05-18T10:30:00Z", "2015-05-17", "2015-05-17 10", "1431857103", "0001-01-01T00:00:00Z"]
)
@pytest.mark.parametrize("place", ["segment", "posthog"])
def test_a_time_that_can_be_used_is_kept(place: str, good: str) -> None:
    path, body_of = PLACES[place]
    parsed = timestamps.parse(timestamps.in_utc("2015-05-17T10" if good == "2015-05-17 10" else good))
    assert accepted(path, body_of(good)).time == timestamps.sortable(parsed)


@each_bad_time
def test_in_our_own_form_and_in_cloudevents_an_event_whose_time_cannot_be_used_is_rejected(bad: Any) -> None:
    cloudevent = {"specversion": "1.0", "id": "i", "source": "/s", "type": "t"}
    for event in ({"event_type": "t", "user_id": "ann", "timestamp": bad}, cloudevent | {"time": bad}):
        answer = FakeStage().post("/events", event)
        (verdict,) = answer.json_body["events"]
        assert (answer.status_code, verdict["field"]) == (422, "timestamp")
        assert verdict["code"] in ("bad_timestamp", "timestamp_in_future")


def test_what_else_is_wrong_with_a_vendors_event_is_still_told() -> None:
    for body in (CAPTURE | {"timestamp": "soon", "distinct_id": None}, CAPTURE | {"timestamp": "soon", "event": ""}):
        assert FakeStage().post("/e", body).status_code == 422
