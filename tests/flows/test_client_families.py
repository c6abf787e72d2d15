"""Families of client libraries beside the first ones: their paths, their keys, and what they are answered."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from builders import NOW
from chalicelib.core import chunk, limits
from fake_stage import FakeStage

TRACK = {"type": "track", "event": "clicked", "userId": "ann", "messageId": "m1"}
CAPTURE = {"event": "clicked", "distinct_id": "ann", "uuid": "u1", "properties": {"$lib": "web"}}


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


#: Path, body and headers of each family, for a key.
FAMILIES: dict[str, Any] = {
    "RudderStack's beacon": lambda key: (f"/beacon/v1/batch?writeKey={key}", {"batch": [TRACK]}, {}),
    "Jitsu in a browser": lambda key: ("/api/s/track", TRACK, {"x_write_key": f"{key}:secret"}),
    "Jitsu on a server": lambda key: ("/api/s/s2s/track", TRACK | {"writeKey": "k:***"}, {"x_write_key": f"{key}:s"}),
    "June": lambda key: ("/sdk/batch", {"batch": [TRACK]}, {"authorization": basic(key)}),
    "Customer.io in a browser": lambda key: ("/v1/t", TRACK | {"writeKey": key}, {}),
    "PostHog's AI events": lambda key: ("/i/v0/ai/batch", {"api_key": key, "batch": [CAPTURE]}, {}),
    "PostHog's Capture v1": lambda key: (
        "/i/v1/analytics/events",
        {"batch": [CAPTURE]},
        {"authorization": f"Bearer {key}"},
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_calls_of_a_family_reach_the_project_of_its_key(family: str) -> None:
    stage = FakeStage(is_open=False)
    path, body, headers = FAMILIES[family](stage.key("shop"))
    assert stage.post(path, body, **headers).status_code == 200
    assert [(project, event.event_type) for project, event in stage.queued()] == [("shop", "clicked")]
    assert "mw_" not in str(stage.queued())


@pytest.mark.parametrize(("path", "name"), [("", "Segment.io"), ("/customerio", "Customer.io Data Pipelines")])
def test_a_browser_library_is_told_of_one_destination_and_to_count_no_calls(path: str, name: str) -> None:
    # With two, Segment's library loads more of itself from the vendor's own host.
    asked = f"{path}/v1/projects/k/settings"
    told = FakeStage().request("GET", asked, host="in.example.com", x_forwarded_proto="https")
    destination = {"apiKey": "k", "apiHost": "in.example.com/v1", "protocol": "https"}
    assert told.json_body == {"integrations": {name: destination}, "metrics": {"sampleRate": 0}}


def test_rudderstacks_browser_library_is_given_a_source_that_sends_here_alone() -> None:
    for headers in ({}, {"authorization": basic("k")}):
        answer = FakeStage().request("GET", "/sourceConfig?p=npm&v=3.34.1&writeKey=k", **headers)
        source = answer.json_body["source"]
        assert (source["writeKey"], source["enabled"], source["destinations"]) == ("k", True, [])
        assert {each["enabled"] for each in source["config"]["statsCollection"].values()} == {False}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_capture_v1_is_answered_for_each_event_by_its_uuid() -> None:
    bad = CAPTURE | {"uuid": "u2", "distinct_id": None}
    answer = FakeStage().post("/i/v1/analytics/events", {"batch": [CAPTURE, bad, 5]}).json_body
    assert answer["results"] == {
        "u1": {"result": "ok"},
        "u2": {"result": "drop", "details": "user_id or anonymous_id is required."},
    }


@pytest.mark.parametrize(("options", "hours"), [({}, 0), ({"disable_skew_correction": True}, 5)])
def test_the_clock_of_capture_v1_stands_in_a_header(options: dict[str, Any], hours: int) -> None:
    stage = FakeStage()
    clock = (NOW + timedelta(hours=5)).isoformat()
    event = CAPTURE | {"timestamp": clock, "options": options, "session_id": "s"}
    headers = {"posthog_request_timestamp": clock}
    assert stage.post("/i/v1/analytics/events", {"batch": [event]}, **headers).status_code == 200
    ((_, stored),) = stage.queued()
    assert stored.time == (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert stored.context["posthog"]["session_id"] == "s"


@pytest.mark.parametrize("name", ["sent_at", "sentAt"])
def test_a_batch_may_say_in_either_spelling_when_it_was_sent(name: str) -> None:
    stage = FakeStage()
    clock = (NOW - timedelta(hours=5)).isoformat()
    for _ in range(2):
        body = {"batch": [{"event": "e", "distinct_id": "ann", "timestamp": clock}], name: clock}
        assert stage.post("/batch", body).status_code == 200
    assert {event.time for _, event in stage.queued()} == {NOW.strftime("%Y-%m-%dT%H:%M:%S.000000Z")}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda body: zlib.compress(body, 9)])
def test_a_body_may_be_gzip_or_deflate(pack: Any) -> None:
    stage = FakeStage(is_open=False)
    body = pack(json.dumps({"api_key": stage.key("shop"), "batch": [CAPTURE]}).encode())
    assert stage.post("/batch", body).status_code == 200
    cut = stage.post("/batch", body[:-2])
    assert (cut.status_code, cut.json_body["code"]) == (400, "bad_gzip")


MIXPANEL = {"event": "e", "properties": {"token": "t", "distinct_id": "ann", "time": 1577934245.5, "mp_lib": "web"}}
BY_HAND = {"event": "e", "properties": {"token": "t", "distinct_id": "ann", "time": 1577934245, "$insert_id": "1"}}


def packings(document: Any) -> dict[str, bytes]:
    plain = json.dumps(document).encode()
    coded = base64.b64encode(plain).decode()
    return {
        "JSON": plain,
        "form of base64": urlencode({"data": coded}).encode(),
        "form of JSON": urlencode({"data": plain.decode(), "verbose": "1", "ip": "0"}).encode(),
    }


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("packing", packings(None))
@pytest.mark.parametrize("document", [MIXPANEL, [MIXPANEL, MIXPANEL], [BY_HAND]])
def test_mixpanels_calls_are_refused_where_its_libraries_look(document: Any, packing: str, is_open: bool) -> None:
    stage = FakeStage(is_open)
    answer = stage.post("/track", packings(document)[packing])
    assert (answer.status_code, answer.json_body["code"]) == (422, "library_not_taken")
    assert "Mixpanel" in answer.json_body["error"]
    assert answer.json_body["status"] != 1
    assert stage.queue.bodies == []


def test_openpanels_calls_are_refused() -> None:
    body = {"type": "track", "payload": {"name": "e", "properties": {}}}
    answer = FakeStage().post("/track", body, openpanel_client_id="c", openpanel_client_secret="s")
    assert (answer.status_code, answer.json_body["code"]) == (422, "library_not_taken")
    assert "OpenPanel" in answer.json_body["message"]


@pytest.mark.parametrize("packing", packings(None))
@pytest.mark.parametrize(
    "document",
    [
        CAPTURE,
        [CAPTURE | {"properties": {"$lib": "web", "time": 1577934245.5}}],
        {"api_key": "k", "batch": [{"event": "e", "distinct_id": "ann", "properties": {"time": 1577934245}}]},
    ],
)
def test_posthogs_calls_to_the_same_path_are_taken(document: Any, packing: str) -> None:
    assert FakeStage().post("/track", packings(document)[packing]).status_code == 200


def large(text_bytes: int) -> dict[str, Any]:
    return CAPTURE | {"event": "$exception", "properties": {"$lib": "web", "text": "é" * (text_bytes // 2)}}


def test_a_posthog_event_may_be_four_times_as_large_as_others() -> None:
    stage = FakeStage()
    allowed = limits.MAX_POSTHOG_EVENT_BYTES - 400
    answer = stage.post("/batch", {"batch": [large(allowed), large(allowed + 800) | {"uuid": "u2"}]})
    assert [event.get("code") for event in answer.json_body["events"]] == [None, "too_large"]
    assert max(map(len, stage.queue.bodies)) <= limits.MAX_QUEUE_MESSAGE_BYTES
    assert chunk.decode(stage.queue.bodies[0]).events[0].properties["text"] == "é" * (allowed // 2)
    stage.process()
    assert sum(stage.world.counted().values()) == 1


def test_a_project_may_take_smaller_events_alone() -> None:
    stage = FakeStage()
    key = stage.key("small", max_event_bytes=10_000)
    for path, name in (("/batch", "batch"), ("/events", "events")):
        events = [large(size) | {"uuid": str(size), "event_type": "e", "user_id": "ann"} for size in (9_000, 11_000)]
        if path == "/batch":
            events = [large(size) | {"uuid": str(size)} for size in (9_000, 11_000)]
        answer = stage.post(path, {name: events, "api_key": key}, x_write_key=key).json_body
        assert [event.get("code") for event in answer["events"]] == [None, "too_large"]
        assert "10000" in answer["events"][1]["message"]
    assert FakeStage().post("/events", {"event_type": "e", "user_id": "a", "x": "y" * 40_000}).status_code == 422
