"""The quarantine, and the notes of failures: each message whole until its chunk is committed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from builders import NOW, make_chunk, make_quarantined, make_record
from chalicelib.core.failures import Failure
from chalicelib.core.ledger import Amount
from contract.commits import Stores, records_of


def test_a_quarantined_chunk_is_noted_once_and_for_its_project_alone(stores: Stores) -> None:
    chunk, other = make_chunk(), make_chunk()
    stores.quarantine.add(make_quarantined(chunk), "kept")
    stores.quarantine.add(make_quarantined(chunk, "commit_failed"), "kept")
    assert stores.quarantine.code_of("acme", chunk.chunk_id) == "too_old"
    assert stores.quarantine.code_of("acme", other.chunk_id) is None
    assert stores.quarantine.code_of("other", chunk.chunk_id) is None
    assert stores.commits.record("acme", chunk.chunk_id) is None
    assert records_of(stores, chunk.hour) == []


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


def test_a_quarantined_message_is_read_back_as_it_was_put_last_until_it_is_removed(stores: Stores) -> None:
    entry = make_quarantined(make_chunk())
    stores.quarantine.add(entry, "hell\u00f6")
    stores.quarantine.add(replace(entry, code="commit_failed"), "hell\u00f6 again")
    assert stores.quarantine.content(entry) == "hell\u00f6 again"
    stores.quarantine.remove(entry)
    assert stores.quarantine.content(entry) is None


def test_the_quarantine_knows_its_size_and_its_newest_entries_without_the_others(stores: Stores) -> None:
    quarantined = [make_quarantined(make_chunk(received=NOW - timedelta(hours=hours))) for hours in (0, 1, 1, 3)]
    entries = [replace(each, quarantined=f"2026-03-03T12:00:0{n}.000000Z") for n, each in enumerate(quarantined)]
    garbage = replace(entries[0], project=None, name="6f-1", code="not_a_chunk", quarantined="2026-03-03T11")
    for entry in (*entries, garbage, *entries):
        stores.quarantine.add(entry, "kept")
    assert (stores.quarantine.count(), stores.quarantine.newest(2)) == (5, [entries[3], entries[2]])
    hour_ago, hours = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H}", f"{NOW:%Y-%m-%dT%H}"
    assert stores.quarantine.received(hour_ago, hours) == Amount(2, 2)
    for entry in (entries[1], garbage, entries[1], garbage):
        stores.quarantine.remove(entry)
    assert (stores.quarantine.count(), stores.quarantine.newest(9)) == (3, [entries[3], entries[2], entries[0]])
    assert stores.quarantine.received(hour_ago, hours) == Amount(1, 1)


def test_a_chunk_of_replayed_events_is_in_quarantine_and_in_no_ledger(stores: Stores) -> None:
    replayed = make_chunk()
    long_ago = replace(replayed, sender=replace(replayed.sender, received=NOW - timedelta(days=3)))
    stores.quarantine.add(make_quarantined(long_ago), "kept")
    assert (stores.quarantine.count(), stores.quarantine.received("2000", "3000")) == (1, Amount())


def test_quarantined_chunks_that_are_committed_are_found_portion_by_portion(stores: Stores) -> None:
    chunks = [make_chunk() for _ in range(120)]
    for chunk in chunks:
        stores.quarantine.add(make_quarantined(chunk), "kept")
    done = [chunks[0], chunks[50], chunks[119]]
    stores.commits.commit([make_record(chunk) for chunk in done])
    found = [[entry.name for entry in stores.quarantine.look_for_committed(45)] for _ in range(4)]
    assert found == [[done[0].chunk_id], [done[1].chunk_id], [done[2].chunk_id], [done[0].chunk_id]]
    assert len(list(stores.quarantine.waiting())) == 117


def test_a_chunk_of_another_project_settles_nothing(stores: Stores) -> None:
    chunk = make_chunk()
    stores.quarantine.add(make_quarantined(chunk), "kept")
    stores.commits.commit([make_record(replace(chunk, sender=replace(chunk.sender, project="other")))])
    assert stores.quarantine.look_for_committed(10) == []


def test_the_last_failure_of_a_chunk_is_told_and_leaves_its_records_alone(stores: Stores) -> None:
    chunk, other = make_chunk(), make_chunk()
    last = Failure("commit_failed", "2015-05-17T10:40:00.000000Z", 4)
    stores.failure_notes.save(chunk, replace(last, code="archive_failed", deliveries=2))
    stores.failure_notes.save(chunk, last)
    assert stores.failure_notes.of([("acme", chunk.chunk_id), ("acme", other.chunk_id)]) == {chunk.chunk_id: last}
    assert stores.failure_notes.of([("other", chunk.chunk_id)]) == {}
    assert stores.failure_notes.of([]) == {}
    assert records_of(stores, chunk.hour) == []
    assert stores.counters.of_days("acme", [chunk.hour[:10]]) == []
