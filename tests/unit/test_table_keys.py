"""Keys of the table never collide, and tell what they were made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import table_keys
from chalicelib.core.chunk_id import hour_of, mint_chunk_id, newest_minute_of, single_id
from chalicelib.core.event import EventRef
from chalicelib.core.table_keys import Key
from chalicelib.core.timestamps import sortable
from chalicelib.core.windows import DAY, HOUR, MINUTE, Window

REF = EventRef("2015-05-17T10:05:03.000000Z", "u123", "e1")

PROJECTS = ["a", "b", "a-b", "e", "days", "d"]
TRICKY = ["a", "b", "#", "a#", "#a", "a#b", "b#a", "g#a"]
TIMES = ["2015-05-17T10:05:03.000000Z", "2015-05-17T10:05:03.000001Z"]
HOURS = ["2015-05-17T10", "2015-05-17T11", "2015-05-18T10"]
CHUNK_IDS = [f"{number:026}-{hour}05" for number in range(3) for hour in HOURS]
SHARDS = range(table_keys.SHARDS)
# Every kind of item, and every value that its parts take here.
KINDS: list[tuple[Callable[..., Key], *tuple[Sequence[Any], ...]]] = [
    (table_keys.event_item, PROJECTS, [EventRef(*parts) for parts in product(TIMES, TRICKY, TRICKY)]),
    (table_keys.guard_item, PROJECTS, TRICKY, [*TRICKY, f"{TIMES[0]}#a"]),
    (table_keys.id_guard_item, PROJECTS, [*TRICKY, f"{TIMES[0]}#a"]),
    (table_keys.commit_record, PROJECTS, CHUNK_IDS),
    (table_keys.failure_note, PROJECTS, CHUNK_IDS),
    (table_keys.quarantine_record, PROJECTS, [f"{each}{key}" for each in CHUNK_IDS for key in ("", "-WyJh")]),
    (lambda _, message_id: table_keys.quarantine_record(None, message_id), [""], TRICKY),
    (table_keys.counter, PROJECTS, HOURS, TRICKY, SHARDS),
    (table_keys.day, PROJECTS, ["2015-05-17", "2015-05-18"], SHARDS),
    (lambda *parts: table_keys.report(Window(*parts)), PROJECTS, ["hour", "day"], HOURS),
    (table_keys.hour_summary, PROJECTS, HOURS),
    (table_keys.mark, PROJECTS, HOURS, HOURS, SHARDS),
    (lambda *parts: table_keys.unfinished(Window(*parts)), PROJECTS, ["hour", "day"], HOURS),
    (table_keys.catalogue, PROJECTS, ["0a", "0b"]),
    (table_keys.quota, PROJECTS, [f"{hour}:05" for hour in HOURS]),
    (table_keys.rejection, PROJECTS, [f"{time}#{chance}" for time in TIMES for chance in ("0a", "0b")]),
    (table_keys.project, PROJECTS),
    (lambda _, key_id: table_keys.access_key(key_id), [""], ["0123456789ab", "0123456789ac"]),
]
ITEMS = [(kind[0](*parts), parts[0]) for kind in KINDS for parts in product(*kind[1:])]
texts = st.text(alphabet="ab#", min_size=1, max_size=4) | st.text(min_size=1)
identities = st.builds(EventRef, st.sampled_from(TIMES), texts, texts)
projects = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
times = st.datetimes(timezones=st.just(UTC)).map(sortable)
refs = st.builds(EventRef, times, texts, texts)
hours, days, minutes = (times.map(grain.name_of) for grain in (HOUR, DAY, MINUTE))
shards = st.sampled_from(SHARDS)
plain_ids = st.builds(mint_chunk_id, st.just(datetime(2015, 5, 17, tzinfo=UTC)), minutes, st.binary(min_size=10))
chunk_ids = plain_ids | st.builds(single_id, plain_ids, refs)
reported = st.builds(Window, projects, st.just("hour"), hours) | st.builds(Window, projects, st.just("day"), days)
# How a key is built, what it is built of, and how that is read from it; None: nobody needs to.
WAYS: dict[str, tuple[Callable[..., Key], st.SearchStrategy[tuple[Any, ...]], Callable[[Key], Any] | None]] = {
    "event": (table_keys.event_item, st.tuples(projects, refs), table_keys.parse_event_item),
    "guard": (table_keys.guard_item, st.tuples(projects, texts, texts), None),
    "guard of an id": (table_keys.id_guard_item, st.tuples(projects, texts), None),
    "commit record": (table_keys.commit_record, st.tuples(projects, plain_ids), table_keys.parse_commit_record),
    "failure": (table_keys.failure_note, st.tuples(projects, plain_ids), None),
    "counter": (table_keys.counter, st.tuples(projects, hours, texts, shards), table_keys.parse_counter),
    "day": (table_keys.day, st.tuples(projects, days, shards), table_keys.parse_day),
    "report": (table_keys.report, st.tuples(reported), lambda key: (table_keys.parse_report(key),)),
    "hour summary": (table_keys.hour_summary, st.tuples(projects, hours), lambda key: (..., key.sk)),
    "mark": (table_keys.mark, st.tuples(projects, hours, hours, shards), table_keys.parse_mark),
    "unfinished": (table_keys.unfinished, st.tuples(reported), lambda key: (table_keys.parse_unfinished(key),)),
    "ledger": (table_keys.ledger, st.tuples(hours, shards), None),
    "catalogue": (table_keys.catalogue, st.tuples(projects, texts), None),
    "quota": (table_keys.quota, st.tuples(projects, minutes), None),
    "rejection": (table_keys.rejection, st.tuples(projects, texts), lambda key: (..., key.sk)),
    "project": (table_keys.project, st.tuples(projects), lambda key: (key.sk,)),
    "access key": (table_keys.access_key, st.tuples(texts), lambda key: (key.sk,)),
    "quarantined": (
        table_keys.quarantine_record,
        st.tuples(projects, chunk_ids) | st.tuples(st.none(), texts),
        table_keys.parse_quarantine_record,
    ),
}


@pytest.mark.parametrize("kind", [kind for kind, (*_, parse) in WAYS.items() if parse])
@given(st.data())
def test_a_key_tells_what_it_was_built_of(kind: str, data: st.DataObject) -> None:
    build, parts, parse = WAYS[kind]
    given_parts = data.draw(parts)
    assert parse is not None
    told = parse(build(*given_parts))
    assert all(one in (..., other) for one, other in zip(told, given_parts, strict=False))


@pytest.mark.parametrize("kind", WAYS)
@given(st.data())
def test_other_parts_make_another_key(kind: str, data: st.DataObject) -> None:
    build, parts, _ = WAYS[kind]
    one, other = data.draw(parts), data.draw(parts)
    assert (build(*one) == build(*other)) == (one == other)


@given(projects, chunk_ids, st.sampled_from(["00", "05", "30", "59"]), st.sampled_from(["00", "29", "59"]))
def test_the_records_of_an_hour_are_found_by_their_newest_minute(
    project: str, chunk_id: str, first: str, last: str
) -> None:
    key, hour = table_keys.commit_record(project, chunk_id), hour_of(chunk_id)
    assert table_keys.is_commit_record(key)
    assert key.pk in table_keys.day_partitions(project, DAY.name_of(hour))
    whole, some = (
        table_keys.commit_records_of(hour),
        table_keys.commit_records_between(f"{hour[11:]}{first}", f"{hour[11:]}{last}~"),
    )
    assert whole.first <= key.sk < whole.after
    assert (some.first <= key.sk < some.after) == (first <= newest_minute_of(chunk_id) <= last)
    assert not table_keys.COUNTERS.first <= key.sk < table_keys.COUNTERS.after


@given(projects, plain_ids, refs)
def test_what_is_kept_of_a_single_does_not_name_the_user_of_its_event(
    project: str, chunk_id: str, ref: EventRef
) -> None:
    for build in (table_keys.commit_record, table_keys.failure_note):
        assert build(project, single_id(chunk_id, ref)) == build(project, chunk_id)


def test_only_a_commit_records_key_looks_like_one() -> None:
    records = {key for key, _ in ITEMS if table_keys.is_commit_record(key)}
    assert records == {table_keys.commit_record(*parts) for parts in product(PROJECTS, CHUNK_IDS)}


def test_a_separator_in_a_user_or_an_id_hides_no_event() -> None:
    assert table_keys.event_item("p", EventRef(REF.time, "a#b", "c")) != table_keys.event_item(
        "p", EventRef(REF.time, "a", "b#c")
    )
    assert table_keys.guard_item("p", "a#b", "c") != table_keys.guard_item("p", "a", "b#c")


def test_no_two_items_of_whatever_kind_share_a_table_key() -> None:
    assert len({key for key, _ in ITEMS}) == len(ITEMS)


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


@pytest.mark.parametrize("name", ["", "2015", "2015-05-32", "2015-05-17T10", "not a day"])
def test_the_key_of_a_days_totals_names_a_day(name: str) -> None:
    assert table_keys.parse_day_totals(table_keys.day_totals("acme", "2015-05-17")) == "2015-05-17"
    with pytest.raises(ValueError, match=r"."):
        table_keys.parse_day_totals(Key("acme#totals", name))
