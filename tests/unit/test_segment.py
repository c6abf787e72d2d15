"""Segment's and RudderStack's calls in Millrace's own form: nothing lost, time corrected, key taken out."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from builders import NOW
from chalicelib.core.dialects import Incoming, Post, segment
from chalicelib.core.dialects.registry import SEGMENT
from chalicelib.errors import Problem

LIBRARY = {"library": {"name": "analytics-python", "version": "2.4.0"}}
TRACK = {
    "type": "track",
    "event": "Order Completed",
    "userId": "ann",
    "anonymousId": None,
    "messageId": "m1",
    "timestamp": "2015-05-17T10:00:00.000+00:00",
    "properties": {"total": 12.5},
    "context": LIBRARY,
    "integrations": {"All": False},
}


def read(document: Any, call: str = "batch") -> Post:
    return called(json.dumps(document).encode(), call)


def called(body: bytes, call: str) -> Post:
    return segment.read(SEGMENT.opened(Incoming(body, {}, {}, NOW, {"call": call})))


def fields(message: Any, **envelope: Any) -> dict[str, Any]:
    return dict(read({"batch": [message], **envelope}).events[0].fields)


def test_a_track_of_a_batch_becomes_an_event_of_its_name_and_loses_nothing() -> None:
    sent_at = "2015-05-17T10:29:59.500Z"
    post = read({"batch": [TRACK], "sentAt": sent_at, "writeKey": "key"})
    (event,) = post.events
    assert post.key == "key"
    assert event.fields == {
        "event_type": "Order Completed",
        "event_id": "m1",
        "user_id": "ann",
        "anonymous_id": None,
        "timestamp": "2015-05-17T10:00:00.000+00:00",
        "properties": {"total": 12.5},
        "context": {
            **LIBRARY,
            "segment": {"integrations": {"All": False}, "originalTimestamp": TRACK["timestamp"]},
        },
    }
    assert post.shared == {"batch": {"sentAt": sent_at}}
    assert event.user_may_change
    assert event.sent is not None


@pytest.mark.parametrize(
    ("call", "sent", "properties"),
    [
        ("identify", {"traits": {"plan": "big"}}, {"plan": "big"}),
        ("identify", {"context": {"traits": {"plan": "big"}}}, {"plan": "big"}),
        ("group", {"groupId": "acme", "traits": {"size": 3}}, {"groupId": "acme", "size": 3}),
        ("page", {"name": "Home", "category": "docs", "properties": {"url": "/"}},
         {"name": "Home", "category": "docs", "url": "/"}),
        ("screen", {"name": "Start"}, {"name": "Start"}),
        ("alias", {"previousId": "anon"}, {"previousId": "anon"}),
    ],
)  # fmt: skip
def test_another_call_is_its_own_type_and_what_it_says_joins_the_properties(
    call: str, sent: dict[str, Any], properties: dict[str, Any]
) -> None:
    event = fields({"type": call, "userId": "ann", **sent})
    assert (event["event_type"], event["properties"]) == (call, properties)


def test_what_cannot_join_the_properties_stays_beside_them() -> None:
    event = fields({"type": "page", "name": "Home", "properties": {"name": "Other"}})
    assert event["properties"] == {"name": "Other"}
    assert event["context"]["segment"]["name"] == "Home"
    event = fields(TRACK | {"name": "n", "traits": {"plan": "big"}, "context": {"segment": "mine"}})
    assert event["context"] == {
        "segment": "mine",
        "segment_": {
            "name": "n",
            "traits": {"plan": "big"},
            "integrations": {"All": False},
            "originalTimestamp": TRACK["timestamp"],
        },
    }


def test_what_the_envelope_says_is_read_once_for_all_events() -> None:
    context, track = {"ip": "?", "locale": "de"}, {"type": "track", "context": {"ip": "192.0.2.1"}}
    post = read({"batch": [track, {"type": "track"}], "context": context, "integrations": 1})
    assert post.shared == {"context": context, "batch": {"integrations": 1}}
    assert [event.fields["context"] for event in post.events] == [{"ip": "192.0.2.1"}, {}]


@pytest.mark.parametrize(
    ("times", "timestamp", "is_corrected"),
    [
        ({"timestamp": "2015-05-17T10:00:00Z"}, "2015-05-17T10:00:00Z", True),
        ({"originalTimestamp": "2015-05-17T10:00:00Z"}, "2015-05-17T10:00:00Z", True),
        ({"timestamp": "2015-05-17T10:00:00Z", "originalTimestamp": "2015-05-17T11:00:00Z"},
         "2015-05-17T10:00:00Z", False),
        ({"timestamp": "2015-05-17T10:00:00"}, "2015-05-17T10:00:00Z", True),
        ({"timestamp": "2015-05-17"}, "2015-05-17T00:00:00Z", True),
        ({}, None, True),
    ],
)  # fmt: skip
def test_the_clients_clock_is_corrected_only_for_a_time_that_it_gave(
    times: dict[str, str], timestamp: str | None, is_corrected: bool
) -> None:
    (event,) = read({"batch": [{"type": "track", **times}], "sentAt": "2015-05-17T10:20:00Z"}).events
    assert event.fields["timestamp"] == timestamp
    assert (event.sent is not None) == is_corrected


@pytest.mark.parametrize("sent_at", [None, "", "now", 5e20, {}])
def test_a_time_of_sending_that_is_none_corrects_nothing(sent_at: Any) -> None:
    (event,) = read({"batch": [TRACK], "sentAt": sent_at}).events
    assert event.sent is None


@pytest.mark.parametrize(("name", "none"), [("userId", None), ("userId", ""), ("anonymousId", ""), ("messageId", "")])
def test_what_libraries_send_for_no_id_is_none(name: str, none: Any) -> None:
    event = fields(TRACK | {name: none})
    assert event[{"userId": "user_id", "anonymousId": "anonymous_id", "messageId": "event_id"}[name]] is None


def test_phps_empty_arrays_are_empty_objects() -> None:
    event = fields({"type": "track", "properties": [], "context": [], "traits": []})
    assert (event["properties"], event["context"]) == ({}, {})


@pytest.mark.parametrize(
    "call", ["track", "t", "identify", "i", "page", "p", "screen", "s", "group", "g", "alias", "a"]
)
def test_a_call_alone_says_its_type_in_the_path(call: str) -> None:
    post = read({"event": "E", "userId": "ann", "writeKey": "key", "sentAt": "2015-05-17T10:20:00Z"}, call)
    (event,) = post.events
    assert event.fields["event_type"] == ("E" if call[0] == "t" else segment.CALLS[call[0]])
    assert post.keys == ["key"]
    assert "key" not in str(event.fields.values())


@pytest.mark.parametrize("call", ["batch", "b", "import"])
def test_a_batch_may_be_gzip_and_hold_what_is_no_event(call: str) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK, "no", None]}).encode())
    events = called(body, call).events
    assert [event.fields for event in events[1:]] == ["no", None]


@pytest.mark.parametrize("document", [{}, [], "text", None, {"batch": {}}, {"batch": 5}, {"batch": []}])
def test_a_body_without_a_batch_is_refused(document: Any) -> None:
    with pytest.raises(Problem, match="holds no events"):
        read(document)


@pytest.mark.parametrize("body", [b"", b"no", b"data=", b"\x1f\x8b", b"[" * 9999, b"\xff"])
@pytest.mark.parametrize("call", ["batch", "track"])
def test_a_body_that_cannot_be_read_is_refused(call: str, body: bytes) -> None:
    with pytest.raises(Problem):
        called(body, call)


def test_too_many_events_and_an_unknown_call_are_refused() -> None:
    with pytest.raises(Problem) as caught:
        read({"batch": [0] * 2501})
    assert caught.value.code == "too_many_events"
    with pytest.raises(Problem) as caught:
        read({}, "metrics")
    assert caught.value.code == "no_such_call"
