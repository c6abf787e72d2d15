"""Bodies nobody should send: nothing bad answers 500, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from handlers.api_client import Api

MIB = 1024 * 1024
AT_TEN = "2015-05-17T10:05:03Z"
CLICK = {"event_type": "click", "user_id": "u1"}
GOOD = json.dumps(CLICK)
PACKED = gzip.compress(GOOD.encode(), mtime=0)


# What else cannot be read is listed in tests/unit/test_payload.py.
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        ((GOOD[:-1] + ', "deep": ' + "[" * 50_000 + "]" * 50_000 + "}").encode(), "too_deep"),
        (GOOD.encode("utf-16"), "not_utf8"),
        (b'{"event_type": "click", "user_id": "\xed\xa0\x80"}', "not_utf8"),
        (PACKED[:-1], "bad_gzip"),
        (gzip.compress(PACKED), "not_utf8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_that_cannot_be_read_answers_400(api: Api, body: bytes, code: str) -> None:
    response = api.post(body)
    assert (response.status_code, response.json_body["code"]) == (400, code)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "APPLICATION/JSON; Charset=UTF-8", "image/png", "application/octet-stream", "nonsense"],
)
def test_a_body_is_parsed_whatever_content_type_it_claims(api: Api, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content_type": content_type}
    response = api.request("POST", "/events", GOOD.encode(), **headers)
    assert (response.status_code, response.json_body["accepted"]) == (200, 1)


def test_a_large_post_is_split_into_messages_that_the_queue_takes(api: Api) -> None:
    events = [{**CLICK, "event_id": str(number), "timestamp": AT_TEN, "x": "é" * 15_000} for number in range(130)]
    body = json.dumps(events, ensure_ascii=False).encode()
    assert 3 * MIB < len(body) < 4 * MIB
    response = api.post(body)
    messages = api.take_messages()
    assert (response.status_code, response.json_body["accepted"]) == (200, 130)
    assert max(map(len, messages)) <= MIB < sum(map(len, messages))
    queued = [event["event_id"] for message in messages for event in json.loads(message)["events"]]
    assert sorted(queued, key=int) == [event["event_id"] for event in events]


def bomb(size: int) -> bytes:
    """Gzip of that many bytes: an event, then blanks."""
    packer = zlib.compressobj(9, wbits=31)
    blanks = (size - len(GOOD)) // MIB
    parts = [GOOD.encode(), b" " * ((size - len(GOOD)) % MIB), *([b" " * MIB] * blanks)]
    return b"".join([packer.compress(part) for part in parts]) + packer.flush()


def test_a_gzip_body_inflates_to_6_mib_and_no_more(api: Api) -> None:
    at_the_limit, above = api.post(bomb(6 * MIB)), api.post(bomb(6 * MIB + 1))
    assert at_the_limit.status_code == 200
    assert (above.status_code, above.json_body["code"]) == (413, "body_too_large")
