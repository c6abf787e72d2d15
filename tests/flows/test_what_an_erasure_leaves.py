"""An erasure leaves what is on its way or cannot be told, and says so; nothing is missed that comes beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import LIFETIMES, NOW, World, make_chunk, make_event, make_message, make_quarantined, make_single
from chalicelib.core.event import EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.failures import Quarantined
from chalicelib.errors import NotApplied, ProcessingFailed, StoreFailed
from chalicelib.flows.quarantine import quarantine_chunk
from fakes import FakeArchive, FakeErasure, FakeQuarantine
from flows.erasing import DAY, erase, eraser_of, take_both, users_of
from millrace.ops import erasure


def test_events_whose_chunk_is_on_its_way_are_left_and_reported() -> None:
    world = World()
    chunk = make_chunk(make_event("e1"), make_event("e2", user="u2"))
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(Exception, match="must be delivered again"):
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


class Unerasable(FakeErasure):
    """The table refuses to erase events of one chunk."""

    chunk_id = ""
    refusal: StoreFailed | None = None

    def erase(self, project: str, chunk_id: str, *events_and_record: Any, attempt: int = 0) -> bool:
        if chunk_id != self.chunk_id:
            return super().erase(project, chunk_id, *events_and_record, attempt=attempt)
        if self.refusal:
            raise self.refusal
        return False


@pytest.mark.parametrize("refusal", [None, StoreFailed("throttled"), NotApplied("a commit is in the way")])
def test_a_chunk_whose_events_others_keep_changing_is_left_and_all_others_are_erased(
    refusal: StoreFailed | None,
) -> None:
    world = World()
    chunks = [make_chunk(make_event(f"e{number}")) for number in range(3)]
    world.take(*chunks)
    port = Unerasable(world.events, world.commits)
    port.chunk_id, port.refusal = chunks[1].chunk_id, refusal
    totals = erase(world, port=port)
    assert (totals.events, totals.events_in_flight, totals.lines_in_flight, totals.is_complete) == (2, 1, 1, False)
    assert [ref.event_id for _, ref in world.events.stored] == ["e1"]
    assert erase(world).is_complete


def test_an_erasure_that_the_table_refuses_for_good_says_why() -> None:
    class Forbidden(NotApplied):
        passes = False

    world = World()
    world.take(chunk := make_chunk(make_event("e1")))
    port = Unerasable(world.events, world.commits)
    port.chunk_id, port.refusal = chunk.chunk_id, Forbidden("not allowed")
    with pytest.raises(StoreFailed, match="not allowed"):
        erase(world, port=port)


def test_an_object_that_is_rewritten_all_the_time_is_left_and_all_others_lose_their_lines() -> None:
    class Restless(FakeArchive):
        def rewrite(self, name: str, *content: Any) -> bool:
            return name != busy and super().rewrite(name, *content)

    world = World(archive=Restless())
    for number in range(2):
        world.take(make_chunk(make_event(f"e{number}")))
    busy, other = sorted(world.archive.objects)
    totals = erase(world)
    assert (totals.lines, totals.lines_in_flight, totals.is_complete) == (1, 1, False)
    assert [bool(world.archived()[name]) for name in (busy, other)] == [True, False]


def test_a_chunk_that_leaves_the_quarantine_while_it_is_looked_through_is_counted_once_at_least() -> None:
    world, chunk = World(), make_chunk(make_event("late"))

    class CommittedMeanwhile(FakeQuarantine):
        def waiting(self) -> Iterator[Quarantined]:
            world.take(replace(chunk, renewed=NOW))
            return super().waiting()

    world.quarantine = CommittedMeanwhile(world.commits)
    world.quarantine.add(make_quarantined(chunk), "kept")
    eraser = eraser_of(world)
    eraser.count_left()
    assert (eraser.totals.events_in_flight, eraser.totals.is_settled) == (1, False)


def test_an_entry_that_leaves_the_quarantine_before_it_is_read_ends_no_erasure() -> None:
    world, chunk = World(), make_chunk(make_event("late"))
    world.quarantine.add(make_quarantined(chunk), "kept")
    world.quarantine.contents.clear()
    assert erase(world).quarantined == 0
