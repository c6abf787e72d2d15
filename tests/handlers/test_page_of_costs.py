"""docs/cost.md against what the functions take now: the cases of client libraries, at twenty events a POST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.pricing import bill, captured, recording
from millrace.pricing.bill import Assumptions
from millrace.pricing.recording import Worker
from millrace.pricing.stub import Stub

PAGE = (Path(__file__).parents[2] / "docs" / "cost.md").read_text()
EVENTS, MESSAGES = 20, 3
#: Cases of one item and of two; the others run with `make chaos`.
SAMPLE = ("Segment, server", "Segment, browser, identified")
#: The dollars vary with the CPU of the machine, which is a hundredth of them.
CLOSE = 0.03


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Stub() as stub:
        worker = Worker(recording.OURS, stub)
        yield worker
        worker.end()


def cost_of(worker: Worker, case: str, *, as_own: bool = False) -> dict[str, Any]:
    worker.ask(captured={"case": case, "as_own": as_own})
    return recording.record(worker, events=EVENTS, messages=MESSAGES)


def dollars(recorded: dict[str, Any]) -> float:
    return bill.ingestion(recorded, Assumptions())["in all"]


def on_page(case: str) -> list[float]:
    """The dollars of a case, and those of the same events in own form if the page has them."""
    row = re.search(rf"^\| {re.escape(case)} \| [^|]*\| ([^|]*) \|", PAGE, re.MULTILINE)
    assert row, f"docs/cost.md has no {case}"
    return [float(each) for each in re.findall(r"[\d.]+", row[1])]


@pytest.mark.parametrize("case", captured.CASES)
def test_events_of_a_library_cost_what_the_page_says(worker: Worker, case: str, request: pytest.FixtureRequest) -> None:
    if case not in SAMPLE and not request.config.getoption("--thorough"):
        pytest.skip("runs with make chaos")
    own = [dollars(cost_of(worker, case, as_own=True))] if case in captured.LIBRARIES else []
    assert [dollars(cost_of(worker, case)), *own] == pytest.approx(on_page(case), rel=CLOSE)


def test_no_library_but_one_costs_more_than_own_form_of_equal_size() -> None:
    dearer = [case for case in captured.LIBRARIES if on_page(case)[0] > on_page(case)[1] * (1 + CLOSE)]
    assert dearer == ["Segment, browser, identified"]


def test_a_million_events_cost_over_their_lifetime_what_the_page_says(worker: Worker) -> None:
    taken, backups = bill.lifetime(cost_of(worker, captured.OWN), Assumptions())
    said = re.search(
        r"cost [\d.]+ dollars with one event per POST, ([\d.]+) with 20.*?Backups cost [\d.]+, ([\d.]+)",
        PAGE,
        re.DOTALL,
    )
    assert said
    assert [taken, backups] == pytest.approx([float(each) for each in said.groups()], rel=CLOSE)
