"""Whatever a sender writes, in whatever dialect and place, is in the stored event, or the event is refused by name."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import HTTPResponse
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.dialects import segment
from chalicelib.core.dialects.registry import DIALECTS, PIXEL, POSTHOG
from fake_stage import FakeStage
from recorded import leaves

# What dialects look for by name, so that arbitrary fields often are among these; but the keys, which are not kept.
NAMES = sorted(
    {
        *("event_type", "user_id", "anonymous_id", "event_id", "timestamp", "properties", "context", "events", "batch"),
        *(
            "type",
            "event",
            "userId",
            "anonymousId",
            "messageId",
            "traits",
            "integrations",
            "sentAt",
            "originalTimestamp",
        ),
        *("name", "category", "groupId", "previousId", "channel", "token", "distinct_id", "uuid", "$set", "$set_once"),
        *("sent_at", "historical_migration", "offset", "$insert_id", "$device_id", "$anon_distinct_id", "segment"),
        *("posthog", "cloudevent", "specversion", "id", "source", "subject", "time", "data", "data_base64", "userid"),
        *("anonymousid", "datacontenttype", "datacontentencoding", "ip", "form", "$is_identified", "$ignore_sent_at"),
    }
)
KEYS = {name for dialect in DIALECTS for name in (*dialect.key_in_body, *dialect.key_in_query)}
names = st.sampled_from(NAMES) | st.text("abz_$", min_size=1, max_size=4)
# Each value that can be told from others is replaced by one that is nowhere else.
values = st.recursive(
    st.sampled_from([None, "", "text", "text", 1, 1.5, True, False]),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(names, child, max_size=3),
    max_leaves=6,
)
some_fields = st.dictionaries(names, values, max_size=6)


def told_apart(value: Any, numbers: Iterator[int]) -> Any:
    """The same, with a value of its own for each text and number."""
    if isinstance(value, dict):
        return {name: told_apart(child, numbers) for name, child in value.items() if name not in KEYS}
    if isinstance(value, list):
        return [told_apart(child, numbers) for child in value]
    if value == "text":
        return f"v{next(numbers)}"
    return (
        type(value)(next(numbers) + (0.25 if isinstance(value, float) else 0)) if type(value) in (int, float) else value
    )


#: Each place of arbitrary fields: where they go, and the request that has them in an event and beside the events.
CALLS: dict[str, tuple[str, Any]] = {
    "own event": ("/events", lambda event, _: event),
    "own array": ("/events", lambda event, _: [event]),
    "own envelope": ("/events", lambda event, beside: {**beside, "events": [event]}),
    "CloudEvent in an own envelope": ("/events", lambda event, beside: {**beside, "events": [event]}),
    "CloudEvent": ("/events", lambda event, _: event),
    "CloudEvent 0.3": ("/events", lambda event, _: event),
    "segment batch": ("/v1/batch", lambda event, beside: {**beside, "batch": [event]}),
    **{f"segment {call}": (f"/v1/{call}", lambda event, _: event) for call in segment.CALLS.values()},
    **{
        f"segment {call} in a batch": ("/v1/import", lambda event, beside: {**beside, "batch": [event]})
        for call in segment.CALLS.values()
    },
    "posthog batch": ("/batch", lambda event, beside: {**beside, "batch": [event]}),
    "posthog v1": ("/i/v1/analytics/events", lambda event, beside: {**beside, "batch": [event]}),
    "posthog event": ("/e", lambda event, _: event),
    "posthog array": ("/i/v0/e", lambda event, _: [event]),
    "posthog data": ("/capture", lambda event, beside: {**beside, "data": packed(event)}),
    "posthog batch in data": (
        "/capture",
        lambda event, beside: {**beside, "data": packed({"batch": [event], **beside})},
    ),
    "posthog form": ("/track", lambda event, beside: urlencode({"data": packed(event), **as_texts(beside)}).encode()),
}


FIXED = ("type", "specversion")  # what must be as it is
# What makes a document another one: in an event by its dialect, and beside events.
OTHER_DOCUMENTS = {"own": ["events"], "CloudEvent": ["events"], "segment": [], "posthog": ["batch", "data"]}
NOT_BESIDE = ("events", "batch", "data", "event", "event_type")
STAGE = FakeStage()  # for the property, which needs no new one for each example


def packed(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def as_texts(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if isinstance(value, str | int | float) and value != ""}


def beside_of(call: str, fields: dict[str, Any]) -> dict[str, Any]:
    return as_texts(fields) if call.endswith("form") else fields


def needed(call: str) -> dict[str, Any]:
    """What an event of a call must have."""
    if call.startswith("CloudEvent"):
        return {"specversion": "0.3" if call.endswith("0.3") else "1.0", "id": "i", "source": "/s", "type": "t"}
    if call.startswith("segment"):
        named = call.split()[1]
        return {"type": "custom" if named == "batch" else named, "event": "did", "userId": "ann"}
    return (
        {"event": "did", "distinct_id": "ann"} if call.startswith("posthog") else {"event_type": "t", "user_id": "ann"}
    )


def kept(stage: FakeStage) -> list[str]:
    return [leaf for _, event in stage.queued() for leaf in leaves(event.to_json())]


def is_refused_by_name(answer: HTTPResponse) -> bool:
    if answer.status_code == 422:
        (verdict,) = answer.json_body["events"]
        return bool(verdict["code"] and verdict["message"])
    return answer.status_code == 400 and bool(answer.json_body["message"])


@pytest.mark.parametrize("call", CALLS)
@given(st.data())
def test_every_value_of_a_request_is_kept_or_its_event_is_refused_by_name(call: str, data: st.DataObject) -> None:
    numbers = count(1_000_001)
    event, beside = (told_apart(data.draw(some_fields), numbers) for _ in range(2))
    event = needed(call) | event | {name: needed(call)[name] for name in FIXED if name in needed(call)}
    event = {name: value for name, value in event.items() if name not in OTHER_DOCUMENTS[call.split(maxsplit=1)[0]]}
    beside = {name: value for name, value in beside.items() if name not in NOT_BESIDE}
    path, body_of = CALLS[call]
    STAGE.queue.bodies.clear()
    answer = STAGE.post(path, body_of(event, beside))
    if answer.status_code != 200:
        assert is_refused_by_name(answer), answer.body
        return
    sent = leaves(event) if body_of(event, {"x": 1}) == body_of(event, {}) else leaves([event, beside_of(call, beside)])
    if call.startswith(("own", "CloudEvent")):
        # A time is kept as the moment that it is.
        sent = [leaf for leaf in sent if leaf not in {str(event.get("timestamp")), str(event.get("time"))}]
    assert set(sent) <= {*kept(STAGE), "track"}


def test_every_dialect_is_tried() -> None:
    tried = [path for path, _ in CALLS.values()]
    patterns = {dialect.name: re.sub("{.*?}", "[^/]+", "|".join(dialect.paths)) for dialect in DIALECTS}
    assert {name for name, at in patterns.items() if not any(re.fullmatch(at, path) for path in tried)} == {PIXEL.name}


def test_what_the_test_sends_is_often_accepted() -> None:
    stage = FakeStage()
    for call, (path, body_of) in CALLS.items():
        assert stage.post(path, body_of(needed(call), {"extra": "x"})).status_code == 200, call


CONTEXT = {"context": {"ip": "192.0.2.1"}, "sent_at": "2015-05-17T10:00:00Z", "app": "shop"}


def test_what_stands_beside_events_in_our_own_form_is_kept_with_each() -> None:
    stage = FakeStage()
    ann, bob = {"event_type": "t", "user_id": "ann", "context": {"batch": 1}}, {"event_type": "t", "user_id": "bob"}
    assert stage.post("/events", {"events": [ann, bob], **CONTEXT}).status_code == 200
    assert [event.context for _, event in stage.queued()] == [{"batch": 1, "batch_": CONTEXT}, {"batch": CONTEXT}]


def context_of(stage: FakeStage, path: str, body: Any) -> dict[str, Any]:
    assert stage.post(path, body).status_code == 200
    return stage.queued()[-1][1].context


@pytest.mark.parametrize("none", [None, "", [], {}])
def test_what_says_nothing_in_an_event_hides_nothing_of_its_envelope(none: Any) -> None:
    said = {"sentAt": "2015-05-17T10:29:59Z", "integrations": {"All": False}, "context": {"locale": "de"}}
    event = {"type": "page", "userId": "ann", "context": {"locale": none}, "sentAt": none, "integrations": none}
    context = context_of(FakeStage(), "/v1/batch", {"batch": [event], **said})
    said_of_all = {name: said[name] for name in ("sentAt", "integrations")}
    assert context == {"locale": "de", "segment": dict.fromkeys(said_of_all, none), "batch": said_of_all}


def test_what_an_event_says_itself_counts_and_what_its_envelope_says_is_kept_beside() -> None:
    envelope = {"sentAt": "2015-05-17T10:29:59Z", "context": {"locale": "de", "app": "a"}, "requestId": 7}
    event = {"type": "page", "userId": "ann", "context": {"locale": "fr"}, "sentAt": "2015-05-17T10:29:58Z"}
    context = context_of(FakeStage(), "/v1/batch", {"batch": [event], **envelope})
    hidden = {"requestId": 7, "sentAt": envelope["sentAt"], "context": {"locale": "de"}}
    assert context == {"locale": "fr", "app": "a", "segment": {"sentAt": event["sentAt"]}, "batch": hidden}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/track", {"event": "t", "userId": "ann", "timestamp": 0}),
        ("/e", {"event": "t", "distinct_id": "ann", "timestamp": 0}),
    ],
)
def test_the_first_second_of_1970_is_a_time(path: str, body: Any) -> None:
    stage = FakeStage()
    assert stage.post(path, body).status_code == 200
    assert stage.queued()[0][1].time == "1970-01-01T00:00:00.000000Z"


def test_three_values_of_one_name_are_three_values() -> None:
    event = {"userId": "ann", "properties": {"name": "A"}, "traits": {"name": "B"}, "name": "C", "groupId": "g"}
    stage = FakeStage()
    assert stage.post("/v1/group", event).status_code == 200
    ((_, kept_event),) = stage.queued()
    assert kept_event.properties == {"name": "A", "groupId": "g"}
    assert kept_event.context == {"segment": {"traits": {"name": "B"}, "name": "C"}}


def test_the_event_of_another_call_than_track_is_kept() -> None:
    assert context_of(FakeStage(), "/v1/screen", {"event": "Main", "userId": "ann"}) == {"segment": {"event": "Main"}}


def test_a_parameter_of_a_pixel_that_is_told_twice_is_kept_twice_or_refused() -> None:
    stage = FakeStage()
    asked = "/pixel.gif?event_type=opened&user_id=ann&tag=a&tag=b"
    assert stage.request("GET", asked).status_code == 200
    assert stage.queued()[0][1].properties == {"tag": ["a", "b"]}
    answer = stage.request("GET", asked + "&user_id=bob")
    (verdict,) = answer.json_body["events"]
    assert (verdict["code"], verdict["field"]) == ("ambiguous_field", "user_id")


def test_only_the_keys_of_a_dialect_are_not_kept() -> None:
    assert set(POSTHOG.key_in_body) == {"api_key", "token"}
