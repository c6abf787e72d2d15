"""What a posted event may say, which events are the same one, and what is kept of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.api_client import Api

CLICK = {"event_type": "click", "user_id": "u1"}
AT_TEN = "2015-05-17T10:05:03Z"


def from_now(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def receipt(api: Api, event: Any, **headers: str) -> tuple[int, int]:
    """How many events a POST got stored, and how many were duplicates, once the pipeline has run."""
    [chunk_id] = api.post(event, **headers).json_body["chunks"]
    api.process()
    told = api.get(f"/chunks/{chunk_id}").json_body
    return told["stored"], told["duplicates"]


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        ({"user_id": "u1"}, "missing_field", "event_type"),
        ({"event_type": "click"}, "missing_field", "user_id"),
        ({**CLICK, "properties": [1]}, "wrong_type", "properties"),
        ({**CLICK, "page": "/a", "properties": {"page": "/b"}}, "ambiguous_field", "page"),
        (None, "not_an_object", None),
    ],
)
def test_a_rejected_event_is_told_the_code_and_the_field(api: Api, event: Any, code: str, field: str | None) -> None:
    verdict = api.verdict(event)
    assert (verdict["status"], verdict["code"], verdict["field"]) == ("rejected", code, field)
    assert verdict["message"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2015-05-17t12:05:03.250+02:00", "2015-05-17T10:05:03.250Z"),
        ("2015-05-17T05:35-0430", "2015-05-17T10:05:00Z"),
        (1431857103.25, "2015-05-17T10:05:03.250Z"),
        (-1, "1969-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_timestamp_in_any_accepted_form_becomes_utc(api: Api, sent: str | float, kept: str) -> None:
    assert api.stored({**CLICK, "timestamp": sent})["timestamp"] == kept


def test_an_event_without_a_timestamp_gets_the_received_time(api: Api) -> None:
    before = datetime.now(UTC)
    event = api.stored({**CLICK, "timestamp": None})
    assert before <= datetime.fromisoformat(event["timestamp"]) <= datetime.now(UTC)
    assert event["timestamp"] == event["received_at"]


def test_the_near_future_is_accepted_and_the_far_future_rejected(api: Api) -> None:
    assert api.verdict({**CLICK, "timestamp": from_now(hours=23, minutes=55)})["status"] == "accepted"
    assert api.verdict({**CLICK, "timestamp": from_now(hours=24, minutes=5)})["code"] == "timestamp_in_future"


def test_what_was_sent_is_kept_and_what_we_know_of_it_is_added(api: Api) -> None:
    sent = {
        "event_type": "page_view",
        "user_id": "u123",
        "anonymous_id": "a-1",
        "event_id": "e-1",
        "timestamp": AT_TEN,
        "page": "/home",
        "empty": None,
        "project": "of the client's own",
        "properties": {"list": [1, 2.5, True, {"deep": "ü"}], "page": "/home"},
        "context": {"locale": "de"},
    }
    response = api.post(sent, user_agent="Mozilla/5.0")
    [chunk_id], [verdict] = response.json_body["chunks"], response.json_body["events"]
    api.process()
    event = api.get(f"/events/{verdict['key']}").json_body
    assert datetime.fromisoformat(event.pop("received_at")).year >= 2015
    assert event == {
        "key": verdict["key"],
        "event_type": "page_view",
        "user_id": "u123",
        "anonymous_id": "a-1",
        "event_id": "e-1",
        "timestamp": AT_TEN,
        "properties": {
            "list": [1, 2.5, True, {"deep": "ü"}],
            "page": "/home",
            "empty": None,
            "project": "of the client's own",
        },
        "context": {"locale": "de"},
        "source_ip": "127.0.0.1",
        "user_agent": "Mozilla/5.0",
        "project": "default",
        "chunk_id": chunk_id,
    }


def test_an_anonymous_id_alone_is_enough_and_numbers_become_text(api: Api) -> None:
    event = api.stored({"event_type": "click", "user_id": None, "anonymous_id": 7, "timestamp": AT_TEN})
    assert event["anonymous_id"] == "7"
    assert "user_id" not in event


@pytest.mark.parametrize("timestamp", [{"timestamp": AT_TEN}, {}], ids=["with a timestamp", "without"])
def test_an_event_with_an_id_sent_again_is_stored_once(api: Api, timestamp: dict[str, str]) -> None:
    event = {**CLICK, "event_id": f"retried-{len(timestamp)}", **timestamp}
    assert receipt(api, event) == (1, 0)
    assert receipt(api, event) == (0, 1)


def test_the_key_of_a_retry_without_a_timestamp_finds_the_first_event(api: Api) -> None:
    event = {**CLICK, "event_id": "retried"}
    first = api.stored(event)
    retry = api.verdict(event)["key"]
    assert retry != first["key"]
    assert api.get(f"/events/{retry}").json_body == first


def test_an_event_with_a_time_but_no_id_is_known_by_its_content(api: Api) -> None:
    event = {**CLICK, "timestamp": AT_TEN, "button": "buy"}
    assert api.verdict(event) == api.verdict(event)
    assert api.verdict(event)["event_id"] != api.verdict({**event, "button": "sell"})["event_id"]


def test_equal_events_without_ids_of_one_post_stay_apart(api: Api) -> None:
    post = [{**CLICK, "timestamp": AT_TEN}, {**CLICK, "timestamp": AT_TEN}]
    first, second = api.post(post).json_body["events"]
    assert first["event_id"] != second["event_id"]
    assert api.post(post).json_body["events"] == [first, second]


def test_an_identity_repeated_in_one_post_is_accepted_as_a_duplicate_of_the_first(api: Api) -> None:
    event = {**CLICK, "event_id": "repeated", "timestamp": AT_TEN}
    answer = api.post([{**event, "turn": 1}, {**event, "turn": 2}]).json_body
    first, second = answer["events"]
    assert (answer["accepted"], first["key"]) == (2, second["key"])
    api.process()
    told = api.get(f"/chunks/{answer['chunks'][0]}").json_body
    assert (told["accepted"], told["stored"], told["duplicates"]) == (2, 1, 1)
    assert api.get(f"/events/{first['key']}").json_body["properties"] == {"turn": 1}


def test_an_idempotency_key_gives_events_without_an_id_stable_ids(api: Api) -> None:
    sent = {"event_type": "click", "user_id": "idempotent"}
    assert receipt(api, sent, idempotency_key="ключ 1") == (1, 0)
    assert receipt(api, sent, Idempotency_Key="ключ 1") == (0, 1)
    assert receipt(api, sent, idempotency_key="ключ 2") == (1, 0)
    assert receipt(api, sent) == (1, 0)
    first, second = api.post([sent, sent], idempotency_key="ключ 3").json_body["events"]
    assert first["event_id"] != second["event_id"]
    own = api.post({**sent, "event_id": "own"}, idempotency_key="ключ 3").json_body["events"]
    assert own[0]["event_id"] == "own"


def test_a_receipt_is_in_flight_until_the_chunk_is_committed(api: Api) -> None:
    [chunk_id] = api.post({"event_type": "late", "user_id": "dan"}).json_body["chunks"]
    assert api.get(f"/chunks/{chunk_id}").json_body == {"chunk_id": chunk_id, "status": "in_flight"}
    api.process()
    response = api.get(f"/chunks/{chunk_id}")
    told = {"chunk_id": chunk_id, "status": "committed", "accepted": 1, "stored": 1, "duplicates": 0}
    assert (response.status_code, response.json_body) == (200, told)
