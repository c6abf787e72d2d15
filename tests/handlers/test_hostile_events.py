"""Events nobody should send: one of them never costs its neighbours, and what is taken stays whole."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import boto3
import pytest
from api_client import Api

from chalicelib.core import chunk
from chalicelib.wiring import pipeline

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


@pytest.mark.parametrize(
    "number",
    ["9" * 4301, "-" + "9" * 4301, "1" + "0" * 38, "NaN", "Infinity", "-Infinity", "1e400", "1E+400", "-1e400"],
    ids=lambda number: number[:10],
)
@pytest.mark.parametrize("field", ["x", "properties", "event_id", "timestamp"])
def test_a_number_that_cannot_be_kept_costs_only_its_event(api: Api, number: str, field: str) -> None:
    value = f'{{"list": [{number}]}}' if field == "properties" else number
    assert post_between_good_ones(api, with_field(field, value))["code"] == "bad_number"


def test_a_number_of_38_digits_is_kept_to_the_last_one(api: Api) -> None:
    assert api.stored({**CLICK, "x": 10**38 - 1, "y": 1 - 10**38})["properties"] == {"x": 10**38 - 1, "y": 1 - 10**38}


@pytest.mark.parametrize("half", [r"\ud800", r"\udfff", r"\ude00\ud83d"])
@pytest.mark.parametrize("fields", ['"user_id": "HALF"', '"user_id": "u", "x": "HALF"', '"user_id": "u", "HALF": 1'])
def test_half_a_surrogate_pair_costs_only_its_event(api: Api, fields: str, half: str) -> None:
    verdict = post_between_good_ones(api, '{"event_type": "click", ' + fields.replace("HALF", half) + "}")
    assert verdict["code"] == "bad_text"


@pytest.mark.parametrize(
    ("raw_event", "code"),
    [
        (with_field("x", "[" * 20 + "]" * 20), "too_deep"),
        (with_field("properties", '{"a":' * 33 + "1" + "}" * 33), "too_deep"),
        ("[" * 100 + "]" * 100, "not_an_object"),
        (with_field("x", json.dumps("x" * 32 * 1024)), "too_large"),
        (with_field("x", json.dumps("é" * 16 * 1024)), "too_large"),
        ('{"event_type": "", "user_id": "u"}', "empty"),
        ('{"event_type": "click", "user_id": ""}', "empty"),
        ('{"event_type": "click", "anonymous_id": ""}', "empty"),
        (with_field("event_id", '""'), "empty"),
        (json.dumps({**CLICK, "event_type": "x" * 101}), "too_long"),
        (json.dumps({**CLICK, "user_id": "x" * 257}), "too_long"),
        (json.dumps({**CLICK, "anonymous_id": "x" * 2049}), "too_long"),
        (json.dumps({**CLICK, "event_id": "x" * 1025}), "too_long"),
    ],
    ids=lambda value: value[:60],
)
def test_what_could_fail_behind_the_door_is_rejected_at_the_door(api: Api, raw_event: str, code: str) -> None:
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


@pytest.mark.parametrize(
    "timestamp",
    [
        "2015-05-17T10:05:60Z",
        "2015-02-29T10:05:00Z",
        "2015-05-17T24:00:01Z",
        "2015-05-17T10:05:03",
        "2015-05-17",
        "20150517T100503Z",
        "2015-05-17T10:05:03Z\n",
        " 2015-05-17T10:05:03Z",
        "٢٠١٥-05-17T10:05:03Z",
        "2015-05-17T10:05:0\N{FULLWIDTH DIGIT THREE}Z",
        "2015-05-17T10:05:03." + "0" * 30_000 + "Z",
        "2015-W20-7T10:05:03Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "1431857103",
        "yesterday",
        "",
        True,
        False,
        10**37,
        -(10**37),
        1e300,
        1e18,
        [2015, 5, 17],
        {},
    ],
    ids=lambda timestamp: ascii(timestamp)[:30],
)
def test_a_timestamp_outside_the_strict_rule_costs_only_its_event(api: Api, timestamp: Any) -> None:
    assert post_between_good_ones(api, with_field("timestamp", json.dumps(timestamp)))["code"] == "bad_timestamp"


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


def test_no_field_of_an_event_reaches_the_name_of_an_object_in_the_archive(api: Api) -> None:
    for name in ("../x", "a/../../b", "a\nb", "%2e%2e/x", "é" * 80, "\\", "?#&="):
        api.stored({"event_type": name, "user_id": name, "event_id": name, "project": name, "timestamp": AT_TEN})
    api.aggregate()
    listed = boto3.client("s3").list_objects_v2(Bucket=os.environ["BUCKET_NAME"])["Contents"]
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
    for one in map(chunk.decode, api.take_messages()):
        for each in one.events:
            pipeline().events.claim([(one, each)])  # moto takes a second for each ten commits of such a table
    page = api.get("/events", user_id="gus", limit=1000)
    assert page.status_code == 200
    # The body counts as the JSON string that the function returns.
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert len(json.dumps(page.body.decode())) <= 6 * 1024 * 1024


def test_a_long_field_name_is_not_repeated_whole(api: Api) -> None:
    name = "n" * 3000
    verdict = api.verdict({"event_type": "t", "user_id": "u", name: 1, "properties": {name: 2}})
    assert (verdict["code"], verdict["field"]) == ("ambiguous_field", "n" * 60)
