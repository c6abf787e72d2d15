"""Requests in every dialect as somebody might spoil them: by byte, by value, by packing, by header, by path."""

from __future__ import annotations

import base64
import gzip
import json
import random
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import recorded

_OWN = {"event_type": "view", "user_id": "ann", "event_id": "e1", "timestamp": "2026-11-28T13:00:00Z", "page": "/"}
_CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "ann", "data": {"a": 1}}
_OFFSETS = [{"event": "e", "distinct_id": "u", "properties": {"token": "phc_1"}, "offset": 1000}]
# Each value that has broken something somewhere.
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 12345.0, 10**38, -(10**39), 10**400, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "\udfff\ud800",
        "e\u0301" * 90,
        "\u0315\u0300" * 200,
        "x" * 300,
        "x" * 33_000,
        "😀" * 101,
    ),
    *(
        "soon",
        "2026-11-28T13:00:00Z",
        "2026-11-28",
        "0000-00-00T00:00:00Z",
        "9999-12-31T24:00:00Z",
        "1990-12-31T23:59:60Z",
    ),
    *(
        "2031-01-01T00:00:00+00",
        "0001-01-01T00:00:00+14:00",
        "1764334800000",
        -62135596801,
        253402300800,
        4102444800000,
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"a": {"a": {}}}},
        "track",
        "identify",
        "mw_" + "0" * 12 + "_" + "0" * 40,
    ),
    *(
        "a#b",
        "../x",
        "{}",
        "[]",
        "data=",
        "=cmd",
        "<script>",
        "constructor",
        "\N{RIGHT-TO-LEFT OVERRIDE}",
        "\ufeff",
        "ﬁ",
    ),
]
_NAMES = [
    *("type", "event", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt", "properties"),
    *(
        "traits",
        "context",
        "integrations",
        "batch",
        "distinct_id",
        "uuid",
        "offset",
        "sent_at",
        "$set",
        "token",
        "api_key",
    ),
    *("writeKey", "write_key", "historical_migration", "event_type", "event_id", "user_id", "anonymous_id", "events"),
    *(
        "specversion",
        "id",
        "source",
        "subject",
        "time",
        "data",
        "data_base64",
        "datacontenttype",
        "datacontentencoding",
    ),
    *(
        "$insert_id",
        "$device_id",
        "$is_identified",
        "name",
        "category",
        "groupId",
        "segment",
        "posthog",
        "",
        "\ud800",
        "a" * 99,
    ),
]
_PATHS = [
    *("/events", "/batch", "/capture", "/e", "/track", "/i/v0/e", "/pixel.gif"),
    *(
        f"/v1/{call}"
        for call in ("batch", "import", "track", "identify", "page", "screen", "group", "alias", "t", "nothing")
    ),
]
_TYPES = [
    *(
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
        "nonsense",
    ),
    *("application/cloudevents+json", "application/cloudevents-batch+json", "application/cloudevents+xml", "image/png"),
    *("application/gzip", "application/json; charset=utf-16", "text/xml", "a/b+json"),
]
_HEADERS = [
    *("x-write-key", "authorization", "idempotency-key", "content-encoding", "ce-specversion", "ce-id", "ce-source"),
    *("ce-type", "ce-subject", "ce-time", "ce-userid", "ce-", "user-agent", "x-forwarded-proto", "host"),
]
_TEXTS = [
    *(
        "",
        "1.0",
        "0.3",
        "gzip",
        "Basic",
        "Basic eDo=",
        "Basic \xff",
        "Bearer x",
        "%C0%A0",
        '"\\"',
        "\xe9",
        "x" * 3000,
        "null",
    ),
    *("2026-11-28T13:00:00Z", "mw_" + "0" * 12 + "_" + "0" * 40, "%", "application/json", "a,b", "ann"),
]


@dataclass(frozen=True)
class Request:
    """What is sent. Header names are those of HTTP."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def seeds() -> list[Request]:
    """Good requests in every dialect."""
    known = [
        Request("POST", each.path, each.headers, body)
        for each in recorded.requests()
        for body in {each.body: 0, each.plain: 0}
    ]
    made: list[tuple[str, Any]] = [
        *(("/events", document) for document in (_OWN, [_OWN, _OWN], {"events": [_OWN], "sent_at": "2026-11-28"})),
        *(
            ("/events", document)
            for document in (_CLOUDEVENT, [_CLOUDEVENT | {"specversion": "0.3"}], [_OWN, _CLOUDEVENT])
        ),
        *(
            ("/e", document)
            for document in (_OFFSETS, {"data": _packed(_OFFSETS)}, {"batch": _OFFSETS, "api_key": "k"})
        ),
    ]
    form = Request("POST", "/e", {}, b"data=" + quote(_packed(_OFFSETS)).encode() + b"&compression=base64")
    pixel = Request("GET", f"/pixel.gif?{urlencode(_OWN)}", {}, b"")
    return [*known, *(Request("POST", path, {}, json.dumps(document).encode()) for path, document in made), form, pixel]


def _packed(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def mutate(request: Request, chance: random.Random) -> Request:
    """The request with one to four things changed."""
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4))):
        request = chance.choice(_WAYS)(request, chance)
    return request


def _change_values(request: Request, chance: random.Random) -> Request:
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return request
    for _ in range(chance.randint(1, 4)):
        document = _changed(document, chance)
    return replace(request, body=json.dumps(document).encode())


def _changed(document: Any, chance: random.Random) -> Any:
    """With a value somewhere in it replaced, removed, added, copied to another place or wrapped."""
    if not isinstance(document, dict | list) or not document or chance.random() < 0.1:
        return chance.choice([chance.choice(_VALUES), [document], {chance.choice(_NAMES): document}, [document] * 3])
    places = list(document) if isinstance(document, dict) else list(range(len(document)))
    # More often what a dialect looks at.
    places = [place for place in places if place in _NAMES and chance.random() < 0.7] or places
    place, copy = chance.choice(places), dict(document) if isinstance(document, dict) else list(document)
    way = chance.randrange(5)
    if way == 0 and isinstance(copy, dict):
        copy[chance.choice(_NAMES)] = copy.pop(place)
    elif way == 1 and isinstance(copy, dict):
        copy[chance.choice(_NAMES)] = chance.choice([*_VALUES, document[place]])
    elif way == 2:
        del copy[place]
    else:
        copy[place] = _changed(document[place], chance)
    return copy


def _change_bytes(request: Request, chance: random.Random) -> Request:
    body, at = bytearray(request.body), chance.randint(0, len(request.body))
    piece = chance.choice(
        [b"", bytes([chance.randrange(256)]), b"\xff\xfe", b'"', b"{", b"]", b"\\ud800", b"NaN", b"1e999"]
    )
    body[at : at + chance.choice((0, 1, 1, 5, 100, 10_000))] = piece
    return replace(request, body=bytes(body))


def _pack(request: Request, chance: random.Random) -> Request:
    body = request.body
    ways = [
        gzip.compress(body, mtime=0),
        gzip.compress(body[:9], mtime=0) + gzip.compress(body[9:], mtime=0),
        gzip.compress(body, mtime=0)[:-3],
        base64.b64encode(body),
        b"data=" + quote(base64.b64encode(body)).encode(),
        b"data=" + quote(body).encode() + b"&a=1&a=2",
        b"\xef\xbb\xbf" + body,
        body + body,
        b"[" * chance.choice((3, 30, 3000)) + body,
        b'{"events":' + body + b',"x":1}',
        b'{"batch":[' + body + b',1],"sentAt":0,"context":[]}',
        json.dumps({"data": base64.b64encode(body).decode()}).encode(),
        body.decode("utf-8", "replace").encode("utf-16"),
        b"",
    ]
    return replace(request, body=chance.choice(ways))


def _change_headers(request: Request, chance: random.Random) -> Request:
    named = {chance.choice(_HEADERS): chance.choice(_TEXTS), "content-type": chance.choice(_TYPES)}
    return replace(request, headers={**request.headers, **dict([chance.choice(list(named.items()))])})


def _change_target(request: Request, chance: random.Random) -> Request:
    path = chance.choice([request.target, *_PATHS])
    name = chance.choice(["_", "key", "write_key", "user_id", "event_type", "timestamp", "tag", "tag"])
    value = chance.choice([*(str(each) for each in _VALUES if len(str(each)) < 500), *_TEXTS])
    more = f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}"
    target = f"{path}{'&' if '?' in path else '?'}{more}" if chance.random() < 0.5 else path
    return replace(request, target=target, method="GET" if target.startswith("/pixel") else "POST")


_WAYS = (_change_values, _change_values, _change_values, _change_bytes, _pack, _change_headers, _change_target)
