"""An erased user is gone from table, counts, reports and archive, and cannot come back as something new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from builders import NOW, World, make_chunk, make_event, make_message, world_of_rows
from chalicelib.errors import Problem
from chalicelib.flows.query import get_event
from fakes import FakeErasure, FakeEventStore
from flows.erasing import DAY, HOUR, erase, eraser_of, take_both, users_of
from millrace.ops import erasure
from millrace.ops.erasure import Erased, Person


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


@pytest.mark.parametrize("user", ["#", "a#b", "ä\U0001f600", '"', "\\u0000", "u1\n"])
def test_hostile_names_are_erased_as_any_other(user: str) -> None:
    world = World()
    world.take(make_chunk(make_event("e1", user=user), make_event("e2", user=user + "x")))
    totals = erase(world, user)
    assert (totals.events, totals.lines) == (1, 1)
    assert users_of(world) == {"table": {user + "x"}, "archive": {user + "x"}}


def test_a_receipt_names_the_user_by_a_summary_alone() -> None:
    receipt = erasure.receipt(Person("acme", "someone"), Erased(events=2), NOW, NOW + DAY)
    assert "someone" not in str(receipt)
    assert (receipt["events"], receipt["started"]) == (2, "2015-05-17T10:30:00Z")
    names: Sequence[str] = [
        erasure.receipt_name(erasure.receipt(person, Erased(), NOW, NOW), person)
        for person in (Person("acme", user) for user in ("a", "b"))
    ]
    assert len(set(names)) == 2
