"""Dialects through the HTTP side on fakes: which one reads a request, where its key is, what is answered."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import quote

import pytest

import made_up_dialect
from chalicelib.core import limits
from chalicelib.core.dialects.registry import POSTHOG
from fake_stage import FakeStage
from made_up_dialect import MADE_UP

DIALECTS = (MADE_UP, POSTHOG)  # both are spoken at /track
MADE_UP_BODY = {"who": "ann", "did": ["open", "close"]}
POSTHOG_BODY = {"event": "clicked", "distinct_id": "ann", "uuid": "u1"}


def stage_of(*, is_open: bool) -> FakeStage:
    return FakeStage(is_open, DIALECTS)


def test_dialects_of_one_path_are_told_apart_by_their_rules() -> None:
    stage = stage_of(is_open=True)
    first, second = stage.post("/track", MADE_UP_BODY, x_made_up="1"), stage.post("/track", POSTHOG_BODY)
    assert (first.json_body["accepted"], first.json_body["thanks"]) == (2, "a lot")
    assert "status" not in first.json_body
    assert (second.json_body["accepted"], second.json_body["status"]) == (1, 1)
    assert "thanks" not in second.json_body
    assert [event.event_type for _, event in stage.queued()] == ["open", "close", "clicked"]


@pytest.mark.parametrize("place", ["header", "authorization", "query", "body"])
def test_a_key_is_found_where_the_dialect_has_it(place: str) -> None:
    stage = stage_of(is_open=False)
    key = stage.key("acme")
    headers = {"header": {"x_made_up_key": key}, "authorization": {"authorization": f"Bearer {key}"}}
    target = f"/track?k={key}" if place == "query" else "/track"
    body = MADE_UP_BODY | ({"secret": key} if place == "body" else {})
    response = stage.post(target, body, x_made_up="1", **headers.get(place, {}))
    assert response.json_body["accepted"] == 2
    assert [project for project, _ in stage.queued()] == ["acme", "acme"]


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_key_in_a_place_of_another_dialect_is_none(place: str) -> None:
    stage = stage_of(is_open=False)
    key = stage.key("acme")
    target, headers = ("/track?k=", {"x_made_up_key": key}) if place == "header" else (f"/track?k={key}", {})
    response = stage.post(target, POSTHOG_BODY, **headers)
    assert (response.status_code, response.json_body["code"]) == (401, "no_key")
    assert stage.queue.bodies == []


def test_a_closed_stage_does_not_say_what_is_wrong_to_those_without_a_key() -> None:
    for is_open, status, code in ((True, 400, "not_json"), (False, 401, "no_key")):
        response = stage_of(is_open=is_open).post("/track", b"no", x_made_up="1")
        assert (response.status_code, response.json_body["code"]) == (status, code)
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def made_up_body(*keys: str) -> bytes:
    return json.dumps(MADE_UP_BODY | {"secret": keys[0], "others": keys[1:]}).encode()


def unknown_key(number: int) -> str:
    return f"mw_{number:012x}_{number:040x}"


@pytest.mark.parametrize(
    "body",
    [b"no", b"{}", b"[" * 100_000, b'{"secret": "my key"}', made_up_body("mw_1"), made_up_body(unknown_key(9))],
    ids=lambda body: body[:20],
)
def test_a_closed_stage_reads_nothing_before_it_has_seen_a_key(body: bytes) -> None:
    made_up_dialect.read_bodies.clear()
    for sent in (body, gzip.compress(body)):
        response = stage_of(is_open=False).post("/track", sent, x_made_up="1")
        assert response.status_code == 401
    assert made_up_dialect.read_bodies == []


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b" " * (limits.MAX_BODY_BYTES + 1), 413, "body_too_large"),
        (gzip.compress(b" " * (limits.MAX_INFLATED_BYTES + 1)), 413, "body_too_large"),
        (gzip.compress(b"{}")[:-1], 400, "bad_gzip"),
        (b"\xff", 400, "not_utf8"),
    ],
    ids=["large", "inflates", "cut", "bytes"],
)
def test_a_bad_size_gzip_or_encoding_is_told_to_anybody(is_open: bool, body: bytes, status: int, code: str) -> None:
    for headers in ({}, {"authorization": f"Bearer {unknown_key(9)}"}):
        response = stage_of(is_open=is_open).post("/track", body, x_made_up="1", **headers)
        assert (response.status_code, response.json_body["code"]) == (status, code)


def test_a_key_somewhere_in_a_body_lets_in_and_the_key_in_its_place_decides() -> None:
    stage = stage_of(is_open=False)
    key = stage.key("acme")
    for misplaced in (json.dumps(MADE_UP_BODY | {"note": key}).encode(), made_up_body(unknown_key(9), key)):
        response = stage.post("/track", misplaced, x_made_up="1")
        assert (response.status_code, response.json_body["code"]) in ((401, "no_key"), (401, "bad_key"))
    assert stage.queue.bodies == []


def test_three_texts_of_a_body_that_look_like_keys_are_tried() -> None:
    for unknown, accepted in ((2, True), (3, False)):
        stage = stage_of(is_open=False)
        others = ", ".join(f'"{unknown_key(number)}"' for number in range(9, unknown + 9) for _ in range(2))
        body = f'{{"who": "ann", "did": ["open"], "others": [{others}], "secret": "{stage.key("acme")}"}}'.encode()
        assert (stage.post("/track", body, x_made_up="1").status_code == 200) is accepted


def test_the_scan_finds_a_key_in_every_packing_of_a_dialect() -> None:
    stage = stage_of(is_open=False)
    document = json.dumps({"api_key": stage.key("acme"), "batch": [POSTHOG_BODY]}).encode()
    coded = base64.b64encode(document)
    wrapped = json.dumps({"data": coded.decode()}).encode()
    for body in (document, coded, b"data=" + quote(coded).encode(), b"data=" + quote(document).encode(), wrapped):
        for packed in (body, gzip.compress(body)):
            assert stage.post("/track", packed).status_code == 200


def test_a_question_is_answered_by_the_dialects_own_module() -> None:
    response = stage_of(is_open=True).request("GET", "/made-up/7", host="in.example.com", x_forwarded_proto="https")
    assert response.json_body == {"version": "7", "send_to": "https://in.example.com"}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
