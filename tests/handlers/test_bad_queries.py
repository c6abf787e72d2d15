"""Queries that are refused: bad parameters, cursors that were not made for them, keys and ids of nothing."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from api_client import Api

from chalicelib.core import cursor
from chalicelib.flows.access import Access
from chalicelib.wiring import pipeline
from fakes import FakeProjectStore

LONG_AGO = "01AN4Z07BY79KA1307SR9X4MV3-2015-05-17T10"


@pytest.fixture(scope="module", autouse=True)
def _history(stage_api: Api) -> None:
    for minute in range(3):
        for user in ("ann", "bob"):
            time = f"2015-05-17T1{minute}:00:00Z"
            stage_api.post({"event_type": "click", "user_id": user, "timestamp": time, "event_id": user})
    stage_api.process()
    stage_api.aggregate()


def next_of(api: Api, path: str, **parameters: object) -> str:
    sealed: str = api.get(path, **{"limit": 1, **parameters}).json_body["next"]
    assert api.get(path, **{"limit": 1, **parameters, "cursor": sealed}).status_code == 200
    return sealed


def opaque(content: Any) -> str:
    """Base64 of JSON, without padding: the form of keys."""
    packed = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/events", "/counts", "/reports"])
@pytest.mark.parametrize("name", ["user", "From", "project", "pk", "filter[type]", "", "<script>", "üx"])
def test_an_unknown_parameter_answers_400(api: Api, path: str, name: str) -> None:
    response = api.get(f"{path}?{quote(name)}=1")
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")
    assert name in response.json_body["detail"]


@pytest.mark.parametrize("query", ["/counts?user_id=", "/counts?limit=", "/events?grain=", "/reports?user_id="])
def test_a_parameter_of_another_query_answers_400(api: Api, query: str) -> None:
    assert api.get(f"{query}1").status_code == 400


@pytest.mark.parametrize("path", ["/events", "/events?user_id=ann", "/reports"])
@pytest.mark.parametrize(
    "limit",
    [
        *("0", "-1", "+1", "1.0", "1e2", "1001", "ten", " 5", "\u0665", "²"),
        *(f"{10_000:013}", "0" * 8 + "1" + "0" * 4400, "9" * 4400),
    ],
    ids=lambda limit: limit[:20],
)
def test_a_limit_other_than_1_to_1000_answers_400(api: Api, path: str, limit: str) -> None:
    response = api.get(f"{path}{'&' if '?' in path else '?'}limit={quote(limit)}")
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")


@pytest.mark.parametrize("path", ["/events", "/counts", "/reports"])
@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "time",
    [
        *("yesterday", "2015-13-01", "2015-05-17T10:00:00", "2015-05-17T10:00:60Z", "2015-05-17T10:00:00Z\n"),
        *("9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01", "-1e3", "nan", "1e400", "9" * 400),
        *(".", "1.2.3", "²"),
        *("\u0661\u0664\u0663\u0661\u0668\u0665\u0667\u0661\u0660\u0663", "\u0662\u0660\u0661\u0665-05-17"),
    ],
    ids=lambda time: ascii(time)[:24],
)
def test_a_time_outside_the_strict_rule_answers_400(api: Api, path: str, name: str, time: str) -> None:
    response = api.get(path, **{name: time})
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")


@pytest.mark.parametrize(("path", "grain"), [("/counts", "week"), ("/counts", "HOUR"), ("/reports", "minute")])
def test_a_grain_that_is_not_offered_answers_400(api: Api, path: str, grain: str) -> None:
    response = api.get(path, grain=grain)
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")


@pytest.mark.parametrize("path", ["/events", "/counts", "/reports"])
def test_a_span_that_ends_before_it_starts_holds_nothing_or_answers_400(api: Api, path: str) -> None:
    response = api.get(path, from_="2015-05-18", to="2015-05-17")
    nothing = response.status_code == 200 and not next(iter(response.json_body.values()))
    assert nothing or response.status_code == 400


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
def test_a_cursor_with_any_letter_changed_answers_400(api: Api, path: str, parameters: dict[str, str]) -> None:
    sealed = next_of(api, path, **parameters)
    flipped = [sealed[:at] + ("A" if letter != "A" else "B") + sealed[at + 1 :] for at, letter in enumerate(sealed)]
    mangled = [sealed[:-1], sealed[:20], sealed + "A", sealed + "=", sealed + " ", sealed * 2, sealed.swapcase()]
    made_up = [
        "A",
        "=",
        "null",
        "ключ",
        "%",
        "\x00",
        opaque([]),
        opaque(bytes(16) + b"[]"),
        opaque({"a": 1}),
        "A" * 4000,
    ]
    for tampered in flipped + mangled + made_up:
        response = api.get(path, **parameters, cursor=tampered)
        assert (response.status_code, response.json_body["code"]) == (400, "bad_cursor"), tampered


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/events", {}),
        ("/events", {"user_id": "bob"}),
        ("/events", {"user_id": "ann", "event_type": "click"}),
        ("/events", {"user_id": "ann", "from_": "2015-05-17"}),
        ("/events", {"user_id": "ann", "to": "2015-05-18"}),
        ("/events", {"event_type": "ann"}),
        ("/reports", {}),
    ],
)
def test_a_cursor_of_another_query_answers_400(api: Api, path: str, parameters: dict[str, str]) -> None:
    sealed = next_of(api, "/events", user_id="ann")
    response = api.get(path, **parameters, cursor=sealed)
    assert (response.status_code, response.json_body["code"]) == (400, "bad_cursor")


def test_a_cursor_of_another_grain_answers_400_and_another_limit_is_no_other_query(api: Api) -> None:
    sealed = next_of(api, "/reports", grain="hour")
    assert api.get("/reports", grain="day", cursor=sealed).json_body["code"] == "bad_cursor"
    assert len(api.get("/reports", grain="hour", cursor=sealed, limit=2).json_body["reports"]) == 2


def test_a_cursor_of_another_project_or_another_stage_answers_400(api: Api) -> None:
    position = ["2015-05-17T12:00:00.000000Z", "ann", "ann"]

    def answer(project: str, secret: str) -> int:
        sealed = cursor.seal(position, question=("events", project, "ann", None, "", "~"), secret=secret)
        status: int = api.get("/events", user_id="ann", cursor=sealed).status_code
        return status

    assert answer("default", "a secret of the tests") == 200
    assert answer("other", "a secret of the tests") == 400
    assert answer("default", "another secret") == 400


def test_a_cursor_does_not_outlive_its_secret(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = next_of(api, "/events", user_id="ann")
    monkeypatch.setenv("CURSOR_SECRET", "a new secret")
    assert api.get("/events", user_id="ann", cursor=sealed).json_body["code"] == "bad_cursor"


TIME = "2015-05-17T10:00:00.000000Z"


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "%00",
        "ключ",
        opaque(b"\xff\xfe"),
        opaque(5),
        opaque("abc"),
        opaque(["a", "b"]),
        opaque([TIME, "ann", "ann", "more"]),
        opaque([TIME, "ann", ""]),
        opaque([TIME, "", "ann"]),
        opaque([TIME, "ann", 5]),
        opaque([TIME, "ann", "nobody"]),
        opaque([TIME, "ann", "ann"]) + "=",
        opaque(json.dumps([TIME, "ann", "ann"]).encode()),
        opaque(b"[" * 5000),
        opaque(["\ud800", "ann", "ann"]),
    ],
)
def test_a_key_of_no_event_answers_404(api: Api, key: str) -> None:
    response = api.get(f"/events/{key}")
    assert (response.status_code, response.json_body["code"]) == (404, "no_such_event")


def test_the_keys_above_are_refused_for_what_is_wrong_with_them(api: Api) -> None:
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
    # Keys over 2,048 / 1,024 bytes, BETWEEN bounds in the wrong order, halves of surrogate pairs. moto takes
    # them all, so a table that is gone shows whether it was asked.
    monkeypatch.setenv("TABLE_NAME", "gone")
    pipeline().access = Access(FakeProjectStore(), is_open=True)
    assert api.get(refused).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "chunk_id",
    [
        LONG_AGO,
        LONG_AGO.lower(),
        LONG_AGO[:-1],
        LONG_AGO + "0",
        "x",
        "8" + LONG_AGO[1:],
        LONG_AGO.replace("2015", "\u0662\u0660\u0661\u0665"),
        "7ZZZZZZZZZZZZZZZZZZZZZZZZZ-2015-05-17T10",
        "%0A",
    ],
)
def test_an_id_of_no_chunk_answers_404(api: Api, chunk_id: str) -> None:
    response = api.get(f"/chunks/{chunk_id}")
    assert (response.status_code, response.json_body["code"]) == (404, "no_such_chunk")


@pytest.mark.parametrize("zone", ["Mars", "../../etc/passwd", "Europe", "\0", "x" * 3000])
def test_what_is_no_time_zone_is_refused(api: Api, zone: str) -> None:
    response = api.get("/counts", tz=zone)
    assert (response.status_code, response.json_body["code"]) == (400, "bad_parameter")


def test_a_day_at_the_end_of_time_is_no_error_of_ours_in_any_zone(api: Api) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        for zone in ("Asia/Tokyo", "America/New_York"):
            assert api.get("/counts", tz=zone, from_=day, grain="day").status_code in (200, 400)
