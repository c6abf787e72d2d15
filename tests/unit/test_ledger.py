"""The ledger's arithmetic: what is accepted must be somewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ledger import Amount, Committed, Ledger


def make_ledger(
    *, accepted: int = 0, committed: int = 0, quarantined: int = 0, dead: int = 0, waiting: int = 0, events: int = 2
) -> Ledger:
    """Chunks of `events` events each."""
    return Ledger(
        accepted=Amount(accepted, accepted * events),
        rejected=0,
        committed=Committed(committed, committed * events, committed * events),
        quarantined=Amount(quarantined, quarantined * events),
        dead=Amount(dead, dead * events),
        waiting_chunks=waiting,
    )


@given(*[st.integers(0, 50)] * 4)
def test_what_is_all_somewhere_balances(committed: int, quarantined: int, dead: int, waiting: int) -> None:
    total = committed + quarantined + dead + waiting
    stock = make_ledger(accepted=total, committed=committed, quarantined=quarantined, dead=dead, waiting=waiting)
    row = stock.to_json()
    assert row["balances"]
    assert (row["in_flight"], row["missing"]) == (2 * waiting, 0)
    parts = ("stored", "duplicates", "in_flight", "dead", "quarantined")
    assert row["accepted"] == sum(row[name] for name in parts)


@given(*[st.integers(0, 50)] * 4, st.integers(1, 50))
def test_every_lost_chunk_is_missing(committed: int, quarantined: int, dead: int, waiting: int, lost: int) -> None:
    total = committed + quarantined + dead + waiting + lost
    stock = make_ledger(accepted=total, committed=committed, quarantined=quarantined, dead=dead, waiting=waiting)
    assert not stock.balances
    assert stock.missing_chunks == lost


def test_with_an_empty_queue_the_missing_events_are_known() -> None:
    assert make_ledger(accepted=5, committed=3).to_json()["missing"] == 4


def test_a_chunk_that_ingestion_did_not_know_to_be_queued_is_no_loss() -> None:
    stock = make_ledger(accepted=3, committed=4)
    assert stock.balances
    assert stock.unanswered_chunks == 1


def test_duplicates_are_what_was_accepted_and_not_stored() -> None:
    stock = Ledger(Amount(1, 5), 7, Committed(1, 5, 3), Amount(), Amount(), 0)
    row = stock.to_json()
    assert (row["stored"], row["duplicates"], row["rejected"]) == (3, 2, 7)


@pytest.mark.parametrize("kind", [Amount, Committed])
def test_amounts_add_up_by_part(kind: type[Amount | Committed]) -> None:
    assert sum((kind(1, 2), kind(3, 4)), kind()) == kind(4, 6)
