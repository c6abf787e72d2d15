"""The ledger's arithmetic: what is accepted must be somewhere, and nothing cancels what is not."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import ledger
from chalicelib.core.chunk_id import chunk_hash, sum_of
from chalicelib.core.ledger import Amount, Committed, Hour, Ledger, Logged, Measured

EVENTS = 2


def hour_of(
    queued: set[str], committed: set[str], *, doubled: Collection[str] = (), logged: bool = True, lost: int = 0
) -> Hour:
    """Of these chunks, of which some were measured twice; the log may lack some that were committed."""
    hashes, done = ({chunk_hash(each) for each in chunks} for chunks in (queued, committed))
    measured = Measured(
        len(queued) + len(doubled),
        EVENTS * (len(queued) + len(doubled)),
        sum_of(hashes) + sum_of(map(chunk_hash, doubled)),
    )
    sums = Committed(len(committed), EVENTS * len(committed), len(committed), sum_of(done))
    log = Logged(frozenset(hashes), frozenset(sorted(done)[lost:])) if logged else None
    return ledger.judge(measured, sums, log)


def made(hours: dict[str, Hour], committed: int = 0, **more: Amount | int) -> Ledger:
    parts = {"rejected": 0, "quarantined": Amount(), "dead": Amount(), "waiting_chunks": 0} | more
    return Ledger(hours=hours, committed=Committed(committed, committed * EVENTS, committed), **parts)  # type: ignore[arg-type]


@given(*[st.just(0) | st.integers(0, 50)] * 5)
def test_every_chunk_that_is_nowhere_is_missing_and_the_rows_add_up(
    committed: int, quarantined: int, dead: int, waiting: int, lost: int
) -> None:
    on_their_way = quarantined + dead + waiting + lost
    hour = Hour(Amount(on_their_way, EVENTS * on_their_way), Amount(), is_certain=True)
    stock = made(
        {"h": hour},
        committed,
        quarantined=Amount(quarantined, EVENTS * quarantined),
        dead=Amount(dead, EVENTS * dead),
        waiting_chunks=waiting,
    )
    row = stock.to_json()
    assert (stock.missing_chunks, row["balances"]) == (lost, lost == 0)
    parts = ("stored", "duplicates", "in_flight", "dead", "quarantined", "missing")
    assert row["accepted"] == sum(row[name] for name in parts) == EVENTS * (committed + on_their_way)
    assert all(row[name] >= 0 for name in parts)


def test_an_hour_whose_sums_agree_is_settled_without_a_look_at_its_log() -> None:
    assert hour_of({"a", "b"}, {"a", "b"}, logged=False) == Hour(Amount(), Amount(), is_certain=True)


def test_a_lost_chunk_and_an_unanswered_one_of_an_hour_do_not_cancel() -> None:
    hour = hour_of({"a", "lost"}, {"a", "unanswered"})
    assert (hour.unsettled.chunks, hour.unanswered.chunks, hour.is_certain) == (1, 1, True)
    assert made({"h": hour}, 2).missing_chunks == 1


def test_a_lost_chunk_of_one_hour_and_an_unanswered_one_of_another_do_not_cancel() -> None:
    hours = {"1": hour_of({"a", "lost"}, {"a"}, logged=False), "2": hour_of({"b"}, {"b", "unanswered"}, logged=False)}
    stock = made(hours, 3)
    assert (stock.missing_chunks, stock.unanswered.chunks) == (1, 1)


def test_without_a_log_an_hour_whose_sums_differ_is_uncertain() -> None:
    hour = hour_of({"a", "lost"}, {"a", "unanswered"}, logged=False)
    assert made({"2026-05-01T10": hour}, 2).uncertain_hours == ["2026-05-01T10"]


def test_a_log_that_lacks_what_the_exact_sums_know_proves_nothing() -> None:
    assert not hour_of({"a", "lost"}, {"a", "unanswered"}, lost=1).is_certain


def test_a_line_of_metrics_that_was_counted_twice_loses_nothing() -> None:
    hour = hour_of({"a", "b"}, {"a", "b"}, doubled={"a"})
    assert hour == Hour(Amount(), Amount(), is_certain=True)
    assert made({"h": hour}, 2).to_json()["accepted"] == 2 * EVENTS


def test_what_waits_explains_an_hour_that_no_log_tells_of() -> None:
    hour = hour_of({"a", "waits"}, {"a"}, logged=False)
    assert made({"h": hour}, 1, waiting_chunks=1).uncertain_hours == []
    assert made({"h": hour}, 1).uncertain_hours == ["h"]


def test_dead_letters_of_which_only_the_number_is_known_have_the_events_that_are_left() -> None:
    hour = hour_of({"a", "dead"}, {"a"})
    row = made({"h": hour}, 1, dead=Amount(chunks=1)).to_json()
    assert (row["dead"], row["in_flight"], row["missing"], row["balances"]) == (EVENTS, 0, 0, True)


def test_a_hash_tells_nothing_of_its_chunk_and_differs_for_others() -> None:
    hashes = {chunk_hash(f"01ARZ3NDEKTSV4RRFFQ69G5FAV-ann-{number}") for number in range(1000)}
    assert {len(each) for each in hashes} == {12}
    assert len(hashes) == 1000


@pytest.mark.parametrize("kind", [Amount, Committed])
def test_amounts_add_up_by_part(kind: type[Amount | Committed]) -> None:
    assert sum((kind(1, 2), kind(3, 4)), kind()) == kind(4, 6)
