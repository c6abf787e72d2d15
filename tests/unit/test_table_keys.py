"""Keys of the table never collide, and event keys name what they were made from or nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core import table_keys
from chalicelib.core.table_keys import EventRef, Key, event_key, parse_event_key

REF = EventRef("2015-05-17T10:05:03.000000Z", "u123", "e1")

PROJECTS = ["a", "b", "a-b", "e", "days", "d"]
TRICKY = ["a", "b", "#", "a#", "#a", "a#b", "b#a", "g#a"]
TIMES = ["2015-05-17T10:05:03.000000Z", "2015-05-17T10:05:03.000001Z"]
HOURS = ["2015-05-17T10", "2015-05-17T11", "2015-05-18T10"]
CHUNK_IDS = [f"{number:026}-{hour}05{key}" for number in range(3) for hour in HOURS for key in ("", "-WyJh")]
SHARDS = range(table_keys.SHARDS)
# Every kind of item, and every value that its parts take here.
KINDS: list[tuple[Callable[..., Key], *tuple[Sequence[Any], ...]]] = [
    (table_keys.event_item, PROJECTS, [EventRef(*parts) for parts in product(TIMES, TRICKY, TRICKY)]),
    (table_keys.guard_item, PROJECTS, TRICKY, [*TRICKY, f"{TIMES[0]}#a"]),
    (table_keys.id_guard_item, PROJECTS, [*TRICKY, f"{TIMES[0]}#a"]),
    (table_keys.commit_record, PROJECTS, CHUNK_IDS),
    (table_keys.failure_note, PROJECTS, CHUNK_IDS),
    (table_keys.quarantine_record, PROJECTS, CHUNK_IDS),
    (lambda _, message_id: table_keys.quarantine_record(None, message_id), [""], TRICKY),
    (table_keys.counter, PROJECTS, HOURS, TRICKY, SHARDS),
    (table_keys.day, PROJECTS, ["2015-05-17", "2015-05-18"], SHARDS),
    (table_keys.report, PROJECTS, ["hour", "day"], HOURS),
    (table_keys.mark, PROJECTS, HOURS, SHARDS),
    (table_keys.unfinished, PROJECTS, ["hour", "day"], HOURS),
]
ITEMS = [(kind[0](*parts), parts[0]) for kind in KINDS for parts in product(*kind[1:])]
texts = st.text(alphabet="ab#", min_size=1, max_size=4) | st.text(min_size=1)
identities = st.builds(EventRef, st.sampled_from(TIMES), texts, texts)
refs = st.builds(EventRef, *[st.text(min_size=1, max_size=27)] * 3)


def test_a_separator_in_a_user_or_an_id_hides_no_event() -> None:
    assert table_keys.event_item("p", EventRef(REF.time, "a#b", "c")) != table_keys.event_item(
        "p", EventRef(REF.time, "a", "b#c")
    )
    assert table_keys.guard_item("p", "a#b", "c") != table_keys.guard_item("p", "a", "b#c")


def test_no_two_items_of_whatever_kind_share_a_table_key() -> None:
    assert len({key for key, _ in ITEMS}) == len(ITEMS)


@given(st.sampled_from(PROJECTS), texts, st.sampled_from(TIMES), texts)
def test_an_events_item_says_whose_it_is(project: str, user: str, time: str, event_id: str) -> None:
    ref = EventRef(time, user, event_id)
    assert table_keys.parse_event_item(*table_keys.event_item(project, ref)) == (project, ref)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(PROJECTS), identities), min_size=2, unique=True))
def test_no_two_identities_share_a_table_key(identities: list[tuple[str, EventRef]]) -> None:
    assert len({table_keys.event_item(*identity) for identity in identities}) == len(identities)


def test_a_partition_belongs_to_one_project_or_to_the_stage() -> None:
    assert all(key.pk.partition("#")[0] in ("", project) for key, project in ITEMS)
    assert {project for _, project in ITEMS} == {*PROJECTS, ""}


@pytest.mark.parametrize("name", ["default", "a", "0", "my-shop_2", "a" * 40])
def test_a_project_has_a_plain_name(name: str) -> None:
    assert table_keys.is_project_name(name)


@pytest.mark.parametrize("name", ["", "A", "a#b", "a/b", "../a", "a\n", "-a", "_a", "a" * 41, "é", "\u0663"])
def test_other_names_are_no_projects(name: str) -> None:
    assert not table_keys.is_project_name(name)


def test_chunks_spread_over_all_shards_and_each_stays_where_it_is() -> None:
    assert {table_keys.shard_of(f"{number:026}-2015-05-17T10") for number in range(100)} == set(
        range(table_keys.SHARDS)
    )
    assert table_keys.shard_of("01ARZ3NDEKTSV4RRFFQ69G5FA0-2015-05-17T10") == 1
    assert table_keys.shard_of("01ARZ3NDEKTSV4RRFFQ69G5FA4-2015-05-17T10") == 2


@settings(deadline=None)
@given(refs)
def test_an_event_key_is_safe_in_a_url_and_leads_back(ref: EventRef) -> None:
    key = event_key(ref)
    assert key.isascii()
    assert key.replace("-", "").replace("_", "").isalnum()
    assert parse_event_key(key) == ref


@settings(deadline=None, max_examples=150)
@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_a_foreign_string_is_no_event_key(text: str) -> None:
    ref = parse_event_key(text)
    assert ref is None or event_key(ref) == text


@settings(deadline=None, max_examples=150)
@given(refs, st.data())
def test_a_tampered_key_never_leads_to_the_same_event(ref: EventRef, data: st.DataObject) -> None:
    key = event_key(ref)
    position = data.draw(st.integers(0, len(key)))
    tampered = key[:position] + data.draw(st.text(max_size=2)) + key[position + data.draw(st.integers(0, 1)) :]
    assert (parse_event_key(tampered) == ref) == (tampered == key)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"5",
        b"null",
        b"\xff\xfe",
        b'"abc"',
        b'{"a":1,"b":2,"c":3}',
        b'["a","b"]',
        b'["a","b","c","d"]',
        b'["a", "b", "c"]',
        b'["a","","c"]',
        b'["a","b",""]',
        b'["a",1,"c"]',
        b'["a","b",5]',
        b'["a",null,"c"]',
        b'["a",["b"],"c"]',
        b'["a","\xff","c"]',
        b'["a","\\ud800","c"]',
        b"[NaN,NaN,NaN]",
        b"[" + b"9" * 4301 + b',"b","c"]',
        b"[" * 100_000,
    ],
    ids=lambda document: str(document[:20]),
)
def test_a_key_of_another_form_leads_nowhere(document: bytes) -> None:
    assert parse_event_key(base64.urlsafe_b64encode(document).decode().rstrip("=")) is None


@pytest.mark.parametrize(
    "ref", [REF._replace(time="2" * 28), REF._replace(user="u" * 257), REF._replace(event_id="e" * 201)]
)
def test_a_key_longer_than_any_event_has_leads_nowhere(ref: EventRef) -> None:
    longest = EventRef(REF.time, "𝄞" * 256, "𝄞" * 200)
    assert parse_event_key(event_key(longest)) == longest
    assert parse_event_key(event_key(ref)) is None


def test_an_event_key_has_one_spelling() -> None:
    key = event_key(REF)
    assert parse_event_key(key) == REF
    for other in (key + "=", key + "==", key + "\n", " " + key, key + "A", key[:-1]):
        assert parse_event_key(other) is None
