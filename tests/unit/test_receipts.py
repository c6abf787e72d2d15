"""Collecting receipts: sums, and nothing that is remembered for longer than it is needed."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.errors import StoreFailed
from millrace.command_error import CommandError
from millrace.io.receipts import Receipts
from millrace.io.sending import Totals

COMMITTED = {"status": "committed", "stored": 3, "duplicates": 2}
WAITING = {"status": "in_flight"}


class Stage:
    """Answers with these receipts, by chunk; remembers what it was asked."""

    def __init__(self, *receipts: dict[str, Any] | Exception) -> None:
        self.receipts = receipts
        self.asked: list[str] = []
        self.totals, self.said = Totals(), list[str]()
        self.collector = Receipts(self.receipt, self.totals, -1, self.said.append)
        self.collector.add(str(number) for number in range(len(receipts)))

    def receipt(self, chunk_id: str) -> dict[str, Any]:
        self.asked.append(chunk_id)
        receipt = self.receipts[int(chunk_id)]
        if isinstance(receipt, Exception):
            raise receipt
        return receipt


def test_receipts_are_added_up() -> None:
    stage = Stage(COMMITTED, {"status": "quarantined", "code": "too_old"}, COMMITTED)
    assert sum(stage.collector.collect()) == 3
    totals = stage.totals
    assert (totals.stored, totals.duplicates) == (6, 4)
    assert (totals.chunks_quarantined, totals.chunks_in_flight, totals.is_clean) == (1, 0, False)
    assert stage.asked == ["0", "1", "2"]


def test_chunks_that_are_still_in_flight_when_the_time_is_over_are_counted() -> None:
    stage = Stage(WAITING, COMMITTED, WAITING)
    assert sum(stage.collector.collect()) == 1
    assert (stage.totals.chunks_in_flight, stage.totals.stored, stage.totals.is_clean) == (2, 3, False)


def test_behind_a_few_chunks_in_flight_nobody_asks_for_the_younger_ones() -> None:
    stage = Stage(*[WAITING] * 50)
    list(stage.collector.collect())
    assert len(stage.asked) == 20
    assert stage.totals.chunks_in_flight == 50


def test_while_a_file_is_sent_no_more_chunks_are_remembered_than_may_be_left() -> None:
    stage = Stage(*[WAITING] * 50)
    list(stage.collector.collect(leave=10))
    stage.asked.clear()
    list(stage.collector.collect())
    assert set(stage.asked) <= {str(number) for number in range(40, 50)}
    assert stage.totals.chunks_in_flight == 50


@pytest.mark.parametrize("failure", [CommandError("Nothing answers."), StoreFailed("no answer")])
def test_receipts_that_cannot_be_read_leave_their_chunks_in_flight(failure: Exception) -> None:
    stage = Stage(COMMITTED, failure, COMMITTED)
    assert sum(stage.collector.collect()) == 1
    assert (stage.totals.stored, stage.totals.chunks_in_flight) == (3, 2)
    assert stage.asked == ["0", "1"]
    assert str(failure) in stage.said[0]
