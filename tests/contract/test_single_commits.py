"""Single-event chunks: each is committed with its event, once, and shares its record."""

from __future__ import annotations

from typing import Any

from builders import make_chunk, make_event, make_record, make_single
from chalicelib.core import commit, table_keys
from chalicelib.core.chunk import stored_form
from chalicelib.core.chunk_id import chunk_hash, single_id, sum_of
from chalicelib.core.commit import Outcome, as_duplicate, share_of
from chalicelib.core.ledger import Committed
from contract.commits import Stores, committed, counts_of, records_of
from stage import Stage


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
    (shared,) = records_of(stores, "2015-05-17T10")
    assert (shared.accepted, shared.stored, shared.archive_object) == (2, 2, "here")
    assert shared.value_counts == {"page": {"/": 1}}
    assert stores.commits.record("acme", one.chunk_id) == stores.commits.record("acme", two.chunk_id) == shared
    assert share_of(shared, one.chunk_id).owned == given[0].owned
    asked = [("acme", each.chunk_id) for each in (one, other_hour)]
    assert stores.commits.archived_in(asked) == {one.chunk_id: "here", other_hour.chunk_id: "here"}
    assert stores.ledger_sums.received("2015-05-17T10", "2015-05-17T11") == {
        "2015-05-17T10": Committed(
            chunks=3, accepted=3, stored=3, hashes=sum_of(chunk_hash(record.chunk_id) for record in given)
        )
    }


def test_a_single_that_was_committed_before_is_answered_as_done_and_changes_nothing(stores: Stores) -> None:
    old, new = make_single(make_event("e1")), make_single(make_event("e2"))
    stores.commits.commit([make_record(old)])
    assert stores.commits.commit([make_record(new), make_record(old)]) == Outcome({old.chunk_id})
    assert stored(stores, "e2") is None
    assert counts_of(stores).total() == 1
    assert len(records_of(stores, "2015-05-17T10")) == 1


def test_a_single_whose_event_was_moved_before_is_a_duplicate(stores: Stores) -> None:
    moved = make_chunk(make_event(at="2015-05-17T10:15:00Z", own="2015-05-17T10:05:00Z"))
    stores.events.claim([(moved, moved.events[0])])
    single = make_single()
    duplicate = Outcome(set(), {single.chunk_id}, {single.chunk_id: moved.chunk_id})
    assert stores.commits.look([single]) == duplicate
    assert stores.commits.commit([make_record(single)]) == duplicate
    assert committed(stores, single) == set()


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
    duplicate = Outcome(set(), {single.chunk_id}, {single.chunk_id: chunk.chunk_id})
    assert stores.commits.commit([make_record(single)]) == duplicate
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
    (shared,) = records_of(stage, single.hour)
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
    assert len(records_of(stage, "2015-05-17T10")) == len(commit.group(given)) == 3
