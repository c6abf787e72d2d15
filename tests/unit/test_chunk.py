"""Chunks: how events are packed into messages, and that a message gives back what went in."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import make_event
from chalicelib.core import limits
from chalicelib.core.chunk import Chunk, Sender, decode, encode, pack, stored_form
from chalicelib.core.chunk_id import (
    mint_chunk_id,
    minted_at,
    owner_of,
    single_ref,
)
from chalicelib.core.event import Event, event_key
from chalicelib.errors import Undecodable

RECEIVED = datetime(2015, 5, 17, 12, tzinfo=UTC)
SENDER = Sender("default", RECEIVED, "192.0.2.1", "curl/8.0")
HOUR = "2015-05-17T10"
MINUTE = f"{HOUR}:05"
CHUNK_ID = mint_chunk_id(RECEIVED, MINUTE, bytes(range(10)))


def event(number: int = 0, hour: str = HOUR, event_type: str = "view", filler: str = "") -> Event:
    return make_event(f"e{number}", at=f"{hour}:05:03Z", user="u", event_type=event_type, filler=filler)


# A run: how many events, their hour, how many types they take in turn, and their size.
runs = st.tuples(
    st.integers(1, 600),
    st.sampled_from(["2015-05-17T10", "2015-05-17T11", "1999-12-31T23"]),
    st.integers(1, 120),
    st.sampled_from(["", "x" * 400, "é" * 400]),
)
giants = st.tuples(st.integers(1, 12), st.just(HOUR), st.just(1), st.sampled_from(["x" * 32_000, "é" * 16_000]))


def expand(rows: list[tuple[int, str, int, str]]) -> list[Event]:
    plan = [(hour, f"t{at % types}", filler) for count, hour, types, filler in rows for at in range(count)]
    return [event(number, *facts) for number, facts in enumerate(plan)]


@given(st.lists(runs | giants, min_size=1, max_size=3).map(expand), st.integers(0, 9))
def test_packing_keeps_every_event_once_and_every_limit(events: list[Event], repeated: int) -> None:
    repeats = dict.fromkeys({each.time[:13] for each in events}, repeated)
    minted: list[str] = []

    def mint(minute: str) -> str:
        minted.append(mint_chunk_id(RECEIVED, minute, len(minted).to_bytes(10, "big")))
        return minted[-1]

    packed = pack(events, sender=SENDER, repeats=repeats, mint=mint)
    chunks = [chunk for chunk, _ in packed]

    assert [each for chunk in chunks for each in chunk.events] == sorted(events, key=lambda each: each.time[:13])
    assert [chunk.owner for chunk in chunks] == minted
    assert sum(chunk.accepted for chunk in chunks) == len(events) + repeated * len(repeats)
    for chunk, body in packed:
        assert body == encode(chunk)
        assert {each.time[:13] for each in chunk.events} == {chunk.hour}
        assert 1 <= len(chunk.events) <= limits.MAX_CHUNK_EVENTS
        assert len({each.event_type for each in chunk.events}) <= limits.MAX_CHUNK_TYPES
        assert len(json.dumps(json.loads(body)["events"], separators=(",", ":"))) <= limits.MAX_CHUNK_BYTES + 1
        assert decode(body) == chunk
        small = len(json.dumps(json.loads(body)["events"][0], separators=(",", ":"))) <= limits.MAX_SINGLE_BYTES
        recent = chunk.hour > "2015"
        assert chunk.is_single == (chunk.accepted == 1 and small and recent)


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        ([event(number) for number in range(limits.MAX_CHUNK_EVENTS)], [500]),
        ([event(number) for number in range(limits.MAX_CHUNK_EVENTS + 1)], [500, 1]),
        ([event(number, event_type=str(number)) for number in range(limits.MAX_CHUNK_TYPES)], [90]),
        ([event(number, event_type=str(number)) for number in range(limits.MAX_CHUNK_TYPES * 2 + 1)], [90, 90, 1]),
        ([event(number, filler="x" * 99_000) for number in range(5)], [2, 2, 1]),
        ([event(1), event(2, "2015-05-17T09"), event(3)], [1, 2]),
    ],
)
def test_events_are_cut_only_where_a_limit_or_an_hour_asks_for_it(events: list[Event], sizes: list[int]) -> None:
    packed = pack(events, sender=SENDER, repeats={}, mint=lambda minute: mint_chunk_id(RECEIVED, minute, bytes(10)))
    assert [len(chunk.events) for chunk, _ in packed] == sizes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(), child, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)
# In the form that ingestion gives them; a single one may be in another.
characters = st.characters(codec="utf-8") | st.sampled_from("\0\x1f\x7f\ufffe\uffff𝄞\u2028")
ids = st.text(characters, min_size=1, max_size=5).map(lambda text: unicodedata.normalize("NFC", text))
times = st.sampled_from([f"{HOUR}:00:00.000000Z", f"{HOUR}:59:59.999999Z", f"{HOUR}:05:03.120000Z"])
users = st.tuples(ids, st.none() | ids) | st.tuples(st.none(), ids)
events = st.builds(
    lambda users, how, **fields: Event(
        user_id=users[0], anonymous_id=users[1], guarded=how != "time", sole_id=how == "sole id", **fields
    ),
    users=users,
    how=st.sampled_from(["time", "id", "sole id"]),
    event_id=ids,
    event_type=ids,
    time=times,
    properties=objects,
    context=objects,
)
earliest = RECEIVED.replace(tzinfo=None)
moments = st.datetimes(earliest, earliest.replace(year=2300), timezones=st.just(UTC))
senders = st.builds(Sender, st.just("default"), moments, st.none() | st.text(), st.none() | st.text())
several = st.lists(events, min_size=1, max_size=3, unique_by=lambda event: event.event_id)


@given(senders, several, st.integers(0, 2500))
def test_a_message_is_plain_ascii_and_gives_back_the_chunk(sender: Sender, events: list[Event], repeats: int) -> None:
    newest = max(event.time for event in events)[:16]
    chunk = Chunk(mint_chunk_id(sender.received, newest, bytes(10)), sender, tuple(events), repeats)
    body = encode(chunk)
    assert body.isascii()
    assert body.isprintable()
    assert decode(body) == chunk


AT_ELEVEN = event(hour="2015-05-17T11").to_json()


@pytest.mark.parametrize("body", ["", "null", "[]", "5", "{}", "[" * 100_000, "9" * 4301], ids=lambda body: body[:5])
def test_what_is_no_message_is_undecodable(body: str) -> None:
    with pytest.raises(Undecodable):
        decode(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 1},
        {"chunk_id": 7},
        {"chunk_id": CHUNK_ID[:26]},
        {"chunk_id": CHUNK_ID.replace("T10", "T11")},
        {"received_at": "today"},
        {"received_at": None},
        {"repeats": None},
        {"repeats": float("inf")},
        {"events": []},
        {"events": ["x"]},
        {"events": [{}]},
        {"events": [event().to_json(), AT_ELEVEN]},
        {"events": [event().to_json() | {"event_id": 5}]},
        {"events": [event().to_json() | {"event_id": ""}]},
        {"events": [event().to_json() | {"user_id": None}]},
        {"events": [event().to_json() | {"user_id": "\ud800"}]},
        {"events": [event().to_json() | {"event_type": ["view"]}]},
        {"events": [event().to_json() | {"properties": []}]},
        {"events": [event().to_json() | {"timestamp": 1e300}]},
        {"events": [event().to_json() | {"timestamp": float("inf")}]},
    ],
    ids=lambda changes: repr(changes)[-40:],
)
def test_a_message_with_one_bad_part_is_undecodable(changes: dict[str, Any]) -> None:
    sound = json.loads(encode(Chunk(CHUNK_ID, SENDER, (event(),))))
    assert decode(json.dumps(sound)).chunk_id == CHUNK_ID
    with pytest.raises(Undecodable):
        decode(json.dumps(sound | changes))


def test_the_stored_form_holds_what_was_sent_and_what_is_known() -> None:
    assert stored_form(event(filler="x"), Chunk(CHUNK_ID, SENDER, (event(),))) == {
        "event_id": "e0",
        "event_type": "view",
        "user_id": "u",
        "timestamp": "2015-05-17T10:05:03Z",
        "properties": {"filler": "x"},
        "context": {},
        "received_at": "2015-05-17T12:00:00Z",
        "source_ip": "192.0.2.1",
        "user_agent": "curl/8.0",
        "project": "default",
        "chunk_id": CHUNK_ID,
    }


def single_of(event: Event) -> Chunk:
    ((chunk, _),) = pack(
        [event], sender=SENDER, repeats={}, mint=lambda minute: mint_chunk_id(RECEIVED, minute, bytes(10))
    )
    return chunk


def test_a_chunk_of_one_small_event_is_a_single_and_its_id_names_the_event() -> None:
    chunk = single_of(event(1))
    assert chunk.is_single
    assert single_ref(chunk.chunk_id) == event(1).ref
    assert (chunk.owner, chunk.hour) == (owner_of(chunk.chunk_id), HOUR)
    assert minted_at(chunk.chunk_id) == minted_at(chunk.owner)
    assert not Chunk(CHUNK_ID, SENDER, (event(1),)).is_single


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(event(1, filler="x" * 1000), id="large"),
        pytest.param(replace(event(1), event_id="x" * 200, user_id="y" * 200), id="long key"),
        pytest.param(replace(event(1), guarded=True), id="known by its guard"),
        pytest.param(event(1, hour="2015-05-11T11"), id="more than 6 days old"),
    ],
)
def test_what_makes_no_single(given: Event) -> None:
    chunk = single_of(given)
    assert not chunk.is_single
    assert decode(encode(chunk)) == chunk


def test_a_post_that_named_its_one_event_twice_makes_no_single() -> None:
    ((chunk, _),) = pack([event(1)], sender=SENDER, repeats={HOUR: 1}, mint=lambda _: CHUNK_ID)
    assert (chunk.is_single, chunk.accepted) == (False, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"repeats": 1},
        {"events": (event(1), event(2))},
        {"events": (event(2),)},
        {"chunk_id": single_of(event(2)).chunk_id},
        {"chunk_id": single_of(event(1)).chunk_id + "x"},
        {"chunk_id": f"{CHUNK_ID}-"},
        {"chunk_id": f"{CHUNK_ID}-x"},
        {"chunk_id": f"{CHUNK_ID}-{event_key(replace(event(1), time='2015-05-17T11:00:00.000000Z').ref)}"},
    ],
)
def test_what_a_singles_id_says_must_be_true(changes: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        decode(encode(replace(single_of(event(1)), **changes)))
