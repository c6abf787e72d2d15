"""The commit log: a chunk's record, counters, day and mark appear together, once, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, make_chunk, make_event, make_quarantined, make_record, make_single
from chalicelib.core import commit, table_keys
from chalicelib.core.chunk import Chunk, mint_chunk_id, single_id, stored_form
from chalicelib.core.commit import CommitRecord, Outcome, as_duplicate, share_of
from chalicelib.core.failures import Failure
from chalicelib.core.ledger import Committed
from chalicelib.core.table_keys import Mark
from chalicelib.ports import CommitLog, EventStore
from fakes import FakeCommitLog
from stage import Stage


@pytest.fixture
def commits(backend: Stage | None) -> CommitLog:
    return backend.commits if backend else FakeCommitLog()


def counts_of(commits: CommitLog, project: str = "acme") -> Counter[tuple[str, str]]:
    """All counters of a project: (minute, event type) to events. The log may split a counter."""
    sums: Counter[tuple[str, str]] = Counter()
    for counter in commits.counters(project, commits.days(project)):
        for minute, count in counter.minutes.items():
            sums[f"{counter.hour}:{minute}", counter.event_type] += count
    return sums


def hours_touched(commits: CommitLog) -> set[tuple[str, str]]:
    return {(mark.project, mark.hour) for mark in commits.marks()}


def by_id(records: Sequence[CommitRecord]) -> list[CommitRecord]:
    return sorted(records, key=lambda record: record.chunk_id)


def chunk_at(at: str, *, event_id: str = "e1", event_type: str = "view", project: str = "acme") -> Chunk:
    return make_chunk(make_event(event_id, at=at, event_type=event_type), project=project)


def test_nothing_committed_is_nothing_known(commits: CommitLog) -> None:
    chunk = make_chunk()
    assert commits.record("acme", chunk.chunk_id) is None
    assert commits.committed([chunk]) == set()
    assert commits.committed([]) == set()
    assert (commits.records("acme", chunk.hour), commits.days("acme"), list(commits.marks())) == ([], [], [])
    assert commits.counters("acme", ["2015-05-17"]) == []


def test_a_commit_brings_record_counters_day_and_mark(commits: CommitLog) -> None:
    chunk = make_chunk(
        make_event("e1", at="2015-05-17T10:05:00Z", event_type="view", page="/home"),
        make_event("e2", at="2015-05-17T10:05:59.999999Z", event_type="view", page="/home"),
        make_event("e3", at="2015-05-17T10:59:00Z", event_type="view"),
        make_event("e4", at="2015-05-17T10:05:00Z", event_type="click"),
    )
    record = make_record(chunk)
    assert commits.commit([record]).committed == {chunk.chunk_id}
    assert counts_of(commits) == {
        ("2015-05-17T10:05", "view"): 2,
        ("2015-05-17T10:59", "view"): 1,
        ("2015-05-17T10:05", "click"): 1,
    }
    assert commits.days("acme") == ["2015-05-17"]
    assert hours_touched(commits) == {("acme", "2015-05-17T10")}
    assert commits.committed([chunk, make_chunk()]) == {chunk.chunk_id}
    assert commits.records("acme", "2015-05-17T10") == [commits.record("acme", chunk.chunk_id)]


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(make_chunk(), id="one event"),
        pytest.param(make_chunk(*(make_event(f"e{n}", page=f"/{n % 7}") for n in range(500))), id="many events"),
        pytest.param(make_chunk(make_event(), repeats=3), id="repeats"),
        pytest.param(make_chunk(make_event("#|,", user="a#b", event_type="c#d#\U0001f600", page='"#')), id="hostile"),
    ],
)
def test_a_record_is_read_back_as_it_was_committed(commits: CommitLog, chunk: Chunk) -> None:
    record = make_record(chunk)
    commits.commit([record])
    assert commits.record("acme", chunk.chunk_id) == record


def test_a_chunk_that_owns_nothing_is_committed_and_counts_nothing(commits: CommitLog) -> None:
    record = make_record(make_chunk(), owned=[])
    assert commits.commit([record]).committed == {record.chunk_id}
    assert commits.record("acme", record.chunk_id) == record
    assert (record.stored, record.duplicates, record.archive_object) == (0, 1, None)
    assert (counts_of(commits), commits.days("acme"), hours_touched(commits)) == (Counter(), [], set())


def test_a_second_commit_of_a_record_is_answered_as_done_and_changes_nothing(commits: CommitLog) -> None:
    chunk = make_chunk()
    first, second = make_record(chunk, archive_object="first"), make_record(chunk, archive_object="second")
    commits.commit([first])
    before = counts_of(commits)
    assert commits.commit([second], attempt=1).committed == {chunk.chunk_id}
    assert counts_of(commits) == before == {("2015-05-17T10:05", "page_view"): 1}
    assert commits.record("acme", chunk.chunk_id) == first


def test_a_neighbour_of_a_committed_record_is_not_applied_in_that_attempt(commits: CommitLog) -> None:
    old, new = make_record(make_chunk()), make_record(chunk_at("2015-06-01T00:00:00Z"))
    commits.commit([old])
    assert commits.commit([new, old]).committed == {old.chunk_id}
    assert commits.record("acme", new.chunk_id) is None
    assert counts_of(commits).total() == 1
    assert commits.days("acme") == ["2015-05-17"]
    assert hours_touched(commits) == {("acme", "2015-05-17T10")}
    assert commits.commit([new]).committed == {new.chunk_id}
    assert counts_of(commits).total() == 2


def test_records_that_share_an_hour_a_type_and_a_minute_add_up(commits: CommitLog) -> None:
    together = [make_record(make_chunk(make_event(f"e{number}"))) for number in range(10)]
    assert commits.commit(together).committed == {record.chunk_id for record in together}
    for number in range(10, 15):
        commits.commit([make_record(make_chunk(make_event(f"e{number}")))])
    assert counts_of(commits) == {("2015-05-17T10:05", "page_view"): 15}
    assert len(commits.records("acme", "2015-05-17T10")) == 15


def test_records_are_found_by_their_hour_and_by_their_day(commits: CommitLog) -> None:
    times = ["2015-05-16T23:59:59.999999Z", "2015-05-17T00:00:00Z", "2015-05-17T01:00:00Z", "2015-05-18T00:00:00Z"]
    records = [make_record(chunk_at(at)) for at in [*times, times[1]]]
    for record in records:
        commits.commit([record])
    assert by_id(commits.records("acme", "2015-05-17T00")) == by_id([records[1], records[4]])
    assert by_id(commits.records("acme", "2015-05-17")) == by_id([records[1], records[2], records[4]])
    assert commits.records("acme", "2015-05-17T02") == []
    assert commits.days("acme") == ["2015-05-16", "2015-05-17", "2015-05-18"]
    assert [counter.hour for counter in commits.counters("acme", ["2015-05-18"])] == ["2015-05-18T00"]
    assert {counter.hour for counter in commits.counters("acme", ["2015-05-16", "2015-05-18"])} == {
        "2015-05-16T23",
        "2015-05-18T00",
    }


def test_records_are_found_by_the_minute_of_their_newest_event(commits: CommitLog) -> None:
    def chunk_of(*minutes: str) -> Chunk:
        return make_chunk(*(make_event(minute, at=f"2015-05-17T10:{minute}:59Z") for minute in minutes))

    chunks = [chunk_of("00"), chunk_of("04", "05"), chunk_of("05"), chunk_of("06"), chunk_of("59", "00")]
    commits.commit([make_record(chunk) for chunk in chunks])
    commits.commit([make_record(chunk_at("2015-05-17T11:05:00Z"))])

    def found(first: str, last: str) -> set[int]:
        ids = {record.chunk_id for record in commits.newest("acme", "2015-05-17T10", first, last)}
        return {number for number, chunk in enumerate(chunks) if chunk.chunk_id in ids}

    assert [found("00", "59"), found("05", "05"), found("01", "04"), found("06", "59"), found("00", "00")] == [
        {0, 1, 2, 3, 4},
        {1, 2},
        set(),
        {3, 4},
        {0},
    ]


def test_the_ledger_counts_each_chunk_once_in_its_hour_of_receipt(commits: CommitLog) -> None:
    late = make_record(make_chunk(make_event("late"), received=NOW + timedelta(hours=1)))
    chunk = make_chunk(make_event("a"), make_event("b"), repeats=1)
    commits.commit([make_record(chunk, chunk.events[:1]), late])
    commits.commit([make_record(chunk)])
    assert commits.received("2015-05-17T10", "2015-05-17T11") == Committed(chunks=1, accepted=3, stored=1)
    assert commits.received("2015-05-17T10", "2015-05-17T12") == Committed(chunks=2, accepted=4, stored=2)
    assert commits.received("2015-05-17T09", "2015-05-17T10") == Committed()


def test_the_log_knows_in_which_object_each_committed_chunk_is_archived(commits: CommitLog) -> None:
    stored, empty, unknown = make_chunk(), make_chunk(), make_chunk()
    commits.commit([make_record(stored, archive_object="here"), make_record(empty, owned=[])])
    asked = [("acme", each.chunk_id) for each in (stored, empty, unknown)] + [("other", stored.chunk_id)]
    assert commits.archived_in(asked) == {stored.chunk_id: "here", empty.chunk_id: None}
    assert commits.archived_in([]) == {}


def test_two_projects_share_nothing(commits: CommitLog) -> None:
    ours, theirs = chunk_at("2015-05-17T10:05:00Z"), chunk_at("2015-05-17T11:05:00Z", project="acme-2")
    commits.commit([make_record(ours), make_record(theirs)])
    assert counts_of(commits) == {("2015-05-17T10:05", "view"): 1}
    assert counts_of(commits, "acme-2") == {("2015-05-17T11:05", "view"): 1}
    assert commits.record("acme-2", ours.chunk_id) is None
    assert commits.records("acme-2", "2015-05-17T10") == []
    assert hours_touched(commits) == {("acme", "2015-05-17T10"), ("acme-2", "2015-05-17T11")}


def test_a_mark_that_is_removed_is_gone_and_comes_with_the_next_commit(commits: CommitLog) -> None:
    commits.commit([make_record(make_chunk()), make_record(chunk_at("2015-05-17T11:00:00Z"))])
    for mark in list(commits.marks()):
        if mark.hour == "2015-05-17T10":
            commits.remove_mark(mark)
    assert hours_touched(commits) == {("acme", "2015-05-17T11")}
    commits.commit([make_record(make_chunk(make_event("e2")))])
    assert hours_touched(commits) == {("acme", "2015-05-17T10"), ("acme", "2015-05-17T11")}


def test_a_mark_that_was_put_anew_stays(commits: CommitLog) -> None:
    commits.commit([make_record(make_chunk())])
    (old,) = commits.marks()

    def put_anew() -> list[Mark]:
        return [mark for mark in commits.marks() if mark.shard == old.shard and mark.token != old.token]

    for number in range(400):  # the log chooses where a mark lies; sooner or later it is the same place
        commits.commit([make_record(make_chunk(make_event(f"late {number}")))])
        if put_anew():
            break
    anew = put_anew()
    commits.remove_mark(old)
    assert put_anew() == anew != []


def test_a_quarantined_chunk_is_noted_once_and_for_its_project_alone(commits: CommitLog) -> None:
    chunk, other = make_chunk(), make_chunk()
    commits.quarantine(make_quarantined(chunk))
    commits.quarantine(make_quarantined(chunk, "commit_failed"))
    assert commits.quarantine_code("acme", chunk.chunk_id) == "too_old"
    assert commits.quarantine_code("acme", other.chunk_id) is None
    assert commits.quarantine_code("other", chunk.chunk_id) is None
    assert commits.record("acme", chunk.chunk_id) is None
    assert commits.records("acme", chunk.hour) == []


def test_the_quarantine_lists_what_is_in_it_as_it_was_put(commits: CommitLog) -> None:
    entries = [make_quarantined(make_chunk(project=project, repeats=2)) for project in ("acme", "other")]
    garbage = replace(entries[0], project=None, name="6f-1#a", code="not_a_chunk", accepted=0)
    assert list(commits.quarantined()) == []
    for entry in (*entries, garbage):
        commits.quarantine(entry)
    assert list(commits.quarantined()) == [garbage, *entries]
    commits.remove_quarantined(entries[0])
    commits.remove_quarantined(entries[0])
    assert list(commits.quarantined()) == [garbage, entries[1]]


def test_a_quarantined_chunk_that_is_committed_is_resolved(commits: CommitLog) -> None:
    chunks = [make_chunk() for _ in range(120)]
    for chunk in chunks:
        commits.quarantine(make_quarantined(chunk))
    done = [chunks[0], chunks[50], chunks[119]]
    commits.commit([make_record(chunk) for chunk in done])
    assert {entry.name for entry in commits.resolved()} == {chunk.chunk_id for chunk in done}
    assert len(list(commits.quarantined())) == 117


def test_a_chunk_of_another_project_settles_nothing(commits: CommitLog) -> None:
    chunk = make_chunk()
    commits.quarantine(make_quarantined(chunk))
    commits.commit([make_record(replace(chunk, sender=replace(chunk.sender, project="other")))])
    assert list(commits.resolved()) == []


def test_the_last_failure_of_a_chunk_is_told_and_leaves_its_records_alone(commits: CommitLog) -> None:
    chunk, other = make_chunk(), make_chunk()
    last = Failure("commit_failed", "2015-05-17T10:40:00.000000Z", 4)
    commits.note_failure(chunk, replace(last, code="archive_failed", deliveries=2))
    commits.note_failure(chunk, last)
    assert commits.failures([("acme", chunk.chunk_id), ("acme", other.chunk_id)]) == {chunk.chunk_id: last}
    assert commits.failures([("other", chunk.chunk_id)]) == {}
    assert commits.failures([]) == {}
    assert (commits.records("acme", chunk.hour), commits.counters("acme", [chunk.hour[:10]])) == ([], [])


def test_a_commit_takes_all_that_one_transaction_may_hold(commits: CommitLog) -> None:
    types = [make_event(f"e{number}", event_type=f"type {number}") for number in range(90)]
    records = [make_record(make_chunk(*types)), *(make_record(make_chunk(types[0])) for _ in range(6))]
    assert commits.commit(records).committed == {record.chunk_id for record in records}
    assert counts_of(commits).total() == 96


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


class Singles:
    """Singles, the log that commits them, and the events that it inserts."""

    def __init__(self, commits: CommitLog, events: EventStore) -> None:
        self.commits, self.events = commits, events

    def stored(self, event_id: str = "e1") -> dict[str, Any] | None:
        return self.events.get("acme", make_event(event_id).ref)


@pytest.fixture
def singles(backend: Stage | None) -> Singles:
    if backend is None:
        log = FakeCommitLog()
        return Singles(log, log.events)
    return Singles(backend.commits, backend.events)


def test_singles_are_committed_with_their_events_and_share_a_record(singles: Singles) -> None:
    one, two = make_single(make_event("e1", page="/")), make_single(make_event("e2"))
    other_hour = make_single(make_event("e3", at="2015-05-17T11:05:00Z"))
    given = [make_record(each, archive_object="here") for each in (one, two, other_hour)]
    assert singles.commits.commit(given).committed == {record.chunk_id for record in given}
    assert singles.stored("e1") == stored_form(one.events[0], one)
    assert counts_of(singles.commits).total() == 3
    assert singles.commits.committed([one, two, other_hour, make_single(make_event("e4"))]) == {
        record.chunk_id for record in given
    }
    (shared,) = singles.commits.records("acme", "2015-05-17T10")
    assert (shared.accepted, shared.stored, shared.archive_object) == (2, 2, "here")
    assert shared.value_counts == {"page": {"/": 1}}
    assert singles.commits.record("acme", one.chunk_id) == singles.commits.record("acme", two.chunk_id) == shared
    assert share_of(shared, one.chunk_id).owned == given[0].owned
    asked = [("acme", each.chunk_id) for each in (one, other_hour)]
    assert singles.commits.archived_in(asked) == {one.chunk_id: "here", other_hour.chunk_id: "here"}
    assert singles.commits.received("2015-05-17T10", "2015-05-17T11") == Committed(chunks=3, accepted=3, stored=3)


def test_a_single_that_was_committed_before_is_answered_as_done_and_changes_nothing(singles: Singles) -> None:
    old, new = make_single(make_event("e1")), make_single(make_event("e2"))
    singles.commits.commit([make_record(old)])
    assert singles.commits.commit([make_record(new), make_record(old)]) == Outcome({old.chunk_id})
    assert singles.stored("e2") is None
    assert counts_of(singles.commits).total() == 1
    assert len(singles.commits.records("acme", "2015-05-17T10")) == 1


def test_a_single_whose_event_is_there_is_a_duplicate_and_then_has_a_record_of_its_own(singles: Singles) -> None:
    first, second, new = make_single(), make_single(), make_single(make_event("e2"))
    singles.commits.commit([make_record(first)])
    records = [make_record(second), make_record(new)]
    assert singles.commits.commit(records) == Outcome(set(), {second.chunk_id})
    assert singles.commits.committed([first, second, new]) == {first.chunk_id}
    again = [as_duplicate(records[0]), records[1]]
    assert singles.commits.commit(again).committed == {second.chunk_id, new.chunk_id}
    record = singles.commits.record("acme", second.chunk_id)
    assert record is not None
    assert (record.accepted, record.stored, record.duplicates, record.archive_object) == (1, 0, 1, None)
    assert singles.commits.committed([first, second, new]) == {first.chunk_id, second.chunk_id, new.chunk_id}
    asked = [("acme", each.chunk_id) for each in (first, second)]
    assert singles.commits.archived_in(asked) == {first.chunk_id: "object", second.chunk_id: None}
    assert counts_of(singles.commits).total() == 2


def test_a_single_meets_the_event_of_a_chunk_that_is_none(singles: Singles) -> None:
    chunk, single = make_chunk(make_event("e1"), make_event("e2")), make_single(make_event("e1"))
    singles.events.claim([(chunk, event) for event in chunk.events])
    assert singles.commits.commit([make_record(single)]) == Outcome(set(), {single.chunk_id})
    assert singles.commits.committed([chunk, single]) == set()


def test_an_id_that_was_made_up_of_a_chunks_and_its_events_is_of_no_chunk(singles: Singles) -> None:
    chunk, single = make_chunk(make_event("e1"), make_event("e2")), make_single(make_event("e3"))
    singles.events.claim([(chunk, event) for event in chunk.events])
    singles.commits.commit([make_record(chunk), make_record(single)])
    for forged in (single_id(chunk.chunk_id, chunk.events[0].ref), single_id(single.owner, chunk.events[0].ref)):
        assert singles.commits.record("acme", forged) is None
        assert singles.commits.archived_in([("acme", forged)]) == {}


def test_of_a_single_whose_shared_record_has_expired_nobody_knows_the_object(stage: Stage) -> None:
    single = make_single()
    stage.commits.commit([make_record(single)])
    (shared,) = stage.commits.records("acme", single.hour)
    key = table_keys.commit_record("acme", shared.chunk_id)
    stage.clients.dynamodb.delete_item(
        TableName=stage.settings.table_name, Key={"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    )
    assert stage.commits.archived_in([("acme", single.chunk_id)]) == {}
    assert stage.commits.committed([single]) == {single.chunk_id}


def test_a_commit_takes_as_many_singles_as_one_transaction_may_hold(stage: Stage) -> None:
    given = [make_record(make_single(make_event(f"e{number}", filler="x" * 900))) for number in range(200)]
    for together in commit.group(given):
        assert stage.commits.commit(together).committed == {record.chunk_id for record in together}
    assert len(stage.commits.records("acme", "2015-05-17T10")) == len(commit.group(given)) == 3
