"""Every error is application/problem+json (RFC 9457) and tells nothing of the inside; success is exactly 200."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chalice import CORSConfig

import app
from handlers.api_client import Api
from handlers.routes import GETS, PUBLIC, ROUTES, assert_problem, concrete

EVENT = b'{"event_type": "click", "user_id": "u1"}'


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"nope", 400, "not_json"),
        (b"\xff", 400, "not_utf8"),
        (b"[]", 400, "no_events"),
        (b"[" * 100_000, 400, "too_deep"),
        (b"\x1f\x8b", 400, "bad_gzip"),
        (b" " * (4 * 1024 * 1024 + 1), 413, "body_too_large"),
        (b"[" + b"0," * 2500 + b"0]", 413, "too_many_events"),
        (b"{}", 422, "all_rejected"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_every_refusal_of_a_body_is_a_problem(api: Api, body: bytes, status: int, code: str) -> None:
    assert_problem(api.post(body), status, code)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/events?limit=0", 400, "bad_parameter"),
        ("/events?cursor=x", 400, "bad_cursor"),
        ("/counts?from=never", 400, "bad_parameter"),
        ("/reports?grain=year", 400, "bad_parameter"),
        ("/events/x", 404, "no_such_event"),
        ("/chunks/x", 404, "no_such_chunk"),
    ],
)
def test_every_refusal_of_a_query_is_a_problem(api: Api, path: str, status: int, code: str) -> None:
    assert_problem(api.get(path), status, code)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        *((path, "DELETE") for path in app.app.routes),
        *(("/events", method) for method in ("PUT", "PATCH", "TRACE")),
        ("/counts", "POST"),
        ("/v1/{call}", "GET"),
    ],
)
def test_a_method_that_a_route_lacks_answers_405_with_those_it_has(api: Api, path: str, method: str) -> None:
    response = api.request(method, concrete(path), EVENT)
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == set(app.app.routes[path])


@pytest.mark.parametrize("path", GETS)
def test_head_answers_what_get_answers_without_the_body(api: Api, path: str) -> None:
    got, asked = api.request("GET", concrete(path)), api.request("HEAD", concrete(path))
    assert (asked.status_code, asked.body) == (got.status_code, b"")
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]


def test_head_of_a_route_without_get_answers_405_without_a_body(api: Api) -> None:
    response = api.request("HEAD", "/batch")
    assert (response.status_code, response.body) == (405, b"")


def test_head_of_the_pixel_is_no_event(api: Api) -> None:
    event = "event_type=mail_opened&user_id=ann"
    assert api.request("HEAD", f"/pixel.gif?{event}").status_code == 200
    assert api.take_messages() == []
    assert api.request("GET", f"/pixel.gif?{event}").status_code == 200
    assert len(api.take_messages()) == 1


@pytest.mark.parametrize("value", [None, "", "false", "0", "1", "yes", "open", "true "])
def test_a_stage_is_closed_unless_it_says_exactly_that_it_is_open(
    api: Api, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("OPEN_STAGE")
    else:
        monkeypatch.setenv("OPEN_STAGE", value)
    assert_problem(api.post(EVENT), 401, "no_key")
    assert api.take_messages() == []


@pytest.mark.parametrize(("path", "method"), [route for route in ROUTES if route[0] not in PUBLIC])
def test_a_closed_stage_answers_401_on_every_route(
    api: Api, path: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEN_STAGE", "false")
    for body in (EVENT, b"nope"):
        assert_problem(api.request(method, concrete(path), body), 401, "no_key")


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer ключ"}, {"authorization": "Basic \udcff"}, {"x_write_key": "é" * 9000}]
)
def test_a_key_that_no_key_can_be_answers_401(
    api: Api, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPEN_STAGE")
    response = api.post(EVENT, **headers)
    assert_problem(response, 401, json.loads(response.body)["code"])


@pytest.mark.parametrize(
    "path",
    [
        "/events",
        "/events?user_id=u1",
        "/counts",
        "/reports",
        "/events/WyIyMDE1LTA1LTE3VDEwOjAwOjAwLjAwMDAwMFoiLCJ1IiwiZSJd",
    ],
)
def test_a_store_that_fails_answers_503_and_when_to_ask_again(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE_NAME", "gone")
    response = api.request("GET", path)
    assert_problem(response, 503, "store_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_queue_that_fails_answers_503_and_when_to_send_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/gone")
    response = api.post(EVENT)
    assert_problem(response, 503, "queue_unavailable")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("name", "value"), [("TABLE_NAME", ""), ("RETENTION_DAYS", "a secret of the stage")])
def test_an_unknown_exception_answers_500_and_is_told_to_the_log_alone(
    api: Api, name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, value)
    for method, path in (("GET", "/events"), ("POST", "/events"), ("GET", "/health")):
        caplog.clear()
        response = api.request(method, path, EVENT)
        assert_problem(response, 500, "internal_error")
        assert name not in response.body.decode()
        assert "secret" not in response.body.decode()
        assert "ValueError" in caplog.text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html", "application/octet-stream"])
def test_success_is_exactly_200_and_json_whatever_the_client_accepts(api: Api, accept: str | None) -> None:
    headers: dict[str, Any] = {} if accept is None else {"accept": accept}
    posted = api.post(EVENT, **headers)
    api.process()
    [chunk_id], [verdict] = posted.json_body["chunks"], posted.json_body["events"]
    paths = ["/events", "/counts", "/reports", "/health", f"/events/{verdict['key']}", f"/chunks/{chunk_id}"]
    for response in [posted, *(api.request("GET", path, **headers) for path in paths)]:
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        assert response.headers["Cache-Control"] == "no-store"
        assert isinstance(json.loads(response.body), dict)


def test_json_is_no_binary_type() -> None:
    # API Gateway would hand it over in base64, and Chalice answer 400 to requests without an Accept header.
    assert not {"*/*", "application/*", "application/json", "application/problem+json"} & set(app.app.api.binary_types)
    assert "application/gzip" in app.app.api.binary_types


def test_debug_is_off_so_that_no_client_sees_a_traceback() -> None:
    assert app.app.debug is False


def test_no_route_allows_every_origin_to_send_credentials() -> None:
    for path, method in ROUTES:
        cors = app.app.routes[path][method].cors
        granted = cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}
        wildcard = granted.get("Access-Control-Allow-Origin") == "*"
        assert not (wildcard and "Access-Control-Allow-Credentials" in granted), path


def test_an_answer_to_another_origin_grants_it_no_credentials(api: Api) -> None:
    for response in (api.request("GET", "/health", origin="https://evil.example"), api.post(EVENT, origin="null")):
        assert response.status_code == 200
        assert "Access-Control-Allow-Credentials" not in response.headers
