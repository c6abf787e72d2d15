"""Finding events: pages without gaps or repeats, filters, and cursors that serve their own query alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from builders import NEWEST_FIRST, World, make_chunk, make_event, read_pages, world_of_rows
from chalicelib.core.event import EventRef, event_key
from chalicelib.errors import Problem
from chalicelib.flows.query import get_event


@pytest.fixture
def world() -> World:
    return world_of_rows()


def ids(*answers: dict[str, Any]) -> list[str]:
    return [event["event_id"] for answer in answers for event in answer["events"]]


@pytest.mark.parametrize("limit", range(1, 9))
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, NEWEST_FIRST, id="all"),
        pytest.param({"user_id": "u1"}, ["f", "d", "b", "a"], id="a user"),
        pytest.param({"event_type": "view"}, ["f", "e", "b2", "b", "a"], id="a type"),
        pytest.param({"from": "2015-05-17", "to": "2015-05-18"}, ["e", "d", "c", "b2", "b"], id="a day"),
    ],
)
def test_paging_gives_each_event_exactly_once_newest_first(
    world: World, limit: int, filters: dict[str, str], expected: list[str]
) -> None:
    pages = read_pages(world.find_events, {**filters, "limit": str(limit)})
    assert [ids(page) for page in pages] == [expected[i : i + limit] for i in range(0, len(expected), limit)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"user_id": "u1", "event_type": "click"}, ["d"], id="a user's type"),
        pytest.param({"user_id": "nobody"}, [], id="unknown user"),
        pytest.param({"event_type": "none"}, [], id="unknown type"),
        pytest.param({"from": "2015-05-17T10:05:30Z"}, ["f", "e", "d", "c"], id="from is included"),
        pytest.param({"to": "2015-05-17T10:05:30Z"}, ["b2", "b", "a"], id="to is excluded"),
        pytest.param({"user_id": "u1", "to": "2015-05-17T10:59:59Z"}, ["b", "a"], id="a user's to is excluded"),
        pytest.param({"user_id": "u1", "from": "2015-05-17", "to": "2015-05-18"}, ["d", "b"], id="a user's day"),
        pytest.param({"from": "1431857130", "to": "1431860399000"}, ["c"], id="epoch seconds and milliseconds"),
        pytest.param({"to": "2015-05-17T12:05:00 02:00"}, ["a"], id="a plus that came as a space"),
        pytest.param({"from": "2015-05-18", "to": "2015-05-17"}, [], id="a span that ends before it starts"),
    ],
)
def test_filters_choose_events(world: World, filters: dict[str, str], expected: list[str]) -> None:
    answer = world.find_events(filters)
    assert (ids(answer), answer["next"]) == (expected, None)


def test_another_projects_events_are_not_found(world: World) -> None:
    assert ids(world.find_events({}, project="other")) == ["theirs", "b"]
    assert world.find_events({}, project="third") == {"events": [], "next": None}


def test_many_events_of_interleaved_chunks_are_paged_in_order() -> None:
    world = World()
    times = {f"e{n:03}": f"2015-05-{16 + n % 2}T{10 + n % 3}:{n % 60:02}:00Z" for n in range(360)}
    for hour in range(6):  # three chunks for each of six hours, every one spread over the hour
        mine = [make_event(each, at=at) for n, (each, at) in enumerate(times.items()) if n % 6 == hour]
        world.take(*(make_chunk(*mine[start::3]) for start in range(3)))
    expected = sorted(times, key=lambda each: (times[each], each), reverse=True)
    assert ids(*read_pages(world.find_events, {"limit": "7"})) == expected


@pytest.mark.parametrize("filters", [{}, {"user_id": "u1"}], ids=["all", "a user"])
def test_events_that_arrive_between_two_pages_hide_and_repeat_none(world: World, filters: dict[str, str]) -> None:
    expected = ids(world.find_events(filters))
    first = world.find_events({**filters, "limit": "3"})
    world.take(make_chunk(make_event("newer", at="2015-05-18T09:00:00Z")))
    world.take(make_chunk(make_event("older", at="2015-05-17T00:00:00Z")))
    rest = world.find_events({**filters, "cursor": first["next"]})
    assert ids(first, rest) == [*expected[:-1], "older", "a"]


def test_a_page_stays_below_what_one_answer_may_hold_and_none_is_lost() -> None:
    world = World()
    world.take(*(make_chunk(make_event(f"e{n:03}", filler="x" * 30_000)) for n in range(200)))
    pages = read_pages(world.find_events, {"limit": "1000"})
    assert len(pages) > 1
    assert sum(len(page["events"]) for page in pages) == 200
    assert all(len(json.dumps(json.dumps(page))) < 6_000_000 for page in pages)
    assert len(set(ids(*pages))) == 200


@pytest.mark.parametrize("limit", ["1", "2", "1000"])
def test_a_user_with_many_events_is_searched_some_at_a_time_until_the_rare_one_is_found(limit: str) -> None:
    world = World()
    kinds = {4: "rare", 15: "rare"}
    mine = [make_event(f"e{n:02}", at=f"2015-05-17T10:{n:02}:00Z", event_type=kinds.get(n, "view")) for n in range(30)]
    world.take(make_chunk(*mine))
    question = {"user_id": "u1", "event_type": "rare", "limit": limit}
    pages = read_pages(lambda parameters: world.find_events(parameters, at_most=10), question)
    assert [ids(page) for page in pages] == [[], ["e15"], ["e04"]]


def test_what_was_erased_is_searched_some_at_a_time_too() -> None:
    world = World()
    mine = [make_event(f"e{n:02}", at=f"2015-05-17T10:{n:02}:00Z") for n in range(30)]
    world.take(make_chunk(*mine))
    for event in mine[1:]:
        ref = EventRef(event.time, event.user, event.event_id)
        del world.events.stored["acme", ref]
        world.events.erased.add(("acme", ref))
    pages = read_pages(lambda parameters: world.find_events(parameters, at_most=10), {"user_id": "u1"})
    assert [ids(page) for page in pages] == [[], [], ["e00"]]


def test_a_cursor_goes_on_with_another_limit(world: World) -> None:
    cursor = world.find_events({"limit": "2"})["next"]
    assert ids(world.find_events({"cursor": cursor, "limit": "4"})) == NEWEST_FIRST[2:6]


@pytest.mark.parametrize(
    ("change", "project"),
    [
        pytest.param({"event_type": "view"}, "acme", id="another type"),
        pytest.param({"user_id": "u1"}, "acme", id="a user"),
        pytest.param({"from": "2015-05-17"}, "acme", id="another start"),
        pytest.param({"to": "2015-05-17"}, "acme", id="another end"),
        pytest.param({}, "other", id="another project"),
    ],
)
def test_a_cursor_of_another_query_or_project_is_refused(world: World, change: dict[str, str], project: str) -> None:
    cursor = world.find_events({"limit": "2"})["next"]
    with pytest.raises(Problem) as caught:
        world.find_events({"cursor": cursor, **change}, project=project)
    assert caught.value.code == "bad_cursor"


@pytest.mark.parametrize("others", [{"user_id": "u2"}, {}, {"event_type": "u1"}])
def test_a_cursor_of_a_users_events_is_refused_by_a_query_for_others(world: World, others: dict[str, str]) -> None:
    cursor = world.find_events({"user_id": "u1", "limit": "2"})["next"]
    with pytest.raises(Problem) as caught:
        world.find_events({"cursor": cursor} | others)
    assert caught.value.code == "bad_cursor"


DAMAGE = [lambda c: c[:-1], lambda c: c + "A", lambda c: "A" + c[1:], lambda c: c[2:], lambda _: "ä", lambda _: "AAAA"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cursor_is_refused(world: World, damage: Callable[[str], str]) -> None:
    cursor = world.find_events({"limit": "2"})["next"]
    assert damage(cursor) != cursor
    with pytest.raises(Problem) as caught:
        world.find_events({"cursor": damage(cursor)})
    assert caught.value.code == "bad_cursor"


BAD = [{"from": "yesterday"}, {"to": "2015-05-17T10:00:00"}, {"from": "9" * 400}]
BAD += [{name: ""} for name in ("user_id", "event_type", "from", "to", "limit", "cursor")]
BAD += [{"from": early} for early in ("2026", "202605", "20260517", "0", "1.5", "999999999")]
BAD += [{name: "1"} for name in ("user", "From", "project", "pk", "filter[type]", "", "<script>", "üx", "grain")]
BAD += [{"limit": limit} for limit in ("0", "-1", "+1", "1.0", "1e2", "1001", "ten", " 5", "\u0665", "²")]
BAD += [{"limit": limit} for limit in (f"{10_000:013}", "0" * 8 + "1" + "0" * 4400, "9" * 5000)]


@pytest.mark.parametrize("parameters", BAD, ids=lambda parameters: str(parameters)[:30])
def test_a_parameter_that_makes_no_sense_is_refused(world: World, parameters: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        world.find_events(parameters)
    assert caught.value.code == "bad_parameter"
    assert all(name in caught.value.message for name in parameters)


def test_an_event_is_found_by_its_key_in_its_project_alone(world: World) -> None:
    events = world.find_events({})["events"]
    assert [get_event(each["key"], project="acme", events=world.events) for each in events] == events
    with pytest.raises(Problem) as caught:
        get_event(events[0]["key"], project="other", events=world.events)
    assert caught.value.code == "no_such_event"


def test_the_key_of_a_retry_without_a_time_finds_the_first_event() -> None:
    world = World()
    first, retry = (make_event(at=f"2015-05-17T10:0{minute}:00Z", guarded=True) for minute in (1, 2))
    world.take(make_chunk(first), make_chunk(retry))
    key = event_key(EventRef(retry.time, retry.user, retry.event_id))
    assert [get_event(key, project="acme", events=world.events)] == world.find_events({})["events"]


@pytest.mark.parametrize("key", ["", "x", "ä", "WyJhIl0", "bnVsbA", "A" * 5000])
def test_what_is_no_key_finds_nothing(world: World, key: str) -> None:
    with pytest.raises(Problem) as caught:
        get_event(key, project="acme", events=world.events)
    assert caught.value.code == "no_such_event"
