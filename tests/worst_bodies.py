"""Bodies that are made to cost much, beside one of ordinary events: what ingestion does must follow their size."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chalice.test import HTTPResponse

from chalicelib.core.project import Project
from fake_stage import FakeStage
from millrace.ops.schema_check import check

ORDINARY_BYTES = 400
MAX_EVENT = 32_000
PRIVATE = {
    "hashes_users": True,
    "ip": "truncate",
    "dropped": frozenset(["password"]),
    "drops_emails": True,
    "secret": "s" * 32,
}


@dataclass(frozen=True)
class Request:
    """`settings` are its project's, with a catalogue if there is a schema for events of the type `t`."""

    body: str
    path: str = "/events"
    headers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    schema: Any = None
    events: int = 1

    def send(self) -> HTTPResponse:
        """The answer of a new stage that knows the project."""
        stage = FakeStage(is_open=False)
        key = stage.key("acme", **self.settings)
        if self.schema is not None:
            text = check(self.schema)
            stage.store.catalogues["acme", "v"] = {"t": text}
            settings = {"catalogue": "v", "catalogue_mode": "warn", **self.settings}
            stage.store.projects["acme"] = Project("acme", **settings)
        return stage.post(self.path, self.body.encode(), x_write_key=key, **self.headers)

    def ordinary(self) -> Request:
        """Ordinary events of this size, or of this number if they are smaller, for the same project."""
        number = min(2500, max(len(self.body.encode()) // ORDINARY_BYTES, self.events, 1))
        return Request(ordinary_body(number), settings=self.settings, schema=self.schema, events=number)


def ordinary_body(number: int) -> str:
    return json.dumps([ordinary_event(each) for each in range(number)], separators=(",", ":"))


def ordinary_event(number: int) -> dict[str, Any]:
    return {
        "event_type": "t",
        "user_id": f"user-{number}",
        "event_id": f"{number:032x}",
        "timestamp": f"2015-05-17T10:{number % 60:02}:03.123Z",
        "properties": {
            "page": "/shop/article/17",
            "title": "The title of a page",
            "price": 12.5,
            "count": 3,
            "tags": ["a", "b"],
            "referrer": "https://example.com/path?utm_source=x",
        },
        "context": {"locale": "de-DE", "library": {"name": "lib", "version": "1.2"}, "screen": {"w": 1024, "h": 768}},
    }


def list_of(item: str, size: int) -> str:
    return "[" + ",".join([item] * max(1, size // (len(item.encode()) + 1))) + "]"


def object_of(member: Callable[[int], str], size: int) -> str:
    return "{" + ",".join(member(number) for number in range(max(1, size // (len(member(9999).encode()) + 1)))) + "}"


def filled(value: Callable[[int], str], size: int, more: str = "", **options: Any) -> Request:
    """As many events of our own form as fit, each filled up with a property."""
    number = size // MAX_EVENT + 1
    event = f'{{"event_type":"t","user_id":"ann-1234"{more},"x":{value(size // number - 200 - len(more.encode()))}}}'
    return Request("[" + ",".join([event] * number) + "]", events=number, **options)


def own(size: int, **envelope: str) -> Request:
    """The smallest events, with these fields beside them, as JSON."""
    return _batch("/events", "events", '{"event_type":"t","user_id":"u"}', size, envelope)


def segment(size: int, **envelope: str) -> Request:
    return _batch("/v1/batch", "batch", '{"type":"t","userId":"u"}', size, envelope)


def posthog(size: int, **envelope: str) -> Request:
    return _batch("/batch", "batch", '{"event":"t","distinct_id":"u"}', size, envelope)


def _batch(path: str, name: str, event: str, size: int, envelope: dict[str, str]) -> Request:
    beside = "".join(f',"{each}":{value}' for each, value in envelope.items())
    number = max(1, min(2500, (size - len(beside.encode())) // (len(event) + 1)))
    return Request(f'{{"{name}":[{",".join([event] * number)}]{beside}}}', path, events=number)


def marks(count: int) -> str:
    return "a" + "\u0315" * (count // 2) + "\u0300" * (count // 2)


def items(schema: Any) -> Any:
    return {"properties": {"x": {"items": schema}}}


EVIL: dict[str, Callable[[int], Request]] = {
    # Many values, deep values, numbers that are none.
    "lists": lambda size: filled(lambda room: list_of("[]", room), size),
    "objects": lambda size: filled(lambda room: list_of('{"a":1}', room), size),
    "numbers": lambda size: filled(lambda room: list_of("1", room), size),
    "no numbers": lambda size: filled(lambda room: list_of("NaN", room), size),
    "names": lambda size: filled(lambda room: object_of(lambda number: f'"{number:x}":1', room), size),
    "nested": lambda size: filled(lambda room: list_of("[[[[[[[[[[[[1]]]]]]]]]]]]", room), size),
    "one large event": lambda size: Request(f'{{"event_type":"t","user_id":"u","x":{list_of("[]", size)}}}'),
    "no events": lambda size: Request(list_of(list_of("{}", 500), size), events=size // 500),
    "escapes": lambda size: filled(lambda room: '"' + "\\u0000" * (room // 6) + '"', size),
    "wide text": lambda size: filled(lambda room: '"' + "\U0001f600" * (room // 4) + '"', size),
    "twice": lambda size: filled(
        lambda room: f'{list_of("1", room // 2)},"properties":{{"x":{list_of("1", room // 2)}}}', size
    ),
    "content for an id": lambda size: filled(
        lambda room: list_of("1", room), size, ',"timestamp":"2015-05-17T10:00:00Z"'
    ),
    # Ids and times.
    "marks in ids": lambda size: Request(
        "["
        + ",".join(
            [f'{{"event_type":"t","user_id":"{marks(1000)}","anonymous_id":"{marks(1000)}","event_id":"{marks(780)}"}}']
            * (size // 5600 + 1)
        )
        + "]",
        events=size // 5600 + 1,
    ),
    "far too long ids": lambda size: filled(lambda _: "1", size, f',"anonymous_id":"{marks(14_000)}"'),
    "long times": lambda size: filled(lambda _: "1", size, f',"timestamp":"2015-05-17T10:00:00.{"0" * 30_000}Z"'),
    # What a batch shares.
    "shared list": lambda size: segment(size, integrations=list_of("[]", size // 3)),
    "shared context": lambda size: segment(size, context=object_of(lambda number: f'"{number:x}":1', size // 3)),
    "small shared list": lambda size: segment(size, integrations=list_of("[]", 2_000)),
    "small shared context": lambda size: segment(size, context=object_of(lambda number: f'"{number:x}":1', 2_000)),
    "shared time": lambda size: segment(size, sentAt=f'"{"2" * (size // 3)}"'),
    "shared by PostHog": lambda size: posthog(size, sent_at=f'"{"2" * (size // 3)}"', more=list_of("[]", size // 3)),
    "beside our own events": lambda size: own(size, more=list_of("[]", size // 2)),
    # Headers.
    "an open quote": lambda _: Request(
        "x", headers={"ce_specversion": "1.0", "ce_x": '"' + '\\"' * 5000, "content_type": "text/plain"}
    ),
    "idempotency key": lambda size: replace(own(size), headers={"idempotency_key": "k" * 9000}),
    # What a project hides.
    "hashed list": lambda size: filled(lambda room: f'{{"alias":{list_of("1", room)}}}', size, settings=PRIVATE),
    "hashed ids": lambda size: filled(
        lambda room: "[" + ",".join(f'{{"userId":{number}}}' for number in range(room // 16)) + "]",
        size,
        settings=PRIVATE,
    ),
    "copies": lambda size: filled(lambda room: list_of('"ann-1234"', room), size, settings=PRIVATE),
    "addresses": lambda size: filled(lambda room: list_of('"10.1.2.3"', room), size, settings=PRIVATE),
    "parameters": lambda size: filled(lambda room: '"' + "a=b&" * (room // 4) + '"', size, settings=PRIVATE),
    "mail": lambda size: filled(lambda room: '"' + "a@b." * (room // 4) + '"', size, settings=PRIVATE),
    "marks in text": lambda size: filled(lambda room: f'"{marks(room // 2)}"', size, settings=PRIVATE),
    "shared and hidden": lambda size: replace(
        segment(size, context='{"seen":' + list_of('"ann-1234"', 2_000) + "}"), settings=PRIVATE
    ),
    # Catalogues.
    "alternatives": lambda size: filled(
        lambda room: list_of("1", room), size, schema=items({"anyOf": [{"type": "null"}] * 400 + [True]})
    ),
    "one of many": lambda size: filled(
        lambda room: list_of("1", room), size, schema=items({"oneOf": [{"minimum": least} for least in range(1, 101)]})
    ),
    "contained": lambda size: filled(
        lambda room: list_of("1", room), size,
        schema={"properties": {"x": {"contains": {"anyOf": [{"type": "null"}] * 400}}}},
    ),
    "enumeration": lambda size: filled(
        lambda room: list_of("-1", room), size, schema=items({"anyOf": [{"enum": list(range(9000))}, True]})
    ),
    "pattern": lambda size: filled(
        lambda room: '"' + "ab" * (room // 2) + '"',
        size,
        schema={"properties": {"x": {"pattern": "^[ab]*a[ab]{200}c"}}},
    ),
    "patterns": lambda size: filled(lambda room: list_of('"a"', room), size, schema=items({"pattern": "^a*a*a*a*$"})),
    "multiples": lambda size: filled(lambda room: list_of("1", room), size, schema=items({"multipleOf": 0.1})),
    "unique": lambda size: filled(
        lambda room: "[" + ",".join(f"[{number}]" for number in range(room // 8)) + "]", size,
        schema={"properties": {"x": {"uniqueItems": True}}},
    ),
}  # fmt: skip
