"""Queries that are refused: bad parameters, cursors that were not made for them, keys and ids of nothing.

Here each route shows that it refuses; what exactly is bad is listed in tests/flows and tests/unit.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.flows.access import Access
from chalicelib.wiring import pipeline
from fakes import FakeProjectStore
from handlers.api_client import Api

LONG_AGO = "01AN4Z07BY79KA1307SR9X4MV3-2015-05-17T10"


@pytest.fixture(scope="module", autouse=True)
def _history(stage_api: Api) -> None:
    for minute in range(3):
        for user in ("ann", "bob"):
            time = f"2015-05-17T1{minute}:00:00Z"
            stage_api.post({"event_type": "click", "user_id": user, "timestamp": time, "event_id": user})
    stage_api.process()
    stage_api.aggregate()


def next_of(api: Api, path: str, **parameters: Any) -> str:
    sealed: str = api.get(path, **{"limit": 1, **parameters}).json_body["next"]
    assert api.get(path, **{"limit": 1, **parameters, "cursor": sealed}).status_code == 200
    return sealed


def opaque(content: Any) -> str:
    """Base64 of JSON, without padding: the form of keys."""
    packed = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


BAD = {"from": "yesterday", "to": "2015-05-17T10:00:00", "limit": "0", "grain": "week", "tz": "Mars"}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/events", ["from", "to", "limit"]),
        ("/counts", ["from", "to", "grain", "tz"]),
        ("/reports", ["from", "to", "grain", "limit"]),
        ("/rejections", ["from", "to", "limit"]),
    ],
)
def test_a_bad_parameter_answers_400_and_is_named(api: Api, path: str, names: list[str]) -> None:
    for name in names:
        response = api.get(path, **{name: BAD[name]})
        assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")
        assert response.json_body["detail"].startswith(name)
        assert api.get(f"{path}?{name}=").status_code == 400  # a tool that lost its value asks for nothing


@pytest.mark.parametrize(
    ("path", "name"),
    [("/events", "grain"), ("/counts", "limit"), ("/reports", "user_id"), ("/rejections", "tz"), ("/events", "<üx>")],
)
def test_a_parameter_that_a_query_does_not_have_answers_400_and_is_named(api: Api, path: str, name: str) -> None:
    response = api.get(f"{path}?{quote(name)}=1")
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")
    assert f"Unknown parameter: {name}." in response.json_body["detail"]


@pytest.mark.parametrize("path", ["/events", "/counts", "/reports"])
def test_a_span_that_ends_before_it_starts_holds_nothing(api: Api, path: str) -> None:
    response = api.get(path, from_="2015-05-18", to="2015-05-17")
    assert (response.status_code, response.json_body[path[1:]]) == (200, [])


def test_a_span_with_too_many_windows_answers_400(api: Api) -> None:
    for day in range(1, 9):
        api.post({"event_type": "wide", "user_id": "cid", "timestamp": f"2003-02-{day:02}T00:00:00Z"})
    api.process()
    response = api.get("/counts", grain="minute")
    assert (response.status_code, response.json_body["code"]) == (400, "range_too_wide")
    assert api.get("/counts", grain="minute", from_="2003-02-02", to="2003-02-09").status_code == 200


@pytest.mark.parametrize(
    ("path", "parameters"), [("/events", {"from_": 1431856800}), ("/events", {"user_id": "ann"}), ("/reports", {})]
)
def test_a_cursor_that_was_changed_or_made_up_answers_400(api: Api, path: str, parameters: dict[str, str]) -> None:
    sealed = next_of(api, path, **parameters)
    for cursor in (sealed[:-1], sealed + "=", ("B" if sealed[0] == "A" else "A") + sealed[1:], "null", "ключ", "\x00"):
        response = api.get(path, **parameters, cursor=cursor)
        assert (response.status_code, response.json_body["code"]) == (400, "bad_cursor"), cursor


@pytest.mark.parametrize(("path", "parameters"), [("/events", {"user_id": "bob"}), ("/events", {}), ("/reports", {})])
def test_a_cursor_of_another_query_answers_400(api: Api, path: str, parameters: dict[str, str]) -> None:
    sealed = next_of(api, "/events", user_id="ann")
    response = api.get(path, **parameters, cursor=sealed)
    assert (response.status_code, response.json_body["code"]) == (400, "bad_cursor")


def test_a_cursor_of_another_grain_answers_400_and_another_limit_is_no_other_query(api: Api) -> None:
    sealed = next_of(api, "/reports", grain="hour")
    assert api.get("/reports", grain="day", cursor=sealed).json_body["code"] == "bad_cursor"
    assert len(api.get("/reports", grain="hour", cursor=sealed, limit=2).json_body["reports"]) == 2


def test_a_cursor_does_not_outlive_its_secret(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = next_of(api, "/events", user_id="ann")
    monkeypatch.setenv("CURSOR_SECRET", "a new secret")
    assert api.get("/events", user_id="ann", cursor=sealed).json_body["code"] == "bad_cursor"


TIME = "2015-05-17T10:00:00.000000Z"


@pytest.mark.parametrize("key", ["x", "%00", "ключ", opaque([TIME, "ann"]), opaque([TIME, "ann", "nobody"])])
def test_a_key_of_no_event_answers_404(api: Api, key: str) -> None:
    response = api.get(f"/events/{key}")
    assert (response.status_code, response.json_body["code"]) == (404, "no_such_event")
    assert api.get(f"/events/{opaque([TIME, 'ann', 'ann'])}").status_code == 200


@pytest.mark.parametrize(
    "refused",
    [
        f"/events/{opaque([TIME, chr(0xD800), 'ann'])}",
        f"/events/{opaque([TIME, 'ann', chr(0xDFFF)])}",
        f"/events/{opaque([TIME, 'x' * 2100, 'ann'])}",
        f"/events/{opaque([TIME, 'ann', 'x' * 1100])}",
        f"/events?user_id={'x' * 2100}",
        "/events?user_id=ann&from=2015-05-18&to=2015-05-17",
        "/reports?from=2015-05-18&to=2015-05-17",
    ],
    ids=["surrogate user", "surrogate id", "long user in a key", "long id", "long user", "events", "reports"],
)
def test_what_dynamodb_refuses_is_not_asked_of_it(api: Api, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Keys over 2,048 / 1,024 bytes, BETWEEN bounds in the wrong order, halves of surrogate pairs. An emulator may
    # take them, so a table that is gone shows whether it was asked.
    monkeypatch.setenv("TABLE_NAME", "gone")
    pipeline().access = Access(FakeProjectStore(), is_open=True)
    assert api.get(refused).status_code in (200, 400, 404)


@pytest.mark.parametrize("chunk_id", [LONG_AGO, LONG_AGO[:-1], "x", "%0A"])
def test_an_id_of_no_chunk_answers_404(api: Api, chunk_id: str) -> None:
    response = api.get(f"/chunks/{chunk_id}")
    assert (response.status_code, response.json_body["code"]) == (404, "no_such_chunk")
