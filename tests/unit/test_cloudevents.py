"""CloudEvents in Millrace's own form: structured, batched, binary; told apart by source and id."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from builders import NOW
from chalicelib.core.dialects import Incoming, cloudevents, without
from chalicelib.core.dialects.registry import dialect_of, load
from chalicelib.core.event import Rejected
from chalicelib.errors import Problem

EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/shop",
    "type": "order.completed",
    "subject": "ann",
    "time": "2015-05-17T10:00:00Z",
    "traceparent": "00-1",
    "data": {"total": 12.5},
}
GZIP = gzip.compress(b'{"a": 1}', mtime=0)
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json; charset=UTF-8"


def read(body: bytes, **headers: str) -> list[Any]:
    """The fields of each event, or what is wrong with it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    incoming = Incoming(body, named, {}, NOW)
    dialect = dialect_of("POST", "/events", incoming)
    return [event.rejected or event.fields for event in load(dialect.reader)(dialect.opened(incoming)).events]


def binary(body: bytes, content_type: str | None = None, encoding: str = "", **attributes: str) -> Any:
    required = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "t"}
    headers = {f"ce-{name}": value for name, value in (required | attributes).items()}
    headers |= {"content-encoding": encoding} if encoding else {}
    return read(body, **headers, **({"content-type": content_type} if content_type else {}))[0]


@pytest.mark.parametrize(
    ("content_type", "document"),
    [(STRUCTURED, EVENT), ("Application/CloudEvents+JSON", EVENT), (BATCH, [EVENT]), ("application/json", EVENT),
     ("application/json", [EVENT]), ("text/plain", {"events": [EVENT]})],
)  # fmt: skip
def test_every_attribute_is_kept(content_type: str, document: Any) -> None:
    assert read(json.dumps(document).encode(), content_type=content_type) == [
        {
            "event_type": "order.completed",
            "event_id": "/shop e1",
            "user_id": "ann",
            "anonymous_id": None,
            "timestamp": "2015-05-17T10:00:00Z",
            "properties": {"total": 12.5},
            "context": {
                "cloudevent": {
                    "specversion": "1.0",
                    "id": "e1",
                    "source": "/shop",
                    "traceparent": "00-1",
                }
            },
        }
    ]


def test_an_empty_batch_is_no_error_and_a_batch_that_is_none_is() -> None:
    assert read(b"[]", content_type=BATCH) == []
    with pytest.raises(Problem) as caught:
        read(b"{}", content_type=BATCH)
    assert caught.value.code == "not_json"
    with pytest.raises(Problem) as caught:
        read(b"", content_type="application/cloudevents+avro")
    assert caught.value.code == "not_json"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_an_event_without_what_it_needs_is_rejected(name: str, value: Any) -> None:
    (rejected,) = read(json.dumps(EVENT | {name: value}).encode(), content_type=STRUCTURED)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == ("missing_field", name)


def test_two_sources_with_one_id_are_two_events_however_long_they_are() -> None:
    pairs = [("/a", "b c"), ("/a b", "c"), ("/a%20b c", ""), ("/a", "b"), ("/x" * 200, "1"), ("/x" * 200, "2")]
    ids = [
        cloudevents.read_one(EVENT | {"source": source, "id": event_id or "-"}).fields["event_id"]
        for source, event_id in pairs
    ]
    assert len(set(ids)) == len(pairs)
    assert all(len(each) <= 200 for each in ids)


@pytest.mark.parametrize(
    ("more", "user", "anonymous"),
    [
        ({}, "ann", None),
        ({"data": {"user_id": "bob"}}, "bob", None),
        ({"data": {"userId": 7}}, 7, None),
        ({"userid": "eve", "data": {"user_id": "bob"}}, "eve", None),
        ({"subject": None}, None, "/shop"),
        ({"subject": None, "data": {"anonymous_id": "anon"}}, None, "anon"),
    ],
)
def test_whom_an_event_is_stored_under(more: dict[str, Any], user: Any, anonymous: str | None) -> None:
    event = cloudevents.read_one(EVENT | more).fields
    assert (event["user_id"], event["anonymous_id"]) == (user, anonymous)


@pytest.mark.parametrize(
    ("body", "content_type", "properties"),
    [
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b'{"a": 1}', "application/vnd.shop+json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', None, {"a": 1}),
        (b"[1]", "application/json", {"data": [1]}),
        (b"hello", None, {"data": "hello"}),
        (b"<a/>", "text/xml", {"data": "<a/>"}),
        (b"\xff\x00", "text/plain", {"data_base64": "/wA="}),
        (b"\xff\x00", "application/octet-stream", {"data_base64": "/wA="}),
        (b"abc", "application/protobuf", {"data_base64": "YWJj"}),
        (GZIP, "application/gzip", {"data_base64": base64.b64encode(GZIP).decode()}),
        (GZIP, "application/octet-stream", {"data_base64": base64.b64encode(GZIP).decode()}),
        (b"", "application/json", {}),
    ],
)
def test_binary_data_is_what_its_content_type_says(body: bytes, content_type: str | None, properties: Any) -> None:
    event = binary(body, content_type)
    assert event["properties"] == properties
    assert event["context"]["cloudevent"].get("datacontenttype") == content_type


def test_data_is_inflated_where_the_transport_says_so_and_only_there() -> None:
    event = binary(GZIP, "application/json", encoding="gzip")
    assert event["properties"] == {"a": 1}


@pytest.mark.parametrize("content_type", ["image/png", "application/avro; v=1", "application/xml", "text/xml", None])
@pytest.mark.parametrize("body", [b"\xff\x00", "\N{REPLACEMENT CHARACTER}".encode()])
def test_bytes_that_arrive_damaged_behind_the_gateway_are_refused(content_type: str | None, body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        binary(body, content_type)
    assert (caught.value.code, caught.value.status) == ("unsupported_media_type", 415)
    assert "application/octet-stream" in caught.value.message


VERSION_03 = without(EVENT, "data") | {"specversion": "0.3", "datacontentencoding": "base64"}


@pytest.mark.parametrize(
    ("more", "properties"),
    [
        ({"data": "eyJhIjoxfQ==", "datacontenttype": "application/json"}, {"a": 1}),
        ({"data": "eyJhIjoxfQ=="}, {"a": 1}),
        ({"data": "aGk=", "datacontenttype": "text/plain"}, {"data": "hi"}),
        ({"data": "/wA=", "datacontenttype": "application/octet-stream"}, {"data_base64": "/wA="}),
        ({"data": "/wA=", "datacontenttype": "image/png"}, {"data_base64": "/wA="}),
    ],
)
@pytest.mark.parametrize("content_type", [STRUCTURED, "application/json"])
def test_an_event_of_version_0_3_is_read_by_its_own_rules(content_type: str, more: Any, properties: Any) -> None:
    (event,) = read(json.dumps(VERSION_03 | more).encode(), content_type=content_type)
    assert event["properties"] == properties
    assert event["context"]["cloudevent"]["specversion"] == "0.3"
    assert "datacontentencoding" not in event["context"]["cloudevent"]


@pytest.mark.parametrize("more", [{"data": "no base64"}, {"data": {"a": 1}}, {"data": "ew=="}])
def test_data_of_version_0_3_that_is_not_what_it_says_is_kept_as_it_is(more: Any) -> None:
    (event,) = read(json.dumps(VERSION_03 | more).encode(), content_type=STRUCTURED)
    assert event["properties"] == (more["data"] if isinstance(more["data"], dict) else more)
    assert event["context"]["cloudevent"]["datacontentencoding"] == "base64"


@pytest.mark.parametrize("version", ["0.9", "0.2", "1", "1.1", "2.0", "1.0 ", "x"])
def test_an_event_of_another_version_is_refused(version: str) -> None:
    body = json.dumps(EVENT | {"specversion": version}).encode()
    for rejected in (read(body, content_type=STRUCTURED)[0], read(body)[0], binary(b"{}", specversion=version)):
        assert (rejected.code, rejected.field) == ("unknown_version", "specversion")


LONG = "x" * 257


@pytest.mark.parametrize("value", [{"id": 1}, ["ann"], True, 1.5, LONG, "\ud800", ""])
@pytest.mark.parametrize("name", ["user_id", "userId", "anonymous_id", "anonymousId"])
def test_what_can_be_no_id_in_the_data_names_nobody_and_loses_nothing(name: str, value: Any) -> None:
    event = cloudevents.read_one(EVENT | {"data": {name: value}}).fields
    assert (event["user_id"], event["anonymous_id"], event["properties"]) == ("ann", None, {name: value})


@pytest.mark.parametrize("more", [{"subject": LONG}, {"subject": LONG, "source": "/s" * 200}])
def test_a_subject_or_source_that_is_too_long_for_an_id_costs_no_event(more: dict[str, Any]) -> None:
    event = cloudevents.read_one(EVENT | more).fields
    assert event["user_id"] is None
    assert 0 < len(event["anonymous_id"]) <= 256
    assert event["context"]["cloudevent"]["source"] == more.get("source", "/shop")
    assert event["context"]["cloudevent"]["subject"] == LONG


def test_two_kinds_of_data_with_one_name_are_both_kept() -> None:
    event = cloudevents.read_one(EVENT | {"data": {"data_base64": "mine"}, "data_base64": "AA=="}).fields
    assert event["properties"] == {"data_base64": "mine"}
    assert event["context"]["cloudevent"]["data_base64"] == "AA=="


def test_json_that_is_none_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        binary(b"{", "application/json")
    assert caught.value.code == "not_json"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Euro%20%E2%82%AC", "Euro €"),
        ("Zoë 1", "Zoë 1"),
        ('"a \\"b\\""', 'a "b"'),
        ('"a" and "b"', '"a" and "b"'),
        ('"' + '\\"' * 100, '"' + '\\"' * 100),  # a quote without an end
        ("100%25", "100%"),
        ("a%zz", "a%zz"),
    ],
)
def test_attributes_in_headers_are_percent_decoded(value: str, text: str) -> None:
    assert binary(b"", subject=value)["user_id"] == text


def test_a_header_that_is_not_utf8_is_rejected() -> None:
    rejected = binary(b"", subject="%C0%A0")
    assert (rejected.code, rejected.field) == ("bad_text", "subject")


def test_data_in_base64_is_kept_as_it_is() -> None:
    coded = base64.b64encode(b"\x00").decode()
    event = cloudevents.read_one(without(EVENT, "data") | {"data_base64": coded}).fields
    assert event["properties"] == {"data_base64": coded}


def test_zero_is_a_user() -> None:
    (fields,) = read(json.dumps(EVENT | {"userid": 0}).encode(), content_type=STRUCTURED)
    assert fields["user_id"] == 0
