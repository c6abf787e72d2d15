"""Taking stock of a pipeline of fakes: in every state of a chunk the ledger balances, and a loss is seen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from builders import NOW, World, make_chunk, make_event, make_message, make_quarantined
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.core.ledger import Amount, Ledger
from chalicelib.flows import reconciliation
from chalicelib.flows.ingest import ingest
from chalicelib.flows.quarantine import settle
from fakes import FakeDeadLetters, FakeMeter

EVENTS = [
    {"event_type": "view", "user_id": "u1", "event_id": "a", "timestamp": "2015-05-17T10:00:00Z"},
    {"event_type": "view", "user_id": "u1", "event_id": "a", "timestamp": "2015-05-17T10:00:00Z"},
    {"event_type": "view", "user_id": "u1", "event_id": "b", "timestamp": "2015-05-17T09:00:00Z"},
    {"event_type": "view"},
]


def post(world: World) -> None:
    ingest([RawEvent(each) for each in EVENTS], sender=Sender("acme", NOW), queue=world.queue, meter=world.meter)


def reconcile(world: World) -> Ledger:
    return reconciliation.reconcile(
        first=NOW - timedelta(hours=2),
        after=NOW + timedelta(hours=1),
        ledger_sums=world.ledger_sums,
        quarantine=world.quarantine,
        queue=world.queue,
        metrics=world.meter,
        chunk_log=world.meter,
        dead=Amount,
    )


def test_what_waits_is_in_flight() -> None:
    world = World()
    post(world)
    row = reconcile(world).to_json()
    assert (row["accepted"], row["in_flight"], row["rejected"], row["balances"]) == (3, 3, 1, True)


def test_what_is_processed_is_stored_or_a_duplicate() -> None:
    world = World()
    for _ in range(2):
        post(world)
        messages = world.queue.messages()
        world.process(*messages)
        world.queue.delete([message.receipt_handle for message in messages])
    row = reconcile(world).to_json()
    assert (row["accepted"], row["stored"], row["duplicates"], row["in_flight"]) == (6, 2, 4, 0)
    assert row["balances"]


def test_what_is_quarantined_balances_until_it_is_committed_and_only_in_its_period() -> None:
    world = World()
    world.quarantine.add(make_quarantined(make_chunk(received=NOW - timedelta(hours=3))), "")
    post(world)
    messages = world.queue.messages()
    quarantined = chunks.decode(messages[0].body)
    world.quarantine.add(make_quarantined(quarantined), "")
    world.process(messages[1])
    world.queue.delete([message.receipt_handle for message in messages])
    stock = reconcile(world)
    assert (stock.quarantined, stock.balances, stock.missing_chunks) == (Amount(1, quarantined.accepted), True, 0)
    world.process(messages[0])
    settle(world.quarantine)
    assert (reconcile(world).quarantined, reconcile(world).balances) == (Amount(), True)


def test_a_message_that_vanishes_is_missing() -> None:
    world = World()
    post(world)
    world.queue.delete([world.queue.messages()[0].receipt_handle])
    assert reconcile(world).missing_chunks == 1


def test_chunks_received_outside_the_period_do_not_count() -> None:
    world = World()
    world.take(make_chunk(make_event(), received=NOW - timedelta(hours=3)))
    assert reconcile(world).committed.chunks == 0


def test_a_redelivered_chunk_counts_once() -> None:
    world = World()
    message = make_message(make_chunk())
    world.process(message)
    world.process(message)
    assert reconcile(world).committed.accepted == 1


def check(world: World, now: datetime = NOW + timedelta(hours=1)) -> None:
    reconciliation.check(
        ledger_sums=world.ledger_sums,
        quarantine=world.quarantine,
        queue=world.queue,
        dead_letters=FakeDeadLetters(),
        metrics=world.meter,
        chunk_log=world.meter,
        meter=world.meter,
        now=now,
        look_back=timedelta(days=3),
    )


@pytest.mark.parametrize(("clock", "after"), [("10:09:59", "09:00"), ("10:10:00", "10:00"), ("10:59:00", "10:00")])
def test_the_check_takes_an_hour_only_ten_minutes_after_its_end_and_reaches_back_so_many_days(
    clock: str, after: str
) -> None:
    world = World()
    check(world, datetime.fromisoformat(f"2026-05-17T{clock}Z"))
    assert world.meter.asked == [
        (datetime.fromisoformat("2026-05-14T10:00Z"), datetime.fromisoformat(f"2026-05-17T{after}Z"))
    ]


def test_the_check_measures_how_many_chunks_are_missing() -> None:
    world = World()
    post(world)
    check(world)
    world.queue.delete([message.receipt_handle for message in world.queue.messages()])
    check(world)
    assert world.meter.values["missing_chunks"] == [0, 2]


def test_a_check_that_cannot_look_measures_nothing() -> None:
    world = World()
    world.meter.fails = True
    check(world)
    assert "missing_chunks" not in world.meter.values


def lose_one_and_leave_one_unmeasured(world: World) -> None:
    """One POST whose function dies before it measures, and one whose message vanishes."""
    posted = [EVENTS[0]]
    for user, meter in (("u1", world.meter), ("u2", FakeMeter())):
        event = RawEvent({**posted[0], "user_id": user})
        ingest([event], sender=Sender("acme", NOW), queue=world.queue, meter=meter)
    lost, unmeasured = world.queue.messages()
    world.queue.delete([lost.receipt_handle])
    world.process(unmeasured)
    world.queue.delete([unmeasured.receipt_handle])


def test_a_post_that_was_never_measured_hides_no_lost_chunk() -> None:
    world = World()
    lose_one_and_leave_one_unmeasured(world)
    stock = reconcile(world)
    assert (stock.missing_chunks, stock.unanswered.chunks, stock.uncertain_hours) == (1, 1, [])


def test_where_the_log_is_too_long_to_read_the_ledger_says_that_it_is_uncertain() -> None:
    world = World()
    lose_one_and_leave_one_unmeasured(world)
    world.meter.forgets = True
    assert reconcile(world).uncertain_hours == ["2015-05-17T10"]


def test_no_more_logs_are_read_than_a_look_has_time_for() -> None:
    world = World()
    for hour in range(9):
        received = NOW - timedelta(hours=hour)
        ingest([RawEvent(EVENTS[0])], sender=Sender("acme", received), queue=world.queue, meter=world.meter)
    asked: list[str] = []

    class Log:
        def of_hour(self, hour: str) -> None:
            asked.append(hour)

    reconciliation.reconcile(
        first=NOW - timedelta(days=1),
        after=NOW + timedelta(hours=1),
        ledger_sums=world.ledger_sums,
        quarantine=world.quarantine,
        queue=world.queue,
        metrics=world.meter,
        chunk_log=Log(),
        dead=Amount,
    )
    assert asked == [f"2015-05-17T{hour:02}" for hour in (10, 9, 8, 7)]


def test_a_line_that_cloudwatch_counts_twice_is_no_loss_for_thirteen_days() -> None:
    world = World()
    post(world)
    messages = world.queue.messages()
    world.process(*messages)
    world.queue.delete([message.receipt_handle for message in messages])
    sums = world.meter.hours["2015-05-17T10"]
    sums.update({name: sums[name] for name in ("chunks", "accepted", "chunk_hashes")})
    check(world)
    assert world.meter.values["missing_chunks"] == [0]
