"""Erasing: events, record, counters and mark change together, once, or not at all; identities stay taken."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

from builders import World, make_chunk, make_event, make_record, make_single
from chalicelib.core import limits
from chalicelib.core.chunk import Chunk
from chalicelib.core.commit import CommitRecord, Outcome, share_of
from chalicelib.core.event import event_key
from chalicelib.core.failures import Failure
from stage import Stage

ALL = {"first": "", "after": "~"}


Stores = World | Stage


def take(stores: Stores, chunk: Chunk) -> CommitRecord:
    stores.events.claim([(chunk, event) for event in chunk.events])
    stores.commits.commit([make_record(chunk)])
    return record_of(stores, chunk)


def record_of(stores: Stores, chunk: Chunk) -> CommitRecord:
    record = stores.commits.record(chunk.project, chunk.chunk_id)
    assert record is not None
    return record


def counts_of(stores: Stores) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for counter in stores.counters.of_days("acme", stores.counters.days("acme")):
        for minute, count in counter.minutes.items():
            sums[f"{counter.hour}:{minute}", counter.event_type] += count
    return +sums


MINE, ALSO_MINE = make_event("e1", page="/home"), make_event("e2", event_type="click", page="/home")
THEIRS = make_event("e3", user="u2", page="/home")


def test_erased_events_are_gone_for_readers_and_from_record_and_counters(stores: Stores) -> None:
    chunk = make_chunk(MINE, ALSO_MINE, THEIRS)
    record = take(stores, chunk)
    for mark in list(stores.marks.all()):
        stores.marks.remove(mark)
    assert stores.erasure.erase("acme", chunk.chunk_id, [MINE, ALSO_MINE], record)
    assert list(stores.events.of_user("acme", "u1", **ALL)) == []
    assert stores.events.get("acme", MINE.ref) is None
    refs = [event.ref for event in chunk.events]
    assert [event["event_id"] for event in stores.events.get_many("acme", refs)] == ["e3"]
    after = record_of(stores, chunk)
    assert [each.ref for each in after.owned] == [THEIRS.ref]
    assert (after.accepted, after.stored, after.duplicates, after.erased) == (3, 1, 0, 2)
    assert after.value_counts == {"page": {"/home": 1}}
    assert after.archive_object == record.archive_object
    assert counts_of(stores) == {("2015-05-17T10:05", "page_view"): 1}
    assert [mark.hour for mark in stores.marks.all()] == [chunk.hour]
    assert stores.commits.archived_in([("acme", chunk.chunk_id)]) == {chunk.chunk_id: "object"}


def test_the_identity_of_an_erased_event_stays_taken_for_every_chunk(stores: Stores) -> None:
    chunk = make_chunk(MINE)
    stores.erasure.erase("acme", chunk.chunk_id, [MINE], take(stores, chunk))
    retry = make_chunk(MINE)
    for claimant in (chunk, retry):
        (owner,) = stores.events.claim([(claimant, MINE)])
        assert owner not in (None, chunk.chunk_id, retry.chunk_id)
    both = stores.events.claim([(retry, MINE), (retry, THEIRS)])  # in one call, as batches go
    assert both[0] not in (None, retry.chunk_id)
    assert both[1] == retry.chunk_id
    assert stores.events.get("acme", MINE.ref) is None


def test_a_guarded_event_that_was_erased_is_known_by_its_id_alone(stores: Stores) -> None:
    guarded = make_event("e1", guarded=True)
    chunk = make_chunk(guarded)
    stores.erasure.erase("acme", chunk.chunk_id, [guarded], take(stores, chunk))
    retry = make_event("e1", at="2015-05-17T10:20:00Z", guarded=True)
    second = make_chunk(retry)
    (owner,) = stores.events.claim([(second, retry)])
    assert owner not in (None, second.chunk_id)
    assert stores.events.get("acme", retry.ref) is None


def test_an_erased_event_that_was_moved_is_known_by_its_pointer(stores: Stores) -> None:
    own = "2015-05-17T10:05:00Z"
    moved = make_event("e1", at="2015-05-17T10:15:00Z", own=own, user="ann", anonymous="anon")
    chunk = make_chunk(moved)
    stores.erasure.erase("acme", chunk.chunk_id, [moved], take(stores, chunk))
    for retry in (make_event("e1", at=own, user="anon"), moved):
        second = make_chunk(retry)
        (owner,) = stores.events.claim([(second, retry)])
        assert owner not in (None, second.chunk_id)
    assert stores.events.get("acme", moved.natural) is None
    # A pointer is no event that stands, nor one that was erased.
    assert stores.erasure.standing("acme", [moved.natural, moved.ref]) == {moved.ref: False}


def test_erasing_by_a_record_that_has_changed_since_is_refused_and_changes_nothing(stores: Stores) -> None:
    chunk = make_chunk(MINE, ALSO_MINE, THEIRS)
    record = take(stores, chunk)
    assert stores.erasure.erase("acme", chunk.chunk_id, [MINE], record)
    counts, after = counts_of(stores), record_of(stores, chunk)
    assert not stores.erasure.erase("acme", chunk.chunk_id, [ALSO_MINE], record)
    assert (counts_of(stores), record_of(stores, chunk)) == (counts, after)
    assert stores.events.get("acme", ALSO_MINE.ref) is not None
    assert stores.erasure.erase("acme", chunk.chunk_id, [ALSO_MINE], after, attempt=1)


def test_an_event_that_is_erased_already_or_belongs_to_another_chunk_refuses_the_whole(stores: Stores) -> None:
    chunk, other = make_chunk(MINE, THEIRS), make_chunk(ALSO_MINE)
    take(stores, chunk)
    take(stores, other)
    assert stores.erasure.erase("acme", chunk.chunk_id, [MINE], record_of(stores, chunk))
    counts = counts_of(stores)
    assert not stores.erasure.erase("acme", chunk.chunk_id, [MINE, THEIRS], record_of(stores, chunk))
    assert not stores.erasure.erase("acme", chunk.chunk_id, [THEIRS, ALSO_MINE], record_of(stores, chunk))
    assert counts_of(stores) == counts
    assert stores.events.get("acme", THEIRS.ref) is not None


def test_events_without_a_record_are_erased_alone(stores: Stores) -> None:
    chunk = make_chunk(MINE)
    stores.events.claim([(chunk, MINE)])
    assert stores.erasure.erase("acme", chunk.chunk_id, [MINE], None)
    assert stores.events.get("acme", MINE.ref) is None
    assert (counts_of(stores), list(stores.marks.all())) == (Counter(), [])


def test_as_many_as_one_transaction_takes_are_erased_at_once(stores: Stores) -> None:
    events = [make_event(f"e{number}", event_type=f"t{number}") for number in range(limits.MAX_ERASED_AT_ONCE)]
    chunk = make_chunk(*events)
    assert stores.erasure.erase("acme", chunk.chunk_id, events, take(stores, chunk))
    assert (counts_of(stores), record_of(stores, chunk).erased) == (Counter(), len(events))


def test_which_events_stand_is_known_of_each(stores: Stores) -> None:
    chunk = make_chunk(MINE, THEIRS)
    stores.erasure.erase("acme", chunk.chunk_id, [MINE], take(stores, chunk))
    asked = [event.ref for event in (MINE, THEIRS, ALSO_MINE)]
    assert stores.erasure.standing("acme", asked) == {MINE.ref: False, THEIRS.ref: True}
    assert stores.erasure.standing("acme", []) == {}


def test_a_single_is_erased_from_the_record_that_it_shares(stores: Stores) -> None:
    mine, theirs, late = make_single(MINE), make_single(THEIRS), make_single(MINE)
    stores.commits.commit([make_record(mine), make_record(theirs)])
    record = record_of(stores, mine)
    assert stores.erasure.erase("acme", mine.chunk_id, [MINE], record)
    assert stores.events.get("acme", MINE.ref) is None
    assert counts_of(stores).total() == 1
    left = record_of(stores, mine)
    assert left == record_of(stores, theirs)
    assert (left.stored, left.erased, left.value_counts) == (1, 1, {"page": {"/home": 1}})
    assert (share_of(left, mine.chunk_id).erased, share_of(left, theirs.chunk_id).erased) == (1, 0)
    assert not stores.erasure.erase("acme", mine.chunk_id, [MINE], left)
    assert stores.commits.commit([make_record(mine)]) == Outcome({mine.chunk_id})
    assert stores.commits.commit([make_record(late)]) == Outcome(set(), {late.chunk_id})


def test_receipts_are_found_by_their_names(stores: Stores) -> None:
    names = [f"2026-03-0{day}T10:00:00Z-{day}" for day in (1, 2)]
    erasure = stores.erasure
    for name in names:
        erasure.save_receipt(name, "{}")
    assert sorted(erasure.receipts()) == names


def test_only_keys_pointers_and_guards_name_a_person_who_was_erased(stage: Stage) -> None:
    """As docs/data.md says: not records, counters, marks, failure notes or the ledger."""
    person = "ann-who-goes"
    moved = make_event("e1", at="2015-05-17T10:15:00Z", own="2015-05-17T10:05:00Z", user=person)
    chunk = make_chunk(moved, make_event("e2", user=person, guarded=True), make_event("e3", user="u2"))
    single = make_single(make_event("e4", user=person, page="/home"))
    take(stage, chunk)
    stage.commits.commit([make_record(single)])
    for each in (chunk, single):
        stage.failure_notes.save(each, Failure("commit_failed", "2015-05-17T10:30:00.000000Z", 2))
        theirs = [event for event in each.events if event.user == person]
        assert stage.erasure.erase("acme", each.chunk_id, theirs, record_of(stage, each))
    named = {
        item["pk"]["S"].removeprefix("acme#").removesuffix(person) + ("z" if "z" in item else "p")
        for item in stage.clients.dynamodb.scan(TableName=stage.settings.table_name)["Items"]
        if _names(item, person, event_key(single.events[0].ref))
    }
    assert named == {"e#z", "e#p", "g#p"}


def _names(item: dict[str, Any], *texts: str) -> bool:
    """Whether an item holds one of the texts, packed or not."""
    packed = b"".join(
        zlib.decompressobj().decompress(value["B"]) for name, value in item.items() if "B" in value and name == "s"
    )
    plain = repr({name: value for name, value in item.items() if name != "s"}).encode()
    return any(text.encode() in plain + packed for text in texts)
