"""A message must keep every rule that ingestion keeps: one that breaks a single rule is undecodable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import NOW, make_chunk, make_event, make_single
from chalicelib.core import limits, timestamps
from chalicelib.core.chunk import Chunk, decode, encode
from chalicelib.core.chunk_id import mint_chunk_id, single_id
from chalicelib.core.event import Event
from chalicelib.errors import Undecodable

CHUNK = make_chunk(make_event("e1"), make_event("e2", at="2015-05-17T10:07:00Z"), repeats=1)
SINGLE = make_single()
DAY = timedelta(days=1)


def changed(*path: str | int, to: Any) -> str:
    """The chunk's message with the value at a path replaced, or added."""
    document = json.loads(encode(CHUNK))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(document)


def of_event(to: Any, *path: str) -> str:
    return changed("events", 0, *path, to=to)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def at(moment: datetime, *, received: datetime | None = None, **more: Any) -> str:
    """A chunk that was minted, and received if nothing else is said, at a moment."""
    sender = replace(CHUNK.sender, received=received or moment)
    return encode(replace(CHUNK, sender=sender, chunk_id=mint_chunk_id(moment, "2015-05-17T10:07", bytes(10)), **more))


def of_types(number: int) -> str:
    return encode(make_chunk(*(make_event(f"e{n}", event_type=f"t{n}") for n in range(number))))


def of_events(*events: Event) -> str:
    return encode(make_chunk(*events))


BAD: dict[str, str] = {
    "a project with a separator": changed("project", to="beta#e#x"),
    "a project of half a surrogate pair": changed("project", to="\ud800"),
    "a project with a long name": changed("project", to="x" * 3000),
    "a project with a line feed": changed("project", to="beta\n"),
    "a project that is no text": changed("project", to=5),
    "no project": changed("project", to=None),
    "a chunk id of the year 9999": at(datetime(9999, 6, 1, tzinfo=UTC)),
    "a chunk id of the year 9100": at(datetime(9100, 1, 1, tzinfo=UTC)),
    "a chunk id beyond all years": changed("chunk_id", to="76EZ91ZPZZ" + CHUNK.chunk_id[10:]),
    "a chunk id with another minute": changed("chunk_id", to=CHUNK.chunk_id[:-2] + "08"),
    "a chunk id with an earlier minute": changed("chunk_id", to=CHUNK.chunk_id[:-2] + "05"),
    "a chunk id in a list": changed("chunk_id", to=[CHUNK.chunk_id]),
    "received long after it was minted": at(NOW, received=NOW + 2 * DAY),
    "renewed at the end of time": at(NOW, renewed=datetime(9999, 12, 31, tzinfo=UTC)),
    "an event of the future": at(NOW - 2 * DAY, received=NOW - 2 * DAY),
    "received at a number": changed("received_at", to=1431858600),
    "received in another form": changed("received_at", to="2015-05-17T10:30:00Z"),
    "renewed at nothing": changed("renewed_at", to=None),
    "an address that is no text": changed("source_ip", to={"ip": "192.0.2.1"}),
    "a long address": changed("source_ip", to="1" * 2000),
    "a user agent of half a surrogate pair": changed("user_agent", to="x\udc00"),
    "a long user agent": changed("user_agent", to="x" * 2000),
    "a field that no message has": changed("more", to=1),
    "repeats below zero": changed("repeats", to=-1),
    "repeats that are true": changed("repeats", to=True),
    "repeats with a fraction": changed("repeats", to=1.5),
    "repeats of 39 digits": changed("repeats", to=10**38),
    "repeats beyond reason": changed("repeats", to=10**9),
    "events in an object": changed("events", to={"0": {}}),
    "more events than a chunk": of_events(*(make_event(f"e{n}") for n in range(limits.MAX_CHUNK_EVENTS + 1))),
    "more types than a commit takes": of_types(limits.MAX_CHUNK_TYPES + 1),
    "an event twice": of_events(make_event("e1"), make_event("e1")),
    "an identity twice": of_events(make_event(guarded=True), make_event(at="2015-05-17T10:06:00Z", guarded=True)),
    "an id of another user twice": of_events(make_event(sole_id=True), make_event(user="u2", sole_id=True)),
    "an event with its time in another zone": of_event("2015-05-17T12:05:00+02:00", "timestamp"),
    "an event with its time as a number": of_event(1431857100, "timestamp"),
    "an event with an unknown field": of_event(1, "more"),
    "a guarded event that says so by a number": of_event(1, "guarded"),
    "an event whose user may change and that has one": of_event(True, "user_may_change"),
    "an event with a time of its own that is the other": of_event("2015-05-17T10:05:00Z", "own_time"),
    "an event with a time of its own in another zone": of_event("2015-05-17T12:05:00+02:00", "own_time"),
    "an event with a time of its own that is a number": of_event(1431857100, "own_time"),
    "a guarded event with a time of its own": of_events(make_event(own="2015-05-17T10:06:00Z", guarded=True)),
    "an event moved to the place of another": of_events(
        make_event(at="2015-05-17T10:06:00Z"), make_event(at="2015-05-17T10:06:00Z", own="2015-05-17T10:07:00Z")
    ),
    "an event at the natural key of another": of_events(
        make_event(at="2015-05-17T10:06:00Z"), make_event(own="2015-05-17T10:06:00Z")
    ),
    "a user of half a surrogate pair": of_event("\ud800", "user_id"),
    "a user not in NFC": of_event("e\u0301", "user_id"),
    "an event id not in NFC": of_event("e\u0301", "event_id"),
    "a type that is too long": of_event("x" * 101, "event_type"),
    "a name of half a surrogate pair": of_event({"\ud800": 1}, "properties"),
    "half a surrogate pair deep in properties": of_event({"page": [{"x": "\udfff"}]}, "properties"),
    "properties that nest too deep": of_event({"x": nested(limits.MAX_DEPTH)}, "properties"),
    "a context that nests too deep": of_event({"x": nested(limits.MAX_DEPTH)}, "context"),
    "NaN": of_event({"x": float("nan")}, "properties"),
    "an infinity": of_event({"x": float("-inf")}, "context"),
    "a number beyond all floats": of_event({"x": "1e999"}, "properties").replace('"1e999"', "1e999"),
    "an integer of 39 digits": of_event({"x": -(10**38)}, "properties"),
    "text that is not ASCII": changed("user_agent", to="?").replace("?", "ä"),
    "a message that is too large": of_event({"x": "y" * limits.MAX_QUEUE_MESSAGE_BYTES}, "properties"),
    "a single of two": encode(replace(SINGLE, repeats=1)),
    "a single with a guard": encode(make_single(make_event(guarded=True))),
    "a single of an id that alone identifies": encode(make_single(make_event(sole_id=True))),
    "a single with a pointer": encode(make_single(make_event(own="2015-05-17T10:06:00Z"))),
    "a single of another user than its pointer's": encode(make_single(make_event(anonymous="a"))),
    "a single that is large": encode(make_single(make_event(x="y" * limits.MAX_SINGLE_BYTES))),
    "a single that is old": encode(make_single(make_event(at="2015-05-10T10:05:00Z"))),
    "a single with a long id": encode(make_single(make_event("e" * 200, user="u" * 200))),
    "a single of another event": encode(replace(SINGLE, chunk_id=single_id(SINGLE.owner, make_event("e9").ref))),
}


def test_what_the_changes_are_made_to_is_sound() -> None:
    for chunk in (CHUNK, SINGLE):
        assert decode(encode(chunk)) == chunk


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD.items()])
def test_a_message_that_breaks_a_rule_of_ingestion_is_undecodable(body: str) -> None:
    with pytest.raises(Undecodable):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(of_types(limits.MAX_CHUNK_TYPES), id="as many types as a commit takes"),
        pytest.param(of_event({"x": nested(limits.MAX_DEPTH - 1)}, "properties"), id="as deep as events go"),
        pytest.param(of_event({"x": 10**38 - 1}, "properties"), id="38 digits"),
        pytest.param(of_event({"\U0001f600": "\U0001f600\ufffe\0"}, "properties"), id="a whole surrogate pair"),
        pytest.param(of_event("u" * limits.MAX_USER_LENGTH, "user_id"), id="a long user"),
        pytest.param(at(NOW + 365 * DAY, received=NOW), id="a replay"),
        pytest.param(at(NOW, renewed=NOW + 90 * DAY), id="a renewed chunk"),
        pytest.param(
            at(NOW - DAY + timedelta(minutes=20), received=NOW - DAY + timedelta(minutes=20)), id="a day ahead"
        ),
    ],
)
def test_a_message_at_a_limit_is_decoded(body: str) -> None:
    assert encode(decode(body)) == json.dumps(json.loads(body), separators=(",", ":"))


LATER: dict[str, Callable[[datetime], str]] = {
    "minted": at,
    "renewed": lambda moment: at(NOW, renewed=moment),
}


@pytest.mark.parametrize("how", LATER)
def test_a_chunk_of_the_future_is_not_believed(how: str) -> None:
    latest = NOW + DAY
    assert isinstance(decode(LATER[how](latest), latest=latest), Chunk)
    with pytest.raises(Undecodable, match="future"):
        decode(LATER[how](latest + timedelta(seconds=1)), latest=latest)


def test_times_in_a_message_have_one_form() -> None:
    assert json.loads(encode(CHUNK))["received_at"] == timestamps.sortable(NOW)
