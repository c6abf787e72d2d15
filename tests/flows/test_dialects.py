"""Dialects through the HTTP side on fakes: which one reads a request, where its key is, what is answered."""

from __future__ import annotations

import pytest

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


def test_a_question_is_answered_by_the_dialects_own_module() -> None:
    response = stage_of(is_open=True).request("GET", "/made-up/7", host="in.example.com", x_forwarded_proto="https")
    assert response.json_body == {"version": "7", "send_to": "https://in.example.com"}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
