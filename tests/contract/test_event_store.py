"""The event store: each identity has one owner for ever, whoever asks, and however often."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from hashlib import shake_256
from itertools import permutations
from typing import Any

import pytest

from builders import NOW, make_chunk, make_event
from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.event import Event, EventRef
from chalicelib.ports import EventStore
from fakes import FakeEventStore
from stage import Stage

LATER = NOW + timedelta(minutes=7)
ALL: Any = {"first": "", "after": "~"}


@pytest.fixture
def events(backend: Stage | None) -> EventStore:
    return backend.events if backend else FakeEventStore()


def claims_of(*chunks: Chunk) -> list[tuple[Chunk, Event]]:
    return [(chunk, event) for chunk in chunks for event in chunk.events]


def ref_of(event: Event) -> EventRef:
    return EventRef(event.time, event.user, event.event_id)


def without_time(received: str) -> Event:
    """What a client sent as event e1 without a timestamp, received at this minute of ten o'clock."""
    return make_event(at=f"2015-05-17T10:{received}:00Z", guarded=True)


def test_nothing_claimed_is_nothing_answered(events: EventStore) -> None:
    assert events.claim([]) == []


def test_the_first_claim_owns_and_a_second_chunks_claim_answers_the_first(events: EventStore) -> None:
    first, second = make_chunk(make_event("e1")), make_chunk(make_event("e1"), make_event("e2"))
    assert events.claim(claims_of(first)) == [first.chunk_id]
    assert events.claim(claims_of(second)) == [first.chunk_id, second.chunk_id]


def test_claiming_again_gives_the_same_owners(events: EventStore) -> None:
    first = make_chunk(make_event("e1"), make_event("g1", guarded=True))
    second = make_chunk(make_event("e1"), make_event("g1", guarded=True), make_event("e2"))
    expected = [*[first.chunk_id] * 4, second.chunk_id]
    assert events.claim(claims_of(first, second)) == expected
    assert events.claim(claims_of(first, second)) == expected


@pytest.mark.parametrize("guarded", [False, True], ids=["with times", "without times"])
def test_more_than_25_claims_in_a_call_are_answered_in_their_order(events: EventStore, guarded: bool) -> None:
    mine = make_chunk(*(make_event(f"e{number}", guarded=guarded) for number in range(0, 60, 2)))
    both = make_chunk(*(make_event(f"e{number}", guarded=guarded) for number in range(60)))
    assert events.claim(claims_of(mine)) == [mine.chunk_id] * 30
    assert events.claim(claims_of(both)) == [mine.chunk_id, both.chunk_id] * 30


@pytest.mark.parametrize("guarded", [False, True], ids=["with times", "without times"])
def test_of_two_chunks_in_one_call_the_first_owns_what_both_hold(events: EventStore, guarded: bool) -> None:
    first, second = (make_chunk(make_event("e1", guarded=guarded)) for _ in range(2))
    assert events.claim(claims_of(first, second)) == [first.chunk_id, first.chunk_id]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(make_event(at="2015-05-17T10:05:00.000001Z"), id="another microsecond"),
        pytest.param(make_event(user="u2"), id="another user"),
        pytest.param(make_event("e2"), id="another event id"),
    ],
)
def test_events_that_differ_in_one_part_of_the_identity_are_not_the_same(events: EventStore, other: Event) -> None:
    first, second = make_chunk(make_event()), make_chunk(other)
    assert events.claim(claims_of(first, second)) == [first.chunk_id, second.chunk_id]


def test_a_retry_without_a_time_is_recognised_whenever_it_is_received(events: EventStore) -> None:
    first, retry = make_chunk(without_time("05")), make_chunk(without_time("12"), received=LATER)
    assert events.claim(claims_of(first)) == [first.chunk_id]
    assert events.claim(claims_of(retry)) == [first.chunk_id]
    assert list(events.of_user("acme", "u1", **ALL)) == [(ref_of(first.events[0]), stored_form(first.events[0], first))]


def test_the_key_that_a_retry_was_answered_finds_the_event(events: EventStore) -> None:
    first, retry = make_chunk(without_time("05")), make_chunk(without_time("12"), received=LATER)
    events.claim(claims_of(first, retry))
    assert events.get("acme", ref_of(retry.events[0])) == stored_form(first.events[0], first)


def test_a_retry_is_not_recognised_by_the_id_that_another_user_or_project_gave(events: EventStore) -> None:
    first = make_chunk(without_time("05"))
    others = make_chunk(make_event(user="u2", guarded=True)), make_chunk(without_time("05"), project="other")
    assert events.claim(claims_of(first, *others)) == [first.chunk_id, *(other.chunk_id for other in others)]


def test_two_projects_share_nothing(events: EventStore) -> None:
    ours, theirs = make_chunk(make_event(page="/ours")), make_chunk(make_event(page="/theirs"), project="other")
    assert events.claim(claims_of(ours, theirs)) == [ours.chunk_id, theirs.chunk_id]
    for chunk in (ours, theirs):
        event = chunk.events[0]
        assert events.get(chunk.project, ref_of(event)) == stored_form(event, chunk)
        assert events.get_many(chunk.project, [ref_of(event)]) == [stored_form(event, chunk)]
        found = events.of_user(chunk.project, "u1", **ALL)
        assert [event for _, event in found] == [stored_form(event, chunk)]
    assert events.get("third", ref_of(ours.events[0])) is None


HOSTILE = ["a", "a#b", "a#b#c", "#", "a#e#b", "a'b\"; DROP", "a b", "\u0001", "ä", "\U0001f600", "x" * 256]


def test_hostile_users_and_ids_are_kept_apart_and_found(events: EventStore) -> None:
    chunk = make_chunk(*(make_event(event_id, user=user) for user in HOSTILE for event_id in ("e", "b#e", "#")))
    assert events.claim(claims_of(chunk)) == [chunk.chunk_id] * 33
    for user in HOSTILE:
        mine = sorted((event for event in chunk.events if event.user == user), key=ref_of, reverse=True)
        found = list(events.of_user("acme", user, **ALL))
        assert found == [(ref_of(event), stored_form(event, chunk)) for event in mine]
        assert [events.get("acme", ref) for ref, _ in found] == [event for _, event in found]


def test_an_event_is_read_back_with_all_that_was_sent_and_is_known_of_it(events: EventStore) -> None:
    event = make_event(page="/home", price=0.1, large=10**38 - 1, deep={"list": [None, True, {"": "\u0000"}]})
    chunk = make_chunk(event)
    events.claim(claims_of(chunk))
    stored = events.get("acme", ref_of(event))
    assert stored == stored_form(event, chunk)
    assert (stored["properties"], stored["source_ip"], stored["chunk_id"]) == (
        event.properties,
        "192.0.2.1",
        chunk.chunk_id,
    )


def test_what_was_never_stored_is_not_found(events: EventStore) -> None:
    assert events.get("acme", ref_of(make_event())) is None
    assert events.get_many("acme", [ref_of(make_event())]) == []
    assert list(events.of_user("acme", "u1", **ALL)) == []


def test_many_events_are_answered_in_the_order_asked_without_those_that_are_absent(events: EventStore) -> None:
    chunk = make_chunk(*(make_event(f"e{number}") for number in range(120)))
    events.claim(claims_of(chunk))
    wanted = [ref_of(make_event("absent")), *(ref_of(event) for event in reversed(chunk.events))]
    expected = [f"e{number}" for number in reversed(range(120))]
    assert [event["event_id"] for event in events.get_many("acme", wanted)] == expected


@pytest.mark.parametrize(
    ("event_type", "first", "after", "expected"),
    [
        pytest.param(None, "", "~", ["e4", "e3", "e2", "e1"], id="all, newest first"),
        pytest.param("odd", "", "~", ["e3", "e1"], id="one type"),
        pytest.param("none", "", "~", [], id="no such type"),
        pytest.param(None, "2015-05-17T10:02:00.000000Z", "2015-05-17T10:04:00.000000Z", ["e3", "e2"], id="span"),
        pytest.param(None, "", "2015-05-17T10:03:00.000000Z#e3", ["e2", "e1"], id="before an event"),
        pytest.param(None, "2015-05-17T10:03:30.000000Z", "~", ["e4"], id="from a time on"),
        pytest.param(None, "2015-05-18", "2015-05-17", [], id="a span that ends before it starts"),
    ],
)
def test_events_of_a_user_are_found_newest_first_by_type_and_span(
    events: EventStore, event_type: str | None, first: str, after: str, expected: list[str]
) -> None:
    types = ["odd", "even"] * 2
    mine = [make_event(f"e{n}", at=f"2015-05-17T10:0{n}:00Z", event_type=types[n - 1]) for n in range(1, 5)]
    events.claim(claims_of(make_chunk(*mine, make_event("not mine", user="u2"))))
    found = events.search("acme", "u1", event_type=event_type, first=first, after=after, at_most=100)
    assert [(ref.event_id, event and event["event_id"]) for ref, event in found] == [(each, each) for each in expected]


def test_a_search_ends_after_so_many_items_and_says_how_far_it_came(events: EventStore) -> None:
    mine = [make_event(f"e{n}", at=f"2015-05-17T10:0{n}:00Z", event_type="odd" if n % 2 else "even") for n in range(8)]
    events.claim(claims_of(make_chunk(*mine)))
    found, after = [], "~"
    for _ in range(3):
        part = list(events.search("acme", "u1", event_type="even", first="", after=after, at_most=3))
        found.append([(ref.event_id, event and event["event_id"]) for ref, event in part])
        after = f"{part[-1][0].time}#{part[-1][0].event_id}"
    assert found == [[("e6", "e6"), ("e5", None)], [("e4", "e4"), ("e2", "e2"), ("e2", None)], [("e0", "e0")]]


def test_a_search_that_reads_all_says_nothing_of_how_far_it_came(events: EventStore) -> None:
    events.claim(claims_of(make_chunk(make_event())))
    found = events.search("acme", "u1", event_type="none", first="2015-05-17", after="2015-05-18", at_most=2)
    assert list(found) == []


def test_events_beyond_one_page_of_an_answer_are_all_found(events: EventStore) -> None:
    filler = [base64.b64encode(shake_256(bytes([number])).digest(20_000)).decode() for number in range(70)]
    chunk = make_chunk(*(make_event(f"e{number:02}", filler=text) for number, text in enumerate(filler)))
    assert events.claim(claims_of(chunk)) == [chunk.chunk_id] * 70
    found = [event["properties"]["filler"] for _, event in events.of_user("acme", "u1", **ALL)]
    assert found == filler[::-1]


def test_an_id_of_its_own_is_one_event_whatever_its_user_and_time(events: EventStore) -> None:
    first = make_event("m1", user="anonymous", at="2015-05-17T10:05:00Z", sole_id=True)
    retry = make_event("m1", user="ann", at="2015-05-17T11:06:00Z", sole_id=True)
    before, after = make_chunk(first), make_chunk(retry)
    assert events.claim(claims_of(before)) == [before.chunk_id]
    assert events.claim(claims_of(after)) == [before.chunk_id]
    assert events.get("acme", ref_of(retry)) == stored_form(first, before)
    assert list(events.of_user("acme", "ann", **ALL)) == []


def at_minute(minute: int) -> str:
    return f"2015-05-17T10:{minute:02}:00Z"


def attempts(event_id: str) -> dict[str, Event]:
    """What a library may make of one event of an anonymous visitor, of 10:05 by its own clock."""
    own = at_minute(5)
    return {
        "as it is": make_event(event_id, user="anon", at=own),
        "corrected": make_event(event_id, user="anon", at=at_minute(15), own=own),
        "corrected otherwise": make_event(event_id, user="anon", at=at_minute(25), own=own),
        "with a user": make_event(event_id, user="ann", anonymous="anon", at=own),
        "with another user": make_event(event_id, user="bob", anonymous="anon", at=own),
        "with a user, corrected": make_event(event_id, user="ann", anonymous="anon", at=at_minute(35), own=own),
    }


def test_attempts_of_one_event_meet_whatever_was_corrected_and_whoever_the_user_is(events: EventStore) -> None:
    for number, (first, second) in enumerate(permutations(attempts(""), 2)):
        sent, again = (attempts(f"m{number}")[name] for name in (first, second))
        one, other = make_chunk(sent), make_chunk(again)
        assert events.claim(claims_of(one)) == [one.chunk_id], (first, second)
        assert events.claim(claims_of(other)) == [one.chunk_id], (first, second)
        assert events.claim(claims_of(one)) == [one.chunk_id], (first, second)
        stored = stored_form(sent, one)
        assert events.get("acme", sent.natural) == events.get("acme", sent.ref) == stored, (first, second)
        assert events.get_many("acme", list({sent.ref, sent.natural, again.ref})) == [stored]
    found = [ref for user in ("anon", "ann", "bob") for ref, _ in events.of_user("acme", user, **ALL)]
    assert len(found) == len({ref.event_id for ref in found}) == number + 1


def test_a_pointer_is_none_of_the_events_that_a_search_finds(events: EventStore) -> None:
    moved = make_event("m1", at=at_minute(15), own=at_minute(5))
    chunk = make_chunk(moved, make_event("m2", at=at_minute(1)))
    assert events.claim(claims_of(chunk)) == [chunk.chunk_id] * 2
    for event_type in (None, "page_view"):
        found = list(events.search("acme", "u1", event_type=event_type, at_most=10, **ALL))
        assert [ref.event_id for ref, _ in found] == ["m1", "m2"]
    # It is among those that are read.
    found = list(events.search("acme", "u1", event_type=None, at_most=2, **ALL))
    assert [(ref.event_id, event is None) for ref, event in found] == [("m1", False), ("m1", True)]


def test_an_event_whose_pointer_has_another_owner_is_claimed_no_further(events: EventStore) -> None:
    first, moved = (make_event("m1", at=at_minute(15), own=own) for own in (None, at_minute(5)))
    before, after = make_chunk(make_event("m1", at=at_minute(5))), make_chunk(moved)
    for chunk in (before, after):
        assert events.claim(claims_of(chunk)) == [before.chunk_id]
    assert events.get("acme", first.ref) is None


def test_what_an_id_tells_alone_is_told_by_the_natural_key_as_well(events: EventStore) -> None:
    """A project may change its mind between two attempts."""
    for number, (first, second) in enumerate(permutations(attempts(""), 2)):
        sent, again = (attempts(f"s{number}")[name] for name in (first, second))
        for one, other in ((replace(sent, sole_id=True), again), (again, replace(sent, sole_id=True))):
            project = f"p{one.sole_id}".lower()
            before, after = make_chunk(one, project=project), make_chunk(other, project=project)
            assert events.claim(claims_of(before)) == [before.chunk_id]
            assert events.claim(claims_of(after)) == [before.chunk_id], (first, second)


def test_an_id_of_its_own_is_its_projects_own(events: EventStore) -> None:
    here, there = (make_chunk(make_event("m1", sole_id=True), project=project) for project in ("acme", "other"))
    assert events.claim(claims_of(here, there)) == [here.chunk_id, there.chunk_id]
