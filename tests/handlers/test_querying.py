"""GET /events, /events/{key}, /counts, /reports, /chunks/{id} and /health over one known history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import chunk
from handlers.api_client import Api

# Each: event type, user, event time.
VIEWS = [("page_view", "ann", f"2015-05-17T10:0{minute}:00Z") for minute in range(5)]
HISTORY = [
    *VIEWS,
    ("purchase", "ann", "2015-05-17T11:30:00.500Z"),
    ("page_view", "bob", "2015-05-17T10:04:30Z"),
    ("page_view", "bob", "2015-05-17T12:00:00Z"),
    ("a#b = :t", "bob", "2015-05-18T00:00:00Z"),
    ("page_view", "ann", "2016-01-01T00:00:00Z"),
]
NEWEST_FIRST = sorted((time for _, _, time in HISTORY), reverse=True)


@pytest.fixture(scope="module", autouse=True)
def _history(stage_api: Api) -> None:
    for event_type, user, time in HISTORY:
        stage_api.post({"event_type": event_type, "user_id": user, "timestamp": time, "event_id": "same"})
    stage_api.process()
    stage_api.aggregate()
    stage_api.post({"event_type": "secret", "user_id": "ann", "timestamp": "2015-05-17T10:02:30Z", "event_id": "same"})
    stage_api.process(project="other")
    stage_api.aggregate()


def times(answer: dict[str, Any]) -> list[str]:
    return [event["timestamp"] for event in answer["events"]]


def pages(api: Api, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Every page of an answer, as its cursors lead on."""
    page = api.get(path, **parameters).json_body
    yield page
    while page["next"]:
        page = api.get(path, **{**parameters, "cursor": page["next"]}).json_body
        yield page


def test_the_events_of_a_project_come_newest_first(api: Api) -> None:
    response = api.get("/events")
    assert response.status_code == 200
    assert set(response.json_body) == {"events", "next"}
    assert times(response.json_body) == NEWEST_FIRST
    assert response.json_body["next"] is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"user_id": "ann", "event_type": "purchase"}, ["2015-05-17T11:30:00.500Z"]),
        ({"event_type": "purchase OR attribute_exists(pk)"}, []),
        ({"event_type": "a#b = :t"}, ["2015-05-18T00:00:00Z"]),
        ({"event_type": "a#b = :t", "user_id": "bob"}, ["2015-05-18T00:00:00Z"]),
        (
            {"user_id": "ann", "from_": "2015-05-17T11:30:00.500Z", "to": "2016-01-01"},
            ["2015-05-17T11:30:00.500Z"],
        ),
        ({"from_": "2015-05-17T12:03:00+02:00", "to": "2015-05-17 10:04:00Z"}, ["2015-05-17T10:03:00Z"]),
        ({"from_": 1431856980, "to": 1431857040000}, ["2015-05-17T10:03:00Z"]),
    ],
)
def test_events_are_those_that_the_parameters_ask_for(
    api: Api, parameters: dict[str, Any], expected: list[str]
) -> None:
    response = api.get("/events", **parameters)
    assert (response.status_code, times(response.json_body)) == (200, expected)


def test_a_plus_that_was_not_encoded_is_still_a_zone(api: Api) -> None:
    response = api.get("/events?from=2015-05-17T12:03:00+02:00&to=2015-05-17T12:04:00+02:00")
    assert times(response.json_body) == ["2015-05-17T10:03:00Z"]


def test_of_a_parameter_given_twice_the_last_one_counts(api: Api) -> None:
    assert times(api.get("/events?event_type=page_view&event_type=purchase").json_body) == ["2015-05-17T11:30:00.500Z"]


@pytest.mark.parametrize(
    ("parameters", "limit"), [({"user_id": "ann"}, 7), ({"user_id": "ann", "event_type": "page_view"}, 2), ({}, 4)]
)
def test_pages_joined_are_the_whole_answer(api: Api, parameters: dict[str, Any], limit: int) -> None:
    whole = api.get("/events", **parameters).json_body["events"]
    split = list(pages(api, "/events", limit=limit, **parameters))
    assert [event for page in split for event in page["events"]] == whole
    assert len(split) == -(-len(whole) // limit)


def test_an_event_is_found_by_the_key_that_its_post_answered(api: Api) -> None:
    for event in api.get("/events", limit=3).json_body["events"]:
        response = api.get(f"/events/{event['key']}")
        assert (response.status_code, response.json_body) == (200, event)


@pytest.mark.parametrize(
    ("parameters", "counts"),
    [
        ({"to": "2015-05-17T23:00Z"}, [("10:00", "page_view", 6), ("11:00", "purchase", 1), ("12:00", "page_view", 1)]),
        ({"to": "2015-05-17T23:00Z", "grain": "day"}, [("00:00", "page_view", 7), ("00:00", "purchase", 1)]),
        (
            {"grain": "minute", "from_": "2015-05-17T10:03:00Z", "to": "2015-05-17T10:05Z"},
            [("10:03", "page_view", 1), ("10:04", "page_view", 2)],
        ),
        ({"from_": "2015-05-18", "to": "2015-05-19", "event_type": "a#b = :t"}, [("00:00", "a#b = :t", 1)]),
    ],
)
def test_counts_are_distinct_events_by_window_and_type(
    api: Api, parameters: dict[str, Any], counts: list[tuple[str, str, int]]
) -> None:
    response = api.get("/counts", **parameters)
    assert response.status_code == 200
    assert set(response.json_body) == {"counts"}
    told = [(row["start"][11:16], row["event_type"], row["count"]) for row in response.json_body["counts"]]
    assert told == counts


def test_a_counted_window_starts_with_its_first_second(api: Api) -> None:
    [row] = api.get("/counts", event_type="purchase").json_body["counts"]
    assert row == {"start": "2015-05-17T11:00:00Z", "event_type": "purchase", "count": 1}


@pytest.mark.parametrize(
    ("path", "grain", "start"),
    [
        ("/counts", "hour", "2015-05-17T12:00:00Z"),
        ("/reports", "day", "2015-05-18T00:00:00Z"),
    ],
)
def test_a_window_that_starts_where_a_span_ends_is_not_in_the_span(api: Api, path: str, grain: str, start: str) -> None:
    def starts(**span: str) -> set[str]:
        [rows] = (value for value in api.get(path, grain=grain, **span).json_body.values() if value)
        return {row["start"] for row in rows}

    assert start in starts(from_=start)
    assert start not in starts(from_="2015-05-17", to=start)


def test_reports_come_newest_first_with_what_happened_in_their_window(api: Api) -> None:
    response = api.get("/reports", from_="2015-05-17T10:59Z", to="2015-05-17T12:00:01Z")
    reports = response.json_body["reports"]
    assert [report["start"] for report in reports] == [f"2015-05-17T{hour}:00:00Z" for hour in (12, 11, 10)]
    assert reports[-1] == {
        "project": "default",
        "grain": "hour",
        "start": "2015-05-17T10:00:00Z",
        "version": 1,
        "complete": True,
        "events": 6,
        "unique_users": 2,
        "counts": {"page_view": 6},
        "top": {},
    }
    [day] = api.get("/reports", grain="day", from_="2015-05-17", to="2015-05-17T01:00Z").json_body["reports"]
    assert (day["grain"], day["start"], day["events"]) == ("day", "2015-05-17T00:00:00Z", 8)


@pytest.mark.parametrize("grain", ["hour", "day"])
def test_pages_of_reports_joined_are_the_whole_answer(api: Api, grain: str) -> None:
    whole = api.get("/reports", grain=grain).json_body["reports"]
    split = list(pages(api, "/reports", grain=grain, limit=2))
    assert [report for page in split for report in page["reports"]] == whole
    assert len(split) == -(-len(whole) // 2) > 1


def test_health_names_the_stage_and_says_whether_it_is_open(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.get("/health").json_body == {"status": "ok", "open": True, "stage": "millrace"}
    monkeypatch.setenv("OPEN_STAGE", "false")
    response = api.get("/health")
    assert (response.status_code, response.json_body) == (200, {"status": "ok", "open": False, "stage": "millrace"})


def test_nothing_of_another_project_can_be_seen(api: Api) -> None:
    for path in ("/events", "/events?user_id=ann", "/events?event_type=secret", "/counts", "/reports"):
        response = api.get(path)
        assert response.status_code == 200
        assert b"secret" not in response.body
    [chunk_id], [verdict] = (
        api.post({"event_type": "hidden", "user_id": "eve", "event_id": "e"}).json_body[name]
        for name in ("chunks", "events")
    )
    api.process(project="other")
    assert api.get(f"/events/{verdict['key']}").status_code == 404
    assert api.get(f"/chunks/{chunk_id}").json_body["status"] == "in_flight"


def test_a_chunk_that_comes_too_late_is_told_to_be_quarantined(api: Api) -> None:
    api.post({"event_type": "old", "user_id": "fay", "timestamp": "2015-05-17T10:00:00Z"})
    [message] = api.take_messages()
    chunk_id = "01AN4Z07BY79KA1307SR9X4MV3-2015-05-17T1000"
    new = chunk.decode(message)
    sender = replace(new.sender, received=datetime(2015, 5, 17, 10, 0, 30, tzinfo=UTC))
    api.deliver(replace(new, chunk_id=chunk_id, sender=sender))
    response = api.get(f"/chunks/{chunk_id}")
    told = {"chunk_id": chunk_id, "status": "quarantined", "code": "too_old"}
    assert (response.status_code, response.json_body) == (200, told)
    assert api.get("/events", user_id="fay").json_body["events"] == []
