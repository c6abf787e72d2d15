"""The routes of client libraries: what they answer, to browsers too, and whatever is sent to them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from handlers.api_client import Api

TRACK = {"type": "track", "event": "clicked", "userId": "ann", "messageId": "m1"}
CAPTURE = {"event": "clicked", "distinct_id": "ann", "uuid": "u1"}
SENT = [
    *[(f"/v1/{call}", {"batch": [TRACK]}) for call in ("batch", "b", "import")],
    *[(f"/v1/{call}", TRACK) for call in ("track", "t", "identify", "i", "page", "p", "screen", "s", "group", "g")],
    *[(path, {"batch": [CAPTURE]}) for path in ("/batch", "/batch/", "/capture/", "/e/", "/track/", "/i/v0/e/")],
]


def post(api: Api, path: str, document: Any, **headers: str) -> Any:
    return api.request("POST", path.rstrip("/"), json.dumps(document).encode(), **headers)


@pytest.mark.parametrize(("path", "document"), SENT)
def test_a_library_is_answered_200_with_our_verdicts_and_what_it_expects(api: Api, path: str, document: Any) -> None:
    response = post(api, path, document)
    answer = response.json_body
    assert response.status_code == 200
    assert (answer["accepted"], [event["status"] for event in answer["events"]]) == (1, ["accepted"])
    assert answer["success" if path.startswith("/v1/") else "status"] in (True, 1)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/json", ""],
)
def test_gzip_is_read_under_whatever_content_type_libraries_send_it(api: Api, content_type: str) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())
    headers = {"content_type": content_type} if content_type else {}
    assert api.request("POST", "/v1/batch", body, **headers).status_code == 200


def test_a_mixed_batch_answers_200_and_one_all_rejected_422(api: Api) -> None:
    mixed = post(api, "/v1/batch", {"batch": [TRACK, {"type": "track"}, 5]})
    assert (mixed.status_code, [event["status"] for event in mixed.json_body["events"]]) == (
        200,
        ["accepted", "rejected", "rejected"],
    )
    assert post(api, "/v1/batch", {"batch": [5]}).status_code == 422


@pytest.mark.parametrize("path", ["/batch", "/e"])
def test_an_event_with_an_offset_and_no_timestamp_is_stored_beside_its_neighbours(api: Api, path: str) -> None:
    good = CAPTURE | {"timestamp": "2024-01-01T00:00:00Z"}
    answer = post(api, path, {"batch": [good, CAPTURE | {"uuid": "u2", "properties": {}, "offset": 1000}]})
    assert (answer.status_code, answer.json_body["accepted"]) == (200, 2)


@pytest.mark.parametrize("body", [b"no", b"{}", b"data="])
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track", "/v1/nothing", "/batch", "/e"])
def test_what_cannot_be_read_is_refused_with_all_that_libraries_look_for(api: Api, path: str, body: bytes) -> None:
    response = api.request("POST", path, body)
    assert response.status_code in (400, 404, 422)
    assert {"code", "message", "detail"} <= set(response.json_body)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_pixel_is_a_gif_of_text_that_nothing_keeps(api: Api) -> None:
    good, bad = api.get("/pixel.gif", event_type="opened", user_id="ann"), api.get("/pixel.gif", event_type="opened")
    for response in (good, bad):
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "image/gif"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.body.startswith(b"GIF89a")
        assert response.body.isascii()
    assert "Millrace-Rejected" not in good.headers
    assert bad.headers["Millrace-Rejected"] == "missing_field"
    assert len(api.take_messages()) == 1


def test_the_pixel_is_an_image_when_the_store_fails_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "gone")
    monkeypatch.setenv("OPEN_STAGE", "false")
    response = api.get("/pixel.gif", event_type="opened", user_id="ann", key="mw_0123456789ab_" + "0" * 40)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/gif")
    assert response.headers["Millrace-Rejected"] == "store_unavailable"


def test_a_closed_stage_shows_the_pixel_and_takes_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPEN_STAGE", "false")
    response = api.get("/pixel.gif", event_type="opened", user_id="ann")
    assert (response.status_code, response.headers["Millrace-Rejected"]) == (200, "no_key")
    assert api.take_messages() == []


def test_segments_browser_library_is_told_where_to_send(api: Api) -> None:
    answer = api.request("GET", "/v1/projects/key/settings", host="in.example.com", x_forwarded_proto="https").json_body
    assert answer["integrations"]["Segment.io"]["apiKey"] == "key"
    assert answer["integrations"]["Segment.io"]["protocol"] == "https"
    assert answer["integrations"]["Segment.io"]["apiHost"].startswith("in.example.com")


def test_a_retry_is_known_whatever_time_and_user_it_carries(api: Api) -> None:
    first = TRACK | {"messageId": "m2", "userId": None, "anonymousId": "anon", "timestamp": "2015-05-17T10:00:00Z"}
    [sent] = post(api, "/v1/t", first | {"sentAt": "2015-05-17T10:00:01Z"}).json_body["events"]
    api.process()
    [again] = post(api, "/v1/t", first | {"userId": "ann", "sentAt": "2015-05-17T10:07:00Z"}).json_body["events"]
    api.process()
    assert again["key"] == sent["key"]
    stored = api.get(f"/events/{sent['key']}").json_body
    assert stored["event_id"] == "m2"
    assert api.get("/events", user_id="ann", event_type="clicked").json_body["events"] == []


def test_a_clock_that_is_wrong_is_corrected_and_one_that_is_right_is_left_alone(api: Api) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    for ahead, corrected in ((timedelta(0), timedelta(0)), (timedelta(days=400), timedelta(days=400))):
        clock = now + ahead
        event = TRACK | {"messageId": str(ahead), "timestamp": (clock - timedelta(minutes=10)).isoformat()}
        [verdict] = post(api, "/v1/t", event | {"sentAt": clock.isoformat()}).json_body["events"]
        api.process()
        stored = api.get(f"/events/{verdict['key']}").json_body
        off = abs(datetime.fromisoformat(stored["timestamp"]) - (clock - timedelta(minutes=10) - corrected))
        assert off < timedelta(minutes=1)
        assert stored["context"]["segment"]["originalTimestamp"] == event["timestamp"]


def test_half_of_a_surrogate_pair_in_a_posthog_body_is_refused(api: Api) -> None:
    answer = api.request("POST", "/e", b'{"data": "\\ud800"}')
    assert (answer.status_code, answer.json_body["code"]) == (400, "not_utf8")


def test_a_context_that_a_whole_batch_shares_is_not_copied_without_bounds(api: Api) -> None:
    tracks = [{"type": "track", "event": "e", "userId": "u", "messageId": str(number)} for number in range(1000)]
    answer = api.request("POST", "/v1/batch", json.dumps({"batch": tracks, "context": {"a": "x" * 30_000}}).encode())
    assert (answer.status_code, answer.json_body["code"]) == (413, "body_too_large")
    assert api.take_messages() == []
