"""POST /events: what is taken, what is answered, and what becomes of it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

import app
from chalicelib.core.chunk_id import hour_of
from handlers.api_client import Api
from stage import Clients

CLICK = {"event_type": "click", "user_id": "u1"}
AT_TEN = "2015-05-17T10:05:03Z"
BAD = {"event_type": "click"}

# The body counts as the JSON string that the function returns.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024


def in_hours(*hours: int, **fields: Any) -> list[dict[str, Any]]:
    return [{**CLICK, "timestamp": f"2015-05-17T{hour:02}:00:00Z", **fields} for hour in hours]


def test_an_accepted_event_is_answered_with_its_chunk_its_id_and_its_key(api: Api) -> None:
    response = api.post({**CLICK, "event_id": "e1"})
    answer = response.json_body
    assert response.status_code == 200
    assert set(answer) == {"chunks", "accepted", "rejected", "events"}
    assert (answer["accepted"], answer["rejected"], len(answer["chunks"])) == (1, 0, 1)
    [verdict] = answer["events"]
    assert set(verdict) == {"index", "status", "event_id", "key", "identified_by"}
    assert (verdict["index"], verdict["status"], verdict["event_id"]) == (0, "accepted", "e1")


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (CLICK, 1),
        ([CLICK, CLICK], 2),
        ({"events": [CLICK, CLICK, CLICK]}, 3),
        ({**CLICK, "events": ["a property of this event"]}, 1),
    ],
    ids=["object", "array", "events", "object with a property named events"],
)
def test_a_body_is_one_event_or_an_array_or_an_object_with_events(api: Api, body: Any, events: int) -> None:
    response = api.post(body)
    assert (response.status_code, response.json_body["accepted"]) == (200, events)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/gzip", "application/x-gzip", "application/octet-stream"]
)
def test_gzip_is_told_by_its_first_bytes_whatever_the_content_type_says(api: Api, content_type: str) -> None:
    response = api.post(gzip.compress(json.dumps([CLICK, CLICK]).encode()), content_type=content_type)
    assert (response.status_code, response.json_body["accepted"]) == (200, 2)


def test_a_text_body_as_api_gateway_hands_it_over_is_read_like_bytes(api: Api) -> None:
    request = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/events", "identity": {"sourceIp": "192.0.2.1"}},
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": json.dumps({**CLICK, "user_id": "Zoë"}, ensure_ascii=False),
        "isBase64Encoded": False,
    }
    assert app.app(request, None)["statusCode"] == 200
    [message] = api.take_messages()
    assert json.loads(message)["events"][0]["user_id"] == "Zoë"


def test_good_events_of_a_mixed_batch_are_accepted_and_the_answer_keeps_the_order(api: Api) -> None:
    response = api.post([BAD, CLICK, "no object", CLICK])
    answer = response.json_body
    assert (response.status_code, answer["accepted"], answer["rejected"]) == (200, 2, 2)
    assert [event["index"] for event in answer["events"]] == [0, 1, 2, 3]
    assert [event["status"] for event in answer["events"]] == ["rejected", "accepted", "rejected", "accepted"]
    assert set(answer["events"][0]) == {"index", "status", "code", "field", "message"}
    [message] = api.take_messages()
    assert len(json.loads(message)["events"]) == 2


def test_a_post_whose_every_event_is_rejected_answers_422_with_the_same_list(api: Api) -> None:
    response = api.post([BAD, 5])
    problem = response.json_body
    assert (response.status_code, problem["code"]) == (422, "all_rejected")
    assert [(event["index"], event["code"]) for event in problem["events"]] == [
        (0, "missing_field"),
        (1, "not_an_object"),
    ]
    assert api.take_messages() == []


def test_a_body_that_is_empty_answers_400(api: Api) -> None:
    response = api.post(b"")
    assert (response.status_code, response.json_body["code"]) == (400, "not_json")


@pytest.mark.parametrize("body", [[], {"events": []}])
def test_a_body_without_events_answers_400(api: Api, body: Any) -> None:
    response = api.post(body)
    assert (response.status_code, response.json_body["code"]) == (400, "no_events")


def test_a_post_takes_2500_events_and_no_more(api: Api) -> None:
    at_the_limit, above = api.post([CLICK] * 2500), api.post([CLICK] * 2501)
    assert (at_the_limit.status_code, at_the_limit.json_body["accepted"]) == (200, 2500)
    assert (above.status_code, above.json_body["code"]) == (413, "too_many_events")


def test_a_body_takes_4_mib_and_no_more(api: Api) -> None:
    event = json.dumps(CLICK).encode()
    at_the_limit, above = api.post(event.ljust(4 * 1024 * 1024)), api.post(event.ljust(4 * 1024 * 1024 + 1))
    assert at_the_limit.status_code == 200
    assert (above.status_code, above.json_body["code"]) == (413, "body_too_large")


def test_the_answer_to_the_longest_ids_fits_what_lambda_may_answer(api: Api) -> None:
    event = {**CLICK, "user_id": "\N{GRINNING FACE}" * 256, "timestamp": AT_TEN}
    events = [{**event, "event_id": f"{number:04}" + "\N{GRINNING FACE}" * 196} for number in range(2000)]
    response = api.post(json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode())
    assert response.status_code in (200, 413)
    assert len(json.dumps(response.body.decode())) <= LAMBDA_ANSWER_BYTES


def test_live_traffic_makes_one_chunk_a_post_and_a_backfill_one_for_each_hour(api: Api) -> None:
    chunks = api.post([CLICK, CLICK, CLICK]).json_body["chunks"]
    assert [json.loads(message)["chunk_id"] for message in api.take_messages()] == chunks
    assert len(chunks) == 1
    chunks = api.post(in_hours(9, 8, 9, 10)).json_body["chunks"]
    assert [hour_of(chunk_id)[-3:] for chunk_id in chunks] == ["T08", "T09", "T10"]
    assert sorted(json.loads(message)["chunk_id"] for message in api.take_messages()) == sorted(chunks)


def test_events_of_posts_that_share_a_batch_are_each_stored_once(api: Api) -> None:
    posts = [in_hours(9, 9, 8, user_id="batch"), in_hours(9, user_id="batch"), in_hours(10, user_id="batch")]
    answers = [api.post(events).json_body for events in posts]
    assert api.process() == 4
    receipts = [api.get(f"/chunks/{chunk_id}").json_body for answer in answers for chunk_id in answer["chunks"]]
    assert [sum(receipt[name] for receipt in receipts) for name in ("stored", "duplicates")] == [4, 1]
    found = {event["key"] for event in api.get("/events", user_id="batch").json_body["events"]}
    assert found == {verdict["key"] for answer in answers for verdict in answer["events"]}


@pytest.mark.parametrize("unavailable", ["https://sqs.us-east-1.amazonaws.com/123456789012/gone", "no url"])
def test_an_unavailable_queue_answers_503_and_when_to_send_again(
    api: Api, unavailable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_URL", unavailable)
    response = api.post(CLICK)
    assert (response.status_code, response.json_body["code"]) == (503, "queue_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_post_that_is_queued_in_part_answers_503_and_sending_it_again_is_harmless(
    api: Api, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = in_hours(*range(10)) + in_hours(10, properties={"text": "x" * 2000})
    small_messages = clients.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    with monkeypatch.context() as environment:
        environment.setenv("QUEUE_URL", small_messages)
        response = api.post(whole)
    assert (response.status_code, response.json_body["code"]) == (503, "queue_unavailable")
    assert Api(clients.sqs, small_messages).process() == 10
    again = api.post(whole).json_body["chunks"]
    api.process()
    receipts = [api.get(f"/chunks/{chunk_id}").json_body for chunk_id in again]
    assert [(receipt["stored"], receipt["duplicates"]) for receipt in receipts] == [(0, 1)] * 10 + [(1, 0)]
