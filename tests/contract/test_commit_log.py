"""The commit log: a chunk's record, counters, day and mark appear together, once, or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, make_chunk, make_event, make_record
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import chunk_hash, mint_chunk_id, sum_of
from chalicelib.core.ledger import Committed
from chalicelib.core.table_keys import Mark, place_of_record
from contract.commits import Stores, by_id, committed, counts_of, hours_touched, records_of
from stage import Stage


def chunk_at(at: str, *, event_id: str = "e1", event_type: str = "view", project: str = "acme") -> Chunk:
    return make_chunk(make_event(event_id, at=at, event_type=event_type), project=project)


def test_nothing_committed_is_nothing_known(stores: Stores) -> None:
    chunk = make_chunk()
    assert stores.commits.record("acme", chunk.chunk_id) is None
    assert committed(stores, chunk) == set()
    assert committed(stores) == set()
    assert records_of(stores, chunk.hour) == []
    assert (stores.counters.days("acme"), list(stores.marks.all())) == ([], [])
    assert stores.counters.of_days("acme", ["2015-05-17"]) == []


def test_a_commit_brings_record_counters_day_and_mark(stores: Stores) -> None:
    chunk = make_chunk(
        make_event("e1", at="2015-05-17T10:05:00Z", event_type="view", page="/home"),
        make_event("e2", at="2015-05-17T10:05:59.999999Z", event_type="view", page="/home"),
        make_event("e3", at="2015-05-17T10:59:00Z", event_type="view"),
        make_event("e4", at="2015-05-17T10:05:00Z", event_type="click"),
    )
    record = make_record(chunk)
    assert stores.commits.commit([record]).committed == {chunk.chunk_id}
    assert counts_of(stores) == {
        ("2015-05-17T10:05", "view"): 2,
        ("2015-05-17T10:59", "view"): 1,
        ("2015-05-17T10:05", "click"): 1,
    }
    assert stores.counters.days("acme") == ["2015-05-17"]
    assert hours_touched(stores) == {("acme", "2015-05-17T10")}
    assert committed(stores, chunk, make_chunk()) == {chunk.chunk_id}
    assert records_of(stores, "2015-05-17T10") == [stores.commits.record("acme", chunk.chunk_id)]


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(make_chunk(), id="one event"),
        pytest.param(make_chunk(*(make_event(f"e{n}", page=f"/{n % 7}") for n in range(500))), id="many events"),
        pytest.param(make_chunk(make_event(), repeats=3), id="repeats"),
        pytest.param(make_chunk(make_event("#|,", user="a#b", event_type="c#d#\U0001f600", page='"#')), id="hostile"),
    ],
)
def test_a_record_is_read_back_as_it_was_committed(stores: Stores, chunk: Chunk) -> None:
    record = make_record(chunk)
    stores.commits.commit([record])
    assert stores.commits.record("acme", chunk.chunk_id) == record


def test_a_chunk_that_owns_nothing_is_committed_and_counts_nothing(stores: Stores) -> None:
    record = replace(make_record(make_chunk(), owned=[]), waits_for=("one", "other"))
    assert stores.commits.commit([record]).committed == {record.chunk_id}
    assert stores.commits.record("acme", record.chunk_id) == record
    assert (record.stored, record.duplicates, record.archive_object) == (0, 1, None)
    assert (counts_of(stores), stores.counters.days("acme"), hours_touched(stores)) == (Counter(), [], set())


def test_a_second_commit_of_a_record_is_answered_as_done_and_changes_nothing(stores: Stores) -> None:
    chunk = make_chunk()
    first, second = make_record(chunk, archive_object="first"), make_record(chunk, archive_object="second")
    stores.commits.commit([first])
    before = counts_of(stores)
    assert stores.commits.commit([second], attempt=1).committed == {chunk.chunk_id}
    assert counts_of(stores) == before == {("2015-05-17T10:05", "page_view"): 1}
    assert stores.commits.record("acme", chunk.chunk_id) == first


def test_a_neighbour_of_a_committed_record_is_not_applied_in_that_attempt(stores: Stores) -> None:
    old, new = make_record(make_chunk()), make_record(chunk_at("2015-06-01T00:00:00Z"))
    stores.commits.commit([old])
    assert stores.commits.commit([new, old]).committed == {old.chunk_id}
    assert stores.commits.record("acme", new.chunk_id) is None
    assert counts_of(stores).total() == 1
    assert stores.counters.days("acme") == ["2015-05-17"]
    assert hours_touched(stores) == {("acme", "2015-05-17T10")}
    assert stores.commits.commit([new]).committed == {new.chunk_id}
    assert counts_of(stores).total() == 2


def test_records_that_share_an_hour_a_type_and_a_minute_add_up(stores: Stores) -> None:
    together = [make_record(make_chunk(make_event(f"e{number}"))) for number in range(10)]
    assert stores.commits.commit(together).committed == {record.chunk_id for record in together}
    for number in range(10, 15):
        stores.commits.commit([make_record(make_chunk(make_event(f"e{number}")))])
    assert counts_of(stores) == {("2015-05-17T10:05", "page_view"): 15}
    assert len(records_of(stores, "2015-05-17T10")) == 15


def test_records_are_found_by_their_hour_and_by_their_day(stores: Stores) -> None:
    times = ["2015-05-16T23:59:59.999999Z", "2015-05-17T00:00:00Z", "2015-05-17T01:00:00Z", "2015-05-18T00:00:00Z"]
    records = [make_record(chunk_at(at)) for at in [*times, times[1]]]
    for record in records:
        stores.commits.commit([record])
    assert by_id(records_of(stores, "2015-05-17T00")) == by_id([records[1], records[4]])
    assert records_of(stores, "2015-05-17T02") == []
    assert stores.counters.days("acme") == ["2015-05-16", "2015-05-17", "2015-05-18"]
    assert [counter.hour for counter in stores.counters.of_days("acme", ["2015-05-18"])] == ["2015-05-18T00"]
    assert {counter.hour for counter in stores.counters.of_days("acme", ["2015-05-16", "2015-05-18"])} == {
        "2015-05-16T23",
        "2015-05-18T00",
    }


def test_records_are_found_newest_first_by_the_minute_of_their_newest_event(stores: Stores) -> None:
    def chunk_of(*minutes: str) -> Chunk:
        return make_chunk(*(make_event(minute, at=f"2015-05-17T10:{minute}:59Z") for minute in minutes))

    chunks = [chunk_of("00"), chunk_of("04", "05"), chunk_of("05"), chunk_of("06"), chunk_of("59", "00")]
    stores.commits.commit([make_record(chunk) for chunk in chunks])
    stores.commits.commit([make_record(chunk_at("2015-05-17T11:05:00Z"))])

    def found(first: str, last: str) -> set[int]:
        records = stores.commits.newest("acme", "2015-05-17", first=f"10{first}", after=f"10{last}~", page_items=2)
        places = [place_of_record(record.chunk_id) for record in records]
        assert places == sorted(places, reverse=True)
        return {number for number, chunk in enumerate(chunks) if place_of_record(chunk.chunk_id) in places}

    assert [found("00", "59"), found("05", "05"), found("01", "04"), found("06", "59"), found("00", "00")] == [
        {0, 1, 2, 3, 4},
        {1, 2},
        set(),
        {3, 4},
        {0},
    ]


def test_the_ledger_counts_each_chunk_once_in_its_hour_of_receipt(stores: Stores) -> None:
    late = make_record(make_chunk(make_event("late"), received=NOW + timedelta(hours=1)))
    chunk = make_chunk(make_event("a"), make_event("b"), repeats=1)
    stores.commits.commit([make_record(chunk, chunk.events[:1]), late])
    stores.commits.commit([make_record(chunk)])
    of_ten = Committed(chunks=1, accepted=3, stored=1, hashes=sum_of([chunk_hash(chunk.chunk_id)]))
    of_eleven = Committed(chunks=1, accepted=1, stored=1, hashes=sum_of([chunk_hash(late.chunk_id)]))
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T11") == {"2015-05-17T10": of_ten}
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T12") == {
        "2015-05-17T10": of_ten,
        "2015-05-17T11": of_eleven,
    }
    assert stores.ledger_sums.received("2015-05-17T09", "2015-05-17T10") == {}


def test_the_log_knows_in_which_object_each_committed_chunk_is_archived(stores: Stores) -> None:
    stored, empty, unknown = make_chunk(), make_chunk(), make_chunk()
    stores.commits.commit([make_record(stored, archive_object="here"), make_record(empty, owned=[])])
    asked = [("acme", each.chunk_id) for each in (stored, empty, unknown)] + [("other", stored.chunk_id)]
    assert stores.commits.archived_in(asked) == {stored.chunk_id: "here", empty.chunk_id: None}
    assert stores.commits.archived_in([]) == {}


def test_two_projects_share_nothing(stores: Stores) -> None:
    ours, theirs = chunk_at("2015-05-17T10:05:00Z"), chunk_at("2015-05-17T11:05:00Z", project="acme-2")
    stores.commits.commit([make_record(ours), make_record(theirs)])
    assert counts_of(stores) == {("2015-05-17T10:05", "view"): 1}
    assert counts_of(stores, "acme-2") == {("2015-05-17T11:05", "view"): 1}
    assert stores.commits.record("acme-2", ours.chunk_id) is None
    assert records_of(stores, "2015-05-17T10", "acme-2") == []
    assert hours_touched(stores) == {("acme", "2015-05-17T10"), ("acme-2", "2015-05-17T11")}


def test_a_mark_that_is_removed_is_gone_and_comes_with_the_next_commit(stores: Stores) -> None:
    stores.commits.commit([make_record(make_chunk()), make_record(chunk_at("2015-05-17T11:00:00Z"))])
    for mark in list(stores.marks.all()):
        if mark.hour == "2015-05-17T10":
            stores.marks.remove(mark)
    assert hours_touched(stores) == {("acme", "2015-05-17T11")}
    stores.commits.commit([make_record(make_chunk(make_event("e2")))])
    assert hours_touched(stores) == {("acme", "2015-05-17T10"), ("acme", "2015-05-17T11")}


def test_a_mark_that_was_put_anew_stays(stores: Stores) -> None:
    stores.commits.commit([make_record(make_chunk())])
    (old,) = stores.marks.all()

    def put_anew() -> list[Mark]:
        return [mark for mark in stores.marks.all() if mark.shard == old.shard and mark.token != old.token]

    for number in range(400):  # the log chooses where a mark lies; sooner or later it is the same place
        stores.commits.commit([make_record(make_chunk(make_event(f"late {number}")))])
        if put_anew():
            break
    anew = put_anew()
    stores.marks.remove(old)
    assert put_anew() == anew != []


def test_a_commit_takes_all_that_one_transaction_may_hold(stores: Stores) -> None:
    types = [make_event(f"e{number}", event_type=f"type {number}") for number in range(90)]
    records = [make_record(make_chunk(*types)), *(make_record(make_chunk(types[0])) for _ in range(6))]
    assert stores.commits.commit(records).committed == {record.chunk_id for record in records}
    assert counts_of(stores).total() == 96


def test_records_and_events_live_as_long_as_if_a_replayed_chunk_had_just_been_received(stage: Stage) -> None:
    """Else a late copy of the chunk would find neither, and count its events a second time."""
    received = NOW - timedelta(days=399)
    chunk = make_chunk(received=received)
    replayed = replace(chunk, chunk_id=mint_chunk_id(NOW, f"{chunk.hour}:05", bytes(10)))
    stage.events.claim([(replayed, replayed.events[0])])
    stage.commits.commit([make_record(replayed)])
    items = stage.clients.dynamodb.scan(TableName=stage.settings.table_name)["Items"]
    expiries = {int(item["x"]["N"]) for item in items if "x" in item}
    assert expiries == {int((NOW + timedelta(days=400)).timestamp())}
    record = stage.commits.record("acme", replayed.chunk_id)
    assert record is not None
    assert record.received.startswith("2014-04-13")
