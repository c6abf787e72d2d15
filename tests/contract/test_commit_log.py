"""The commit log: a chunk's record, counters, day and mark appear together, once, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, World, make_chunk, make_event, make_quarantined, make_record, make_single
from chalicelib.core import commit, table_keys
from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.chunk_id import mint_chunk_id, single_id
from chalicelib.core.commit import CommitRecord, Outcome, as_duplicate, share_of
from chalicelib.core.failures import Failure
from chalicelib.core.ledger import Committed
from chalicelib.core.table_keys import Mark
from chalicelib.errors import StoreFailed
from stage import Stage

Stores = World | Stage


@pytest.fixture
def stores(backend: Stage | None) -> Stores:
    return backend or World()


def counts_of(stores: Stores, project: str = "acme") -> Counter[tuple[str, str]]:
    """All counters of a project: (minute, event type) to events. The log may split a counter."""
    sums: Counter[tuple[str, str]] = Counter()
    for counter in stores.counters.of_days(project, stores.counters.days(project)):
        for minute, count in counter.minutes.items():
            sums[f"{counter.hour}:{minute}", counter.event_type] += count
    return sums


def committed(stores: Stores, *chunks: Chunk) -> set[str]:
    return {chunk_id for _, chunk_id in stores.commits.committed([(each.project, each.chunk_id) for each in chunks])}


def hours_touched(stores: Stores) -> set[tuple[str, str]]:
    return {(mark.project, mark.hour) for mark in stores.marks.all()}


def by_id(records: Sequence[CommitRecord]) -> list[CommitRecord]:
    return sorted(records, key=lambda record: record.chunk_id)


def chunk_at(at: str, *, event_id: str = "e1", event_type: str = "view", project: str = "acme") -> Chunk:
    return make_chunk(make_event(event_id, at=at, event_type=event_type), project=project)


def test_nothing_committed_is_nothing_known(stores: Stores) -> None:
    chunk = make_chunk()
    assert stores.commits.record("acme", chunk.chunk_id) is None
    assert committed(stores, chunk) == set()
    assert committed(stores) == set()
    assert (stores.commits.records("acme", chunk.hour), stores.counters.days("acme"), list(stores.marks.all())) == (
        [],
        [],
        [],
    )
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
    assert stores.commits.records("acme", "2015-05-17T10") == [stores.commits.record("acme", chunk.chunk_id)]


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
    record = make_record(make_chunk(), owned=[])
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
    assert len(stores.commits.records("acme", "2015-05-17T10")) == 15


def test_records_are_found_by_their_hour_and_by_their_day(stores: Stores) -> None:
    times = ["2015-05-16T23:59:59.999999Z", "2015-05-17T00:00:00Z", "2015-05-17T01:00:00Z", "2015-05-18T00:00:00Z"]
    records = [make_record(chunk_at(at)) for at in [*times, times[1]]]
    for record in records:
        stores.commits.commit([record])
    assert by_id(stores.commits.records("acme", "2015-05-17T00")) == by_id([records[1], records[4]])
    assert stores.commits.records("acme", "2015-05-17T02") == []
    assert stores.counters.days("acme") == ["2015-05-16", "2015-05-17", "2015-05-18"]
    assert [counter.hour for counter in stores.counters.of_days("acme", ["2015-05-18"])] == ["2015-05-18T00"]
    assert {counter.hour for counter in stores.counters.of_days("acme", ["2015-05-16", "2015-05-18"])} == {
        "2015-05-16T23",
        "2015-05-18T00",
    }


def test_records_are_found_by_the_minute_of_their_newest_event(stores: Stores) -> None:
    def chunk_of(*minutes: str) -> Chunk:
        return make_chunk(*(make_event(minute, at=f"2015-05-17T10:{minute}:59Z") for minute in minutes))

    chunks = [chunk_of("00"), chunk_of("04", "05"), chunk_of("05"), chunk_of("06"), chunk_of("59", "00")]
    stores.commits.commit([make_record(chunk) for chunk in chunks])
    stores.commits.commit([make_record(chunk_at("2015-05-17T11:05:00Z"))])

    def found(first: str, last: str) -> set[int]:
        ids = {record.chunk_id for record in stores.commits.newest("acme", "2015-05-17T10", first, last)}
        return {number for number, chunk in enumerate(chunks) if chunk.chunk_id in ids}

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
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T11") == Committed(chunks=1, accepted=3, stored=1)
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T12") == Committed(chunks=2, accepted=4, stored=2)
    assert stores.ledger_sums.received("2015-05-17T09", "2015-05-17T10") == Committed()


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
    assert stores.commits.records("acme-2", "2015-05-17T10") == []
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


def test_a_quarantined_chunk_is_noted_once_and_for_its_project_alone(stores: Stores) -> None:
    chunk, other = make_chunk(), make_chunk()
    stores.quarantine.add(make_quarantined(chunk), "kept")
    stores.quarantine.add(make_quarantined(chunk, "commit_failed"), "kept")
    assert stores.quarantine.code_of("acme", chunk.chunk_id) == "too_old"
    assert stores.quarantine.code_of("acme", other.chunk_id) is None
    assert stores.quarantine.code_of("other", chunk.chunk_id) is None
    assert stores.commits.record("acme", chunk.chunk_id) is None
    assert stores.commits.records("acme", chunk.hour) == []


def test_the_quarantine_lists_what_is_in_it_as_it_was_put(stores: Stores) -> None:
    entries = [make_quarantined(make_chunk(project=project, repeats=2)) for project in ("acme", "other")]
    garbage = replace(entries[0], project=None, name="6f-1#a", code="not_a_chunk", accepted=0)
    assert list(stores.quarantine.waiting()) == []
    for entry in (*entries, garbage):
        stores.quarantine.add(entry, "kept")
    assert list(stores.quarantine.waiting()) == [garbage, *entries]
    stores.quarantine.remove(entries[0])
    stores.quarantine.remove(entries[0])
    assert list(stores.quarantine.waiting()) == [garbage, entries[1]]


def test_a_quarantined_message_is_read_back_until_it_is_removed(stores: Stores) -> None:
    entry = make_quarantined(make_chunk())
    stores.quarantine.add(entry, "hell\u00f6")
    stores.quarantine.add(entry, "hell\u00f6 again")
    assert stores.quarantine.content(entry) == "hell\u00f6 again"
    stores.quarantine.remove(entry)
    with pytest.raises(StoreFailed):
        stores.quarantine.content(entry)


def test_a_quarantined_chunk_that_is_committed_is_resolved(stores: Stores) -> None:
    chunks = [make_chunk() for _ in range(120)]
    for chunk in chunks:
        stores.quarantine.add(make_quarantined(chunk), "kept")
    done = [chunks[0], chunks[50], chunks[119]]
    stores.commits.commit([make_record(chunk) for chunk in done])
    assert {entry.name for entry in stores.quarantine.resolved()} == {chunk.chunk_id for chunk in done}
    assert len(list(stores.quarantine.waiting())) == 117


def test_a_chunk_of_another_project_settles_nothing(stores: Stores) -> None:
    chunk = make_chunk()
    stores.quarantine.add(make_quarantined(chunk), "kept")
    stores.commits.commit([make_record(replace(chunk, sender=replace(chunk.sender, project="other")))])
    assert list(stores.quarantine.resolved()) == []


def test_the_last_failure_of_a_chunk_is_told_and_leaves_its_records_alone(stores: Stores) -> None:
    chunk, other = make_chunk(), make_chunk()
    last = Failure("commit_failed", "2015-05-17T10:40:00.000000Z", 4)
    stores.failure_notes.save(chunk, replace(last, code="archive_failed", deliveries=2))
    stores.failure_notes.save(chunk, last)
    assert stores.failure_notes.of([("acme", chunk.chunk_id), ("acme", other.chunk_id)]) == {chunk.chunk_id: last}
    assert stores.failure_notes.of([("other", chunk.chunk_id)]) == {}
    assert stores.failure_notes.of([]) == {}
    assert (stores.commits.records("acme", chunk.hour), stores.counters.of_days("acme", [chunk.hour[:10]])) == ([], [])


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


def stored(stores: Stores, event_id: str) -> dict[str, Any] | None:
    return stores.events.get("acme", make_event(event_id).ref)


def test_singles_are_committed_with_their_events_and_share_a_record(stores: Stores) -> None:
    one, two = make_single(make_event("e1", page="/")), make_single(make_event("e2"))
    other_hour = make_single(make_event("e3", at="2015-05-17T11:05:00Z"))
    given = [make_record(each, archive_object="here") for each in (one, two, other_hour)]
    assert stores.commits.commit(given).committed == {record.chunk_id for record in given}
    assert stored(stores, "e1") == stored_form(one.events[0], one)
    assert counts_of(stores).total() == 3
    assert committed(stores, one, two, other_hour, make_single(make_event("e4"))) == {
        record.chunk_id for record in given
    }
    (shared,) = stores.commits.records("acme", "2015-05-17T10")
    assert (shared.accepted, shared.stored, shared.archive_object) == (2, 2, "here")
    assert shared.value_counts == {"page": {"/": 1}}
    assert stores.commits.record("acme", one.chunk_id) == stores.commits.record("acme", two.chunk_id) == shared
    assert share_of(shared, one.chunk_id).owned == given[0].owned
    asked = [("acme", each.chunk_id) for each in (one, other_hour)]
    assert stores.commits.archived_in(asked) == {one.chunk_id: "here", other_hour.chunk_id: "here"}
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T11") == Committed(chunks=3, accepted=3, stored=3)


def test_a_single_that_was_committed_before_is_answered_as_done_and_changes_nothing(stores: Stores) -> None:
    old, new = make_single(make_event("e1")), make_single(make_event("e2"))
    stores.commits.commit([make_record(old)])
    assert stores.commits.commit([make_record(new), make_record(old)]) == Outcome({old.chunk_id})
    assert stored(stores, "e2") is None
    assert counts_of(stores).total() == 1
    assert len(stores.commits.records("acme", "2015-05-17T10")) == 1


def test_a_single_whose_event_is_there_is_a_duplicate_and_then_has_a_record_of_its_own(stores: Stores) -> None:
    first, second, new = make_single(), make_single(), make_single(make_event("e2"))
    stores.commits.commit([make_record(first)])
    records = [make_record(second), make_record(new)]
    assert stores.commits.commit(records) == Outcome(set(), {second.chunk_id})
    assert committed(stores, first, second, new) == {first.chunk_id}
    again = [as_duplicate(records[0]), records[1]]
    assert stores.commits.commit(again).committed == {second.chunk_id, new.chunk_id}
    record = stores.commits.record("acme", second.chunk_id)
    assert record is not None
    assert (record.accepted, record.stored, record.duplicates, record.archive_object) == (1, 0, 1, None)
    assert committed(stores, first, second, new) == {first.chunk_id, second.chunk_id, new.chunk_id}
    asked = [("acme", each.chunk_id) for each in (first, second)]
    assert stores.commits.archived_in(asked) == {first.chunk_id: "object", second.chunk_id: None}
    assert counts_of(stores).total() == 2


def test_a_single_meets_the_event_of_a_chunk_that_is_none(stores: Stores) -> None:
    chunk, single = make_chunk(make_event("e1"), make_event("e2")), make_single(make_event("e1"))
    stores.events.claim([(chunk, event) for event in chunk.events])
    assert stores.commits.commit([make_record(single)]) == Outcome(set(), {single.chunk_id})
    assert committed(stores, chunk, single) == set()


def test_an_id_that_was_made_up_of_a_chunks_and_its_events_is_of_no_chunk(stores: Stores) -> None:
    chunk, single = make_chunk(make_event("e1"), make_event("e2")), make_single(make_event("e3"))
    stores.events.claim([(chunk, event) for event in chunk.events])
    stores.commits.commit([make_record(chunk), make_record(single)])
    for forged in (single_id(chunk.chunk_id, chunk.events[0].ref), single_id(single.owner, chunk.events[0].ref)):
        assert stores.commits.record("acme", forged) is None
        assert stores.commits.archived_in([("acme", forged)]) == {}


def test_of_a_single_whose_shared_record_has_expired_nobody_knows_the_object(stage: Stage) -> None:
    single = make_single()
    stage.commits.commit([make_record(single)])
    (shared,) = stage.commits.records("acme", single.hour)
    key = table_keys.commit_record("acme", shared.chunk_id)
    stage.clients.dynamodb.delete_item(
        TableName=stage.settings.table_name, Key={"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    )
    assert stage.commits.archived_in([("acme", single.chunk_id)]) == {}
    assert committed(stage, single) == {single.chunk_id}


def test_a_commit_takes_as_many_singles_as_one_transaction_may_hold(stage: Stage) -> None:
    given = [make_record(make_single(make_event(f"e{number}", filler="x" * 900))) for number in range(200)]
    for together in commit.group(given):
        assert stage.commits.commit(together).committed == {record.chunk_id for record in together}
    assert len(stage.commits.records("acme", "2015-05-17T10")) == len(commit.group(given)) == 3
