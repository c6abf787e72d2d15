"""Dialects through the HTTP side on fakes: which one reads a request, where its key is, what is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.core import access_key, chunk
from chalicelib.core.dialects.registry import POSTHOG
from chalicelib.flows.access import Access
from chalicelib.http import answers, ingestion
from chalicelib.wiring import Pipeline
from fakes import FakeMeter, FakeProjectStore, FakeQueue
from made_up_dialect import MADE_UP

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)
DIALECTS = (MADE_UP, POSTHOG)  # both are spoken at /track
MADE_UP_BODY = {"who": "ann", "did": ["open", "close"]}
POSTHOG_BODY = {"event": "clicked", "distinct_id": "ann", "uuid": "u1"}


@dataclass
class FakeStage:
    """What ingestion needs of a stage, with one write key; `is_open`: that needs none."""

    is_open: bool = True
    queue: FakeQueue = field(default_factory=FakeQueue)
    meter: FakeMeter = field(default_factory=FakeMeter)
    quota: None = None
    rejections: None = None

    def __post_init__(self) -> None:
        store = FakeProjectStore()
        self.key, kept = access_key.mint("acme", "write", now=NOW, randomness=bytes(26))
        store.save_key(kept)
        self.access = Access(store, is_open=self.is_open)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        app = answers.Application(app_name="made-up", configure_logs=False)

        @app.route("/track", methods=["POST"], **answers.OPEN)
        def post_events() -> Any:
            return ingestion.receive(app.current_request, stage=cast(Pipeline, self), now=NOW, dialects=DIALECTS)

        @app.route("/made-up/{version}", methods=["GET"], **answers.OPEN)
        def answer_library(**_parameters: str) -> Any:
            return ingestion.answer_question(app.current_request, NOW, DIALECTS)

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client(app).http.request(method, path, headers=named, body=sent)

    def track(self, body: Any, target: str = "/track", **headers: str) -> HTTPResponse:
        return self.request("POST", target, body, **headers)

    def queued(self) -> list[str]:
        return [event.event_type for body in self.queue.bodies for event in chunk.decode(body).events]


def test_dialects_of_one_path_are_told_apart_by_their_rules() -> None:
    stage = FakeStage()
    first, second = stage.track(MADE_UP_BODY, x_made_up="1"), stage.track(POSTHOG_BODY)
    assert (first.json_body["accepted"], first.json_body["thanks"]) == (2, "a lot")
    assert "status" not in first.json_body
    assert (second.json_body["accepted"], second.json_body["status"]) == (1, 1)
    assert "thanks" not in second.json_body
    assert stage.queued() == ["open", "close", "clicked"]


@pytest.mark.parametrize("place", ["header", "authorization", "query", "body"])
def test_a_key_is_found_where_the_dialect_has_it(place: str) -> None:
    stage = FakeStage(is_open=False)
    headers = {"header": {"x_made_up_key": stage.key}, "authorization": {"authorization": f"Bearer {stage.key}"}}
    target = f"/track?k={stage.key}" if place == "query" else "/track"
    body = MADE_UP_BODY | ({"secret": stage.key} if place == "body" else {})
    response = stage.track(body, target, x_made_up="1", **headers.get(place, {}))
    assert response.json_body["accepted"] == 2
    assert chunk.decode(stage.queue.bodies[0]).project == "acme"


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_key_in_a_place_of_another_dialect_is_none(place: str) -> None:
    stage = FakeStage(is_open=False)
    target, headers = (
        ("/track?k=", {"x_made_up_key": stage.key}) if place == "header" else (f"/track?k={stage.key}", {})
    )
    response = stage.track(POSTHOG_BODY, target, **headers)
    assert (response.status_code, response.json_body["code"]) == (401, "no_key")
    assert stage.queue.bodies == []


def test_a_closed_stage_does_not_say_what_is_wrong_to_those_without_a_key() -> None:
    for is_open, status, code in ((True, 400, "not_json"), (False, 401, "no_key")):
        response = FakeStage(is_open=is_open).track(b"no", x_made_up="1")
        assert (response.status_code, response.json_body["code"]) == (status, code)
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_question_is_answered_by_the_dialects_own_module() -> None:
    response = FakeStage().request("GET", "/made-up/7", host="in.example.com", x_forwarded_proto="https")
    assert response.json_body == {"version": "7", "send_to": "https://in.example.com"}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
