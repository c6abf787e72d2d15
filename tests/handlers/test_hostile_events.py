"""Events nobody should send: one of them never costs its neighbours, and what is taken stays whole."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from handlers.api_client import Api
from stage import Clients

AT_TEN = "2015-05-17T10:05:03Z"
CLICK = {"event_type": "click", "user_id": "u1"}
GOOD = json.dumps(CLICK)
GRIN = "\N{GRINNING FACE}"


def with_field(name: str, value: str) -> str:
    """A good event's JSON, with one more field whose value is JSON as given."""
    return f'{GOOD[:-1]}, "{name}": {value}}}'


def post_between_good_ones(api: Api, raw_event: str) -> dict[str, Any]:
    """The verdict on a raw event, once its two neighbours are known to be accepted and queued."""
    response = api.post(f"[{GOOD}, {raw_event}, {GOOD}]".encode())
    assert response.status_code == 200
    first, verdict, last = response.json_body["events"]
    assert (first["status"], last["status"]) == ("accepted", "accepted")
    [message] = api.take_messages()
    assert len(json.loads(message)["events"]) == 2
    return dict(verdict)


def test_a_number_of_38_digits_is_kept_to_the_last_one(api: Api) -> None:
    assert api.stored({**CLICK, "x": 10**38 - 1, "y": 1 - 10**38})["properties"] == {"x": 10**38 - 1, "y": 1 - 10**38}


# One of each code that an event's content can have; tests/unit/test_event.py and test_payload.py have the rules whole.
@pytest.mark.parametrize(
    ("raw_event", "code"),
    [
        (with_field("x", "[" * 20 + "]" * 20), "too_deep"),
        ("[" * 100 + "]" * 100, "not_an_object"),
        (with_field("x", json.dumps("é" * 16 * 1024)), "too_large"),
        ('{"event_type": "click", "user_id": ""}', "empty"),
        (json.dumps({**CLICK, "user_id": "x" * 257}), "too_long"),
        (with_field("properties", '{"list": [' + "9" * 4301 + "]}"), "bad_number"),
        (with_field("timestamp", "NaN"), "bad_number"),
        (with_field("x", r'"\ud800"'), "bad_text"),
        (with_field("timestamp", '"2015-05-17T10:05:03.' + "0" * 30_000 + 'Z"'), "bad_timestamp"),
    ],
    ids=lambda value: value[:60],
)
def test_an_event_that_could_fail_in_the_processor_costs_only_itself(api: Api, raw_event: str, code: str) -> None:
    assert post_between_good_ones(api, raw_event)["code"] == code


def test_the_deepest_and_longest_that_is_accepted_is_stored_and_read_back(api: Api) -> None:
    event = {
        "event_type": GRIN * 100,
        "user_id": GRIN * 256,
        "event_id": GRIN * 200,
        "x": json.loads("[" * 19 + "]" * 19),
    }
    read = api.stored({**event, "timestamp": AT_TEN, "text": "\x01" * 4000})
    assert {name: read[name] for name in ("event_type", "user_id", "event_id")} == {
        name: event[name] for name in ("event_type", "user_id", "event_id")
    }
    assert read["properties"] == {"x": event["x"], "text": "\x01" * 4000}


def test_of_a_field_that_is_given_twice_the_last_one_counts(api: Api) -> None:
    response = api.post(b'{"event_type": "first", "user_id": "u1", "event_type": "last"}')
    api.process()
    assert api.get(f"/events/{response.json_body['events'][0]['key']}").json_body["event_type"] == "last"


def test_characters_that_sqs_refuses_travel_escaped_and_come_back_unchanged(api: Api) -> None:
    text = "".join(map(chr, [*range(32), 0x7F, 0x80, 0x9F, 0xFFFE, 0xFFFF, 0x1FFFE, 0x2028, 0xFEFF])) + "<script>=cmd"
    response = api.post({**CLICK, "user_id": text, "event_type": text, "event_id": text, text: text})
    [message] = api.take_messages()
    assert re.fullmatch(r"[ -~]+", message)
    [event] = json.loads(message)["events"]
    assert {event["user_id"], event["event_type"], event["event_id"]} == {text}
    assert event["properties"] == {text: text}
    assert response.json_body["events"][0]["event_id"] == text
    assert api.stored({**CLICK, "user_id": text, "event_id": text})["user_id"] == text


def test_no_field_of_an_event_reaches_the_name_of_an_object_in_the_archive(api: Api, clients: Clients) -> None:
    for name in ("../x", "a/../../b", "a\nb", "%2e%2e/x", "é" * 80, "\\", "?#&="):
        api.stored({"event_type": name, "user_id": name, "event_id": name, "project": name, "timestamp": AT_TEN})
    api.aggregate()
    listed = clients.s3.list_objects_v2(Bucket=os.environ["BUCKET_NAME"])["Contents"]
    assert {found["Key"].split("/")[0] for found in listed} == {"events", "reports"}
    assert all(re.fullmatch(r"[A-Za-z0-9=_./-]{1,200}", found["Key"]) for found in listed)
    assert not any(".." in found["Key"] for found in listed)


def test_users_and_ids_that_hold_separators_do_not_collide(api: Api) -> None:
    pairs = [("a#b", "c"), ("a", "b#c"), ("a", f"{AT_TEN}#c"), ("a#e#b", "c"), ("default#e#a", "c")]
    read = [api.stored({**CLICK, "user_id": user, "event_id": id_, "timestamp": AT_TEN}) for user, id_ in pairs]
    assert [(event["user_id"], event["event_id"]) for event in read] == pairs
    assert len({event["key"] for event in read}) == len(pairs)


def test_a_user_named_like_another_kind_of_item_disturbs_none(api: Api) -> None:
    paths = ("/reports?from=2003-03-03&to=2003-03-04", "/counts?event_type=calm", "/events?user_id=calm")
    sent = {"event_id": "first", "timestamp": "2003-03-03T03:03:03Z"}
    api.stored({"event_type": "calm", "user_id": "calm", **sent})
    api.aggregate()
    before = [api.get(path).json_body for path in paths]
    assert all(next(iter(answer.values())) for answer in before)
    for user in ("days", "r#hour", "d#2003-03-03#0", "g#calm", "#unfinished"):
        api.stored({"event_type": "wild", "user_id": user, **sent})
    assert [api.get(path).json_body for path in paths] == before


def test_a_user_typed_composed_or_decomposed_is_one_user(api: Api) -> None:
    composed, decomposed = "Zo\u00e9", "Zoe\u0301"
    sent = [{**CLICK, "user_id": user, "event_id": "e", "timestamp": AT_TEN} for user in (composed, decomposed)]
    first, second = api.post(sent).json_body["events"]
    assert first["key"] == second["key"]
    api.process()
    for user in (composed, decomposed):
        [event] = api.get("/events", user_id=user).json_body["events"]
        assert event["user_id"] == composed


def test_markup_comes_back_as_it_was_sent_in_json_that_no_browser_takes_for_a_page(api: Api) -> None:
    page = "</script><script>alert(1)</script>"
    key = api.verdict({**CLICK, "page": page})["key"]
    api.process()
    response = api.get(f"/events/{key}")
    assert response.json_body["properties"] == {"page": page}
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_largest_page_fits_what_lambda_may_answer(api: Api) -> None:
    event = {"event_type": "large", "user_id": "gus", "text": '"' * 16_200}
    api.post([{**event, "timestamp": 1000 + number} for number in range(100)])
    api.process()
    page = api.get("/events", user_id="gus", limit=1000)
    assert page.status_code == 200
    # The body counts as the JSON string that the function returns.
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert len(json.dumps(page.body.decode())) <= 6 * 1024 * 1024


def test_a_long_field_name_is_not_repeated_whole(api: Api) -> None:
    name = "n" * 3000
    verdict = api.verdict({"event_type": "t", "user_id": "u", name: 1, "properties": {name: 2}})
    assert (verdict["code"], verdict["field"]) == ("ambiguous_field", "n" * 60)
