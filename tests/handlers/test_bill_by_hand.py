"""The bill of a million events a day, as the stub of AWS counts them, against one that was computed by hand."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from chalicelib.settings import Trigger
from millrace.local.emulator import PROJECT
from millrace.pricing import bill, recording
from millrace.pricing.bill import Assumptions
from millrace.pricing.prices import PRICES
from millrace.pricing.stub import Stub

BY_HAND = tomllib.loads((PROJECT / "tests" / "data" / "bill-by-hand.toml").read_text())
ASSUMED, LINES = BY_HAND["assumed"], BY_HAND["line"]


@pytest.fixture(scope="module")
def bill_of_a_month() -> dict[str, float]:
    """By line. CPU is a machine's own, and taken from the computation by hand."""
    with Stub() as stub:
        worker = recording.Worker(recording.OURS, stub)
        row = recording.record(worker, events=1, messages=ASSUMED["messages"])
        worker.end()
    row["api"]["cpu_us"], row["behind"]["cpu_us"] = ASSUMED["api_cpu_us"], ASSUMED["processor_cpu_us"]
    return bill.ingestion(row, Assumptions(), ASSUMED["events"])


def test_the_batch_is_the_one_that_the_defaults_make_of_a_million_events_a_day() -> None:
    assert bill.batches_at(1e6, 1, Trigger())[0] == ASSUMED["messages"]
    assert pytest.approx(1e6 * bill.DAYS_A_MONTH) == ASSUMED["events"]


def test_every_line_has_been_computed_by_hand(bill_of_a_month: dict[str, float]) -> None:
    assert {*LINES, "in all"} == bill_of_a_month.keys()


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_what_was_computed_by_hand(bill_of_a_month: dict[str, float], line: str) -> None:
    by_hand: dict[str, Any] = LINES[line]
    assert bill_of_a_month[line] == pytest.approx(by_hand["units"] * by_hand["dollars_a_unit"], rel=0.05)


@pytest.mark.parametrize("line", LINES)
def test_a_price_by_hand_names_a_page_that_the_list_of_prices_names_too(line: str) -> None:
    assert LINES[line]["page"] in {price.source for price in PRICES.values()}


def test_all_lines_together_are_the_bill(bill_of_a_month: dict[str, float]) -> None:
    by_hand = sum(each["units"] * each["dollars_a_unit"] for each in LINES.values())
    assert bill_of_a_month["in all"] == pytest.approx(by_hand, rel=0.02)
