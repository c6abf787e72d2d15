"""PostHog's capture calls in Millrace's own form: every packing, every place for keys and times."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from builders import NOW
from chalicelib.core.dialects import Incoming, Post, posthog
from chalicelib.core.dialects.registry import POSTHOG
from chalicelib.errors import Problem

AT = "2015-05-17T10:00:00Z"
SENT = "2015-05-17T10:20:00Z"
FORM = b"data=" + b"a" * 50
EVENT = {
    "event": "clicked",
    "distinct_id": "ann",
    "uuid": "u-1",
    "timestamp": AT,
    "properties": {"$lib": "web", "a": 1},
}
UNTIMED = {name: value for name, value in EVENT.items() if name != "timestamp"}
BATCH = {"api_key": "key", "batch": [EVENT], "sent_at": SENT}


def read_body(body: bytes, **query: str) -> Post:
    return posthog.read(POSTHOG.opened(Incoming(body, {}, query, NOW)))


def read(document: Any, **query: str) -> Post:
    return read_body(json.dumps(document).encode(), **query)


def fields(**more: Any) -> dict[str, Any]:
    return dict(read({"batch": [EVENT | more]}).events[0].fields)


def test_an_event_of_a_batch_keeps_everything_but_the_key() -> None:
    post = read({"api_key": "key", "batch": [EVENT | {"$set": {"plan": "big"}, "type": "capture"}], "sent_at": SENT})
    (event,) = post.events
    assert post.key == "key"
    assert event.fields == {
        "event_type": "clicked",
        "event_id": "u-1",
        "user_id": "ann",
        "anonymous_id": None,
        "timestamp": AT,
        "properties": {"$lib": "web", "a": 1, "$set": {"plan": "big"}},
        "context": {"posthog": {"type": "capture", "timestamp": AT}},
    }
    assert post.shared == {"batch": {"sent_at": SENT}}
    assert (event.user_may_change, event.counts_from_receipt) == (False, False)
    assert event.sent == datetime(2015, 5, 17, 10, 20, tzinfo=UTC)


def packed(document: Any) -> dict[str, bytes]:
    plain = json.dumps(document).encode()
    coded = base64.b64encode(plain)
    return {
        "plain": plain,
        "gzip": gzip.compress(plain),
        "base64": coded,
        "form": b"data=" + quote(coded).encode(),
        "form with bare plus signs": b"data=" + coded,
        "form of JSON": b"data=" + quote(plain).encode(),
        "data": json.dumps({"data": coded.decode()}).encode(),
        "data with escaped slashes": json.dumps({"data": coded.decode()}).replace("/", "\\/").encode(),
    }


@pytest.mark.parametrize("packing", packed(None))
def test_every_packing_of_a_body_is_read(packing: str) -> None:
    document = {"api_key": "key", "batch": [EVENT | {"properties": {"text": "~~~???>>>Zoë"}}], "sent_at": SENT}
    assert read_body(packed(document)[packing]) == read(document)


KEY = "mw_" + "0" * 12 + "_" + "0" * 40


@pytest.mark.parametrize("document", [EVENT | {"api_key": KEY}, [EVENT | {"properties": {"token": KEY}}]])
def test_one_event_and_an_array_are_read_and_the_key_is_found_in_the_event(document: Any) -> None:
    post = read(document)
    assert (len(post.events), post.keys) == (1, [KEY])
    assert KEY not in str(post.events[0].fields)


def test_a_token_that_the_envelope_names_as_the_key_is_the_key() -> None:
    (event,) = read({"api_key": "phc_1", "batch": [EVENT | {"properties": {"token": "phc_1"}}]}).events
    assert event.fields["properties"] == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((body, "not_json") for body in (b"", b"data=", b"data=%ff", b"{}}", b"data=" + b"a" * 50)),
        (b"nope", "not_utf8"),  # as base64
        (base64.b64encode(b'{"\xff"}'), "not_utf8"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read_body(body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("properties", "user", "anonymous"),
    [
        ({"distinct_id": "bob"}, "ann", None),
        ({"$device_id": "device"}, "ann", "device"),
        ({"$anon_distinct_id": "anon", "$device_id": "device"}, "ann", "anon"),
        ({"$device_id": "ann"}, "ann", None),
        ({"$is_identified": False, "$device_id": "ann"}, None, "ann"),
    ],
)
def test_the_distinct_id_is_the_user_unless_the_library_says_that_it_is_anonymous(
    properties: dict[str, Any], user: str | None, anonymous: str | None
) -> None:
    event = fields(properties=properties)
    assert (event["user_id"], event["anonymous_id"]) == (user, anonymous)


def test_a_distinct_id_may_be_among_the_properties() -> None:
    assert fields(distinct_id=None, properties={"distinct_id": 7})["user_id"] == 7


@pytest.mark.parametrize(
    ("document", "query", "sent"),
    [
        (BATCH, {}, SENT),
        (BATCH | {"sent_at": None}, {"_": "1431858000000"}, SENT),
        (BATCH | {"sent_at": None}, {"_": "soon"}, None),
        (BATCH | {"historical_migration": True}, {}, None),
        (BATCH | {"batch": [EVENT | {"properties": {"$ignore_sent_at": True}}]}, {}, None),
    ],
)
def test_when_it_was_sent_is_known_from_the_envelope_or_the_query(
    document: Any, query: dict[str, str], sent: str | None
) -> None:
    (event,) = read(document, **query).events
    assert event.sent == (datetime.fromisoformat(sent) if sent else None)
    assert event.fields["timestamp"] == AT


def test_an_offset_counts_back_from_the_received_time() -> None:
    (event,) = read(UNTIMED | {"offset": 90_000}).events
    assert datetime.fromisoformat(event.fields["timestamp"]) == NOW - timedelta(seconds=90)
    assert event.counts_from_receipt


def test_an_event_with_an_offset_has_the_time_at_which_the_browser_captured_it_also_in_a_retry() -> None:
    captured = NOW - timedelta(seconds=63)
    properties = {"$time": captured.timestamp()}
    (event,) = read(UNTIMED | {"offset": 3000, "properties": properties}).events
    assert datetime.fromisoformat(event.fields["timestamp"]) == captured
    assert (event.sent, event.counts_from_receipt) == (captured + timedelta(seconds=3), False)


NO_CAPTURE: list[Any] = [0, True, "1431858600", float("nan"), 1e300, -1e300, None, []]


@pytest.mark.parametrize(
    "properties",
    [
        {"$time": (NOW - timedelta(seconds=60)).timestamp(), "$event_time_override_provided": True},
        *({"$time": said} for said in NO_CAPTURE),
        {"$time": (NOW + timedelta(days=8)).timestamp()},
    ],
)
def test_an_offset_counts_where_the_time_of_capture_was_set_by_hand_or_is_none(properties: dict[str, Any]) -> None:
    (event,) = read(UNTIMED | {"offset": 90_000, "properties": properties}).events
    assert datetime.fromisoformat(event.fields["timestamp"]) == NOW - timedelta(seconds=90)
    assert event.counts_from_receipt


@pytest.mark.parametrize("offset", [-1000, 2e8])
def test_the_time_of_capture_counts_only_with_an_offset_of_a_live_event(offset: float) -> None:
    (event,) = read(UNTIMED | {"offset": offset, "properties": {"$time": NOW.timestamp()}}).events
    assert event.counts_from_receipt


@pytest.mark.parametrize("offset", [1e300, True, "5", None])
def test_an_offset_that_is_none_leaves_the_received_time(offset: Any) -> None:
    (event,) = read(UNTIMED | {"offset": offset}).events
    assert (event.fields["timestamp"], event.sent, event.counts_from_receipt) == (None, None, False)


def test_the_script_of_extras_says_what_the_question_for_them_is_answered() -> None:
    asked = Incoming(b"", {}, {}, NOW, path={"key": "mw_1"})
    name, _, value = posthog.extras_script(asked).partition(" = ")
    assert name == "window._POSTHOG_REMOTE_CONFIG"
    assert json.loads(value) == {"mw_1": {"config": posthog.extras(asked), "siteApps": []}}
