"""An erased user is gone from table, counts, reports and archive, and cannot come back as something new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import HISTORY, LIFETIMES, NOW, World, make_chunk, make_event, make_message, make_single, world_of_rows
from chalicelib.core.chunk import Chunk
from chalicelib.core.event import EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.windows import Window
from chalicelib.errors import Problem, ProcessingFailed
from chalicelib.flows.quarantine import quarantine_chunk
from chalicelib.flows.query import get_event
from fakes import FakeErasure, FakeEventStore
from millrace.ops import erasure
from millrace.ops.erasure import Erased, Eraser, Person

DAY = timedelta(days=1)
HOUR = Window("acme", "hour", "2015-05-17T10")


def eraser_of(
    world: World, user: str = "u1", *, now: datetime = NOW, port: FakeErasure | None = None, dry_run: bool = False
) -> Eraser:
    return Eraser(
        Person("acme", user),
        events=world.events,
        commits=world.commits,
        quarantine=world.quarantine,
        erasure=port or world.erasure,
        archive=world.archive,
        is_settled=lambda minted: HISTORY.is_settled(minted, now),
        dry_run=dry_run,
    )


def erase(world: World, user: str = "u1", **options: Any) -> Erased:
    eraser = eraser_of(world, user, **options)
    list(eraser.erase_events())
    list(eraser.erase_lines(list(world.archive.find())))
    eraser.count_left()
    return eraser.totals


def users_of(world: World) -> dict[str, set[str]]:
    """Whose events the table, and whose lines the archive holds, of the project."""
    lines = [line for events in world.archive.documents().values() for line in events if line["project"] == "acme"]
    return {
        "table": {ref.user for project, ref in world.events.stored if project == "acme"},
        "archive": {line["user_id"] for line in lines},
    }


def take_both() -> tuple[World, Chunk]:
    world = World()
    chunk = make_chunk(
        make_event("e1", page="/home"),
        make_event("e2", event_type="click"),
        make_event("e3", user="u2", page="/home"),
    )
    world.take(chunk)
    return world, chunk


def test_a_user_is_gone_from_everywhere_and_nobody_else_is() -> None:
    world = world_of_rows()
    theirs = world.find_events({}, project="other")["events"]
    totals = erase(world)
    assert (totals.events, totals.lines, totals.is_complete) == (4, 4, True)
    assert users_of(world) == {"table": {"u2"}, "archive": {"u2"}}
    assert [event["event_id"] for event in world.find_events({})["events"]] == ["e", "c", "b2"]
    assert world.find_events({"user_id": "u1"})["events"] == []
    assert sum(row["count"] for row in world.count({})) == 3
    assert world.find_events({}, project="other")["events"] == theirs


def test_an_erased_event_is_not_found_by_its_key() -> None:
    world, _ = take_both()
    (key,) = [event["key"] for event in world.find_events({"user_id": "u1", "event_type": "click"})["events"]]
    erase(world)
    with pytest.raises(Problem) as caught:
        get_event(key, project="acme", events=world.events)
    assert caught.value.code == "no_such_event"


def test_reports_are_made_anew_without_the_user() -> None:
    world, _ = take_both()
    world.aggregate()
    assert world.reports.reports[HOUR].content["unique_users"] == 2
    erase(world)
    world.aggregate()
    report = world.reports.reports[HOUR]
    assert report.version == 2
    assert (report.content["events"], report.content["unique_users"]) == (1, 1)
    assert report.content["counts"] == {"page_view": 1}
    assert report.content["top"] == {"page": [{"value": "/home", "count": 1}]}


def test_hour_summaries_are_made_anew_without_the_user() -> None:
    world, _ = take_both()
    world.aggregate()
    assert summarized_users(world) == {"u1", "u2"}
    erase(world)
    world.aggregate()
    assert summarized_users(world) == {"u2"}
    erase(world, "u2")
    world.aggregate()
    assert summarized_users(world) == set()
    assert [report.content["events"] for report in world.reports.reports.values()] == [0, 0]


def test_a_user_whose_place_another_takes_leaves_the_summary_though_the_numbers_stay() -> None:
    world = World()
    world.take(make_chunk(make_event("e1", user="u1")))
    world.aggregate()
    erase(world)
    world.take(make_chunk(make_event("e1", user="u2")))
    world.aggregate()
    assert summarized_users(world) == {"u2"}
    assert world.reports.reports[HOUR].content["events"] == 1


def summarized_users(world: World) -> set[str]:
    return {user for _, summary in world.hour_summaries.kept.values() for user in summary.users}


def test_counts_of_zero_are_not_shown() -> None:
    world, _ = take_both()
    erase(world)
    assert [(row["event_type"], row["count"]) for row in world.count({})] == [("page_view", 1)]


def test_the_receipt_of_a_chunk_still_adds_up() -> None:
    world, chunk = take_both()
    erase(world)
    receipt = world.receipt(chunk.chunk_id)
    assert (receipt["accepted"], receipt["stored"], receipt["duplicates"], receipt["erased"]) == (3, 1, 0, 2)


def test_a_client_that_sends_an_erased_event_again_brings_nothing_back() -> None:
    world, _ = take_both()
    erase(world)
    retry = make_chunk(make_event("e1", page="/home"))
    world.take(retry)
    record = world.commits.record("acme", retry.chunk_id)
    assert record is not None
    assert (record.stored, record.duplicates) == (0, 1)
    assert users_of(world) == {"table": {"u2"}, "archive": {"u2"}}


def test_a_late_copy_of_the_erased_chunk_does_not_archive_it_again() -> None:
    world, chunk = take_both()
    counted = world.counted()
    erase(world)
    world.process(make_message(chunk))
    assert users_of(world) == {"table": {"u2"}, "archive": {"u2"}}
    assert world.counted() == {**counted, ("acme", "page_view"): 1, ("acme", "click"): 0}


def test_events_whose_chunk_is_on_its_way_are_left_and_reported() -> None:
    world = World()
    chunk = make_chunk(make_event("e1"), make_event("e2", user="u2"))
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(Exception, match="must come back"):
        world.take(chunk)
    totals = erase(world)
    assert (totals.events, totals.events_in_flight, totals.lines_in_flight, totals.is_complete) == (0, 1, 1, False)
    world.commits.outcomes = ()
    world.take(chunk)
    assert world.counted() == {("acme", "page_view"): 2}
    totals = erase(world)
    assert (totals.events, totals.lines, totals.is_complete) == (1, 2, True)
    assert users_of(world) == {"table": {"u2"}, "archive": {"u2"}}


def test_what_no_copy_can_finish_any_more_is_erased_without_a_record() -> None:
    world, _ = take_both()
    world.commits.records_by_id.clear()
    assert erase(world).is_complete is False
    totals = erase(world, now=NOW + LIFETIMES.max_chunk_age + 2 * DAY)
    assert (totals.events, totals.lines, totals.is_complete) == (2, 2, True)


def test_archived_lines_of_events_that_have_expired_are_erased() -> None:
    world, _ = take_both()
    world.events = FakeEventStore()
    world.commits.records_by_id.clear()
    totals = erase(world, now=NOW + timedelta(days=500))
    assert (totals.events, totals.lines, totals.is_complete) == (0, 2, True)
    assert users_of(world)["archive"] == {"u2"}


def test_an_event_that_came_in_after_the_table_was_erased_stays_whole() -> None:
    """Its line may not go as long as it stands: the archive would hold less than the table."""
    world, _ = take_both()
    eraser = eraser_of(world, now=NOW - 9 * DAY)
    list(eraser.erase_events())
    world.take(make_chunk(make_event("late")))
    list(eraser.erase_lines(list(world.archive.find())))
    totals = eraser.totals
    assert (totals.lines, totals.lines_in_flight, totals.is_complete) == (2, 1, False)
    assert [ids for ids in world.archived().values() if "late" in ids] == [["late"]]


def test_an_object_without_lines_keeps_its_name() -> None:
    world = World()
    world.take(make_chunk(make_event("e1")))
    (name,) = world.archive.objects
    erase(world)
    assert world.archived() == {name: []}


@pytest.mark.parametrize("number", [1, 49, 50, 120])
def test_a_chunk_of_more_events_than_one_transaction_takes_is_erased_whole(number: int) -> None:
    world = World()
    mine = [make_event(f"e{each}", event_type=f"t{each % 80}", page="/home") for each in range(number)]
    world.take(make_chunk(*mine, make_event("other", user="u2", page="/home")))
    assert erase(world).events == number
    assert sum(row["count"] for row in world.count({})) == 1
    (record,) = world.commits.records_by_id.values()
    assert (record.erased, record.stored, record.value_counts) == (number, 1, {"page": {"/home": 1}})


def test_a_second_erasure_finds_nothing() -> None:
    world, _ = take_both()
    erase(world)
    assert erase(world) == Erased()


def test_two_erasures_of_one_chunk_at_once_take_every_event_from_the_counts_once() -> None:
    world, _ = take_both()
    rival = FakeErasure(world.events, world.commits, [lambda: erase(world, "u2"), lambda: erase(world, "u1")])
    erase(world, port=rival)
    assert world.count({}) == []
    assert world.counted() == {("acme", "page_view"): 0, ("acme", "click"): 0}
    assert users_of(world) == {"table": set(), "archive": set()}


def test_an_object_that_another_erasure_rewrites_meanwhile_is_read_again() -> None:
    world, _ = take_both()
    world.archive.meanwhile = [lambda: erase(world, "u2")]
    erase(world)
    assert users_of(world) == {"table": set(), "archive": set()}


def test_a_dry_run_counts_and_changes_nothing() -> None:
    world, _ = take_both()
    before = (dict(world.archive.objects), dict(world.events.stored), dict(world.commits.records_by_id))
    totals = erase(world, dry_run=True)
    assert (totals.events, totals.lines, totals.objects) == (2, 2, 1)
    assert (world.archive.objects, world.events.stored, world.commits.records_by_id) == before


def test_events_whose_chunk_waits_in_quarantine_are_left_however_old_they_are() -> None:
    """It may be renewed, and then it commits what it has claimed."""
    world = World()
    old = make_chunk(make_event("e1", at="2015-04-07T10:00:00Z"), received=NOW - timedelta(days=40))
    world.events.claim([(old, old.events[0])])
    world.process(make_message(old))
    totals = erase(world)
    assert (totals.events, totals.events_in_flight, totals.quarantined) == (0, 1, 1)


def test_the_line_of_a_chunk_that_may_be_renewed_is_left_however_old_it_is() -> None:
    """Its renewed message is archived already, and commits while the lines are erased, or later."""
    world = World()
    old = make_single(make_event("e1", at="2015-04-07T10:00:00Z"), received=NOW - timedelta(days=40))
    world.process(make_message(old))
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(ProcessingFailed):
        world.process(make_message(replace(old, renewed=NOW)))
    world.commits.outcomes = ()
    totals = erase(world)
    assert (totals.lines, totals.lines_in_flight, totals.is_settled) == (0, 1, False)
    world.process(make_message(replace(old, renewed=NOW), receive_count=2))
    named = world.commits.archived_in([("acme", old.chunk_id)])[old.chunk_id]
    assert named is not None
    assert len(world.archive.documents()[named]) == 1


def test_a_dry_run_counts_what_is_in_flight_as_the_erasure_would() -> None:
    world, done, waiting = World(), make_chunk(make_event("e1")), make_chunk(make_event("e2"))
    world.take(done)
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(ProcessingFailed):
        world.process(make_message(waiting))
    world.commits.outcomes = ()
    would = erase(world, dry_run=True)
    assert (would.events, would.lines, would.events_in_flight, would.lines_in_flight) == (1, 1, 1, 1)
    assert erase(world) == would


def test_quarantined_events_of_the_user_are_counted_and_left() -> None:
    world = World()
    mine, other = (make_event(f"of {user}", at="2015-04-16T10:00:00Z", user=user) for user in ("u1", "u2"))
    old = make_chunk(mine, other, received=NOW - timedelta(days=31))
    world.process(make_message(old))
    totals = erase(world)
    assert (totals.quarantined, totals.is_complete) == (1, False)


def test_a_line_that_names_the_user_and_cannot_be_read_is_reported() -> None:
    world = World()
    world.archive.write([StoredEvent(b'{"user_id":"u1"}'), StoredEvent(b'"u2"')], NOW)
    assert erase(world).unreadable == 1


@pytest.mark.parametrize("user", ["#", "a#b", "ä\U0001f600", '"', "\\u0000", "u1\n"])
def test_hostile_names_are_erased_as_any_other(user: str) -> None:
    world = World()
    world.take(make_chunk(make_event("e1", user=user), make_event("e2", user=user + "x")))
    totals = erase(world, user)
    assert (totals.events, totals.lines) == (1, 1)
    assert users_of(world) == {"table": {user + "x"}, "archive": {user + "x"}}


def test_what_lies_under_an_anonymous_id_of_the_person_is_counted_and_left() -> None:
    world = World()
    before = replace(make_event("a1"), user_id=None, anonymous_id="dev-1")
    login = replace(make_event("a2", user="ann"), anonymous_id="dev-1")
    elsewhere = replace(make_event("a3", user="ann"), anonymous_id="dev-2")  # nothing lies under this one
    somebody = replace(make_event("a4"), user_id=None, anonymous_id="dev-3")
    world.take(make_chunk(before, login, elsewhere, somebody))
    eraser = eraser_of(world, "ann")
    list(eraser.erase_events())
    list(eraser.erase_lines(list(world.archive.find())))
    assert eraser.count_anonymous() == {"dev-1": 1}
    assert (eraser.totals.events, eraser.totals.anonymous) == (2, 1)
    assert eraser.totals.is_settled
    assert not eraser.totals.is_complete
    assert "dev-1" not in str(erasure.receipt(eraser.person, eraser.totals, NOW, NOW))
    rest = eraser_of(world, "dev-1")
    list(rest.erase_events())
    assert rest.count_anonymous() == {}
    assert rest.totals.is_complete
    assert {ref.user for _, ref in world.events.stored} == {"dev-3"}


def test_an_anonymous_id_that_only_the_archive_knows_is_found_too() -> None:
    world = World()
    login = replace(make_event("a2", user="ann"), anonymous_id="dev-1")
    before = replace(make_event("a1"), user_id=None, anonymous_id="dev-1")
    world.take(make_chunk(login, before))
    del world.events.stored["acme", login.ref]  # expired
    eraser = eraser_of(world, "ann")
    list(eraser.erase_events())
    list(eraser.erase_lines(list(world.archive.find())))
    assert eraser.count_anonymous() == {"dev-1": 1}


def test_a_receipt_names_the_user_by_a_summary_alone() -> None:
    receipt = erasure.receipt(Person("acme", "someone"), Erased(events=2), NOW, NOW + DAY)
    assert "someone" not in str(receipt)
    assert (receipt["events"], receipt["started"]) == (2, "2015-05-17T10:30:00Z")
    names: Sequence[str] = [
        erasure.receipt_name(erasure.receipt(person, Erased(), NOW, NOW), person)
        for person in (Person("acme", user) for user in ("a", "b"))
    ]
    assert len(set(names)) == 2


def test_an_event_that_is_committed_beside_the_erasure_is_not_missed() -> None:
    """Its chunk was renewed: it leaves the quarantine after the events were erased, and before that is looked at."""
    world = World()
    chunk = make_chunk(make_event("late"))
    quarantine_chunk(
        chunk, make_message(chunk), code="too_old", last_delivered=None, quarantine=world.quarantine, now=NOW
    )
    eraser = eraser_of(world)
    list(eraser.erase_events())
    world.take(replace(chunk, renewed=NOW))
    list(eraser.erase_lines(list(world.archive.find())))
    eraser.count_left()
    assert (eraser.totals.quarantined, eraser.totals.events_in_flight, eraser.totals.is_settled) == (0, 1, False)
    assert erase(world).is_settled


def test_the_line_of_a_single_that_is_committed_while_lines_are_erased_stays_with_its_event() -> None:
    world, single = World(), make_single(make_event("late"))

    class Meanwhile(FakeErasure):
        def standing(self, project: str, refs: Sequence[EventRef]) -> dict[EventRef, bool]:
            found = super().standing(project, refs)
            if not world.events.stored:
                world.take(single)
            return found

    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(ProcessingFailed):
        world.process(make_message(single))
    world.commits.outcomes = ()
    totals = erase(world, port=Meanwhile(world.events, world.commits))
    assert (world.events.stored != {}, totals.is_settled) == (True, False)
    named = {record.archive_object for record in world.commits.records_by_id.values()}
    assert named <= {name for name, events in world.archive.documents().items() if events}
