"""Sending events: in batches that a POST takes, past every bad one of them, with sums that add up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.core import limits
from millrace.command_error import CommandError
from millrace.io.client import Refused
from millrace.io.exchange import Answer
from millrace.io.reading import LineEvent
from millrace.io.receipts import Receipts
from millrace.io.sending import BadLines, Sender, Totals


class Stage:
    """Accepts what has a type, one chunk a POST. What is `poisonous` makes something before the stage refuse the
    POST with `status`; `dies_after` so many POSTs.
    """

    def __init__(self, status: int = 403, code: str = "", dies_after: int = 10_000) -> None:
        self.status, self.code, self.dies_after = status, code, dies_after
        self.posts: list[list[dict[str, Any]]] = []

    def post_texts(self, texts: list[str]) -> dict[str, Any]:
        events = [json.loads(text) for text in texts]
        if len(self.posts) >= self.dies_after:
            raise CommandError("Nothing answers.")
        self.posts.append(events)
        if any("poisonous" in event for event in events):
            raise Refused(Answer("http://here", self.status, {"code": self.code} if self.code else None, "<html>"))
        verdicts = [
            {"index": index, "status": "accepted"}
            if "event_type" in event
            else {"index": index, "status": "rejected", "message": "event_type is required."}
            for index, event in enumerate(events)
        ]
        accepted = sum(verdict["status"] == "accepted" for verdict in verdicts)
        return {"chunks": ["c"] if accepted else [], "accepted": accepted, "events": verdicts}


GOOD, BAD, POISON = {"event_type": "a"}, {"page": "/x"}, {"event_type": "a", "poisonous": True}


def sent(stage: Stage, *events: dict[str, Any]) -> tuple[Totals, list[str]]:
    totals, said = Totals(), list[str]()
    receipts = Receipts[str](lambda _: {"status": "committed", "stored": 0}, totals, 0, said.append)
    sender = Sender(stage, totals, receipts, said.append)  # type: ignore[arg-type]
    lines = [LineEvent(number, event, json.dumps(event)) for number, event in enumerate(events, 1)]
    assert sum(sender.send(lines)) == len(events)
    return totals, said


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        ([], []),
        ([GOOD] * 1001, [500, 500, 1]),
        ([GOOD | {"filler": "x" * 900_000}] * 5, [2, 2, 1]),
        ([GOOD | {"filler": "x" * 2_000_000}] * 2, [1, 1]),
    ],
)
def test_events_are_sent_in_batches_that_a_post_takes(events: list[dict[str, Any]], sizes: list[int]) -> None:
    stage = Stage()
    totals, _ = sent(stage, *events)
    assert [len(post) for post in stage.posts] == sizes
    assert all(len(json.dumps(post)) <= limits.MAX_BODY_BYTES for post in stage.posts)
    assert [event for post in stage.posts for event in post] == events
    assert totals.accepted == len(events)


def test_answers_are_added_up_and_rejected_events_reported_by_line() -> None:
    totals, said = sent(Stage(), *[GOOD] * 499, BAD, GOOD, BAD)
    assert (totals.accepted, totals.rejected, totals.chunks_in_flight, totals.is_clean) == (500, 2, 2, False)
    assert said == [f"line {number}: rejected: event_type is required. {json.dumps(BAD)}" for number in (500, 502)]


@pytest.mark.parametrize("status", [400, 403, 406, 413, 422])
def test_an_event_for_which_a_whole_batch_is_refused_costs_only_itself(status: int) -> None:
    stage = Stage(status)
    totals, said = sent(stage, *[GOOD] * 6, POISON, *[GOOD] * 700, POISON)
    assert (totals.accepted, totals.rejected) == (706, 2)
    assert [line.partition(":")[0] for line in said] == ["line 7", "line 708"]
    assert str(status) in said[0]


@pytest.mark.parametrize(("status", "code"), [(401, "bad_key"), (403, "forbidden"), (404, ""), (200, ""), (503, "")])
def test_what_is_not_an_events_fault_ends_the_sending_at_once(status: int, code: str) -> None:
    stage = Stage(status, code)
    with pytest.raises(Refused):
        sent(stage, *[POISON] * 600)
    assert len(stage.posts) == 1


def test_events_of_which_each_is_refused_and_none_accepted_end_the_sending_soon() -> None:
    stage = Stage()
    with pytest.raises(Refused):
        sent(stage, *[POISON] * 5000)
    assert len(stage.posts) < 50


def test_a_stage_that_dies_leaves_the_sums_of_what_it_took() -> None:
    totals, said = Totals(), list[str]()
    receipts = Receipts[str](lambda _: {"status": "in_flight"}, totals, 0, said.append)
    sender = Sender(Stage(dies_after=1), totals, receipts, said.append)  # type: ignore[arg-type]
    lines = [LineEvent(number, GOOD, json.dumps(GOOD)) for number in range(600)]
    with pytest.raises(CommandError, match="Nothing answers"):
        list(sender.send(lines))
    assert (totals.accepted, totals.chunks_in_flight) == (500, 1)


def test_lines_in_a_row_with_one_fault_are_reported_as_a_range_behind_the_first_few() -> None:
    said = list[str]()
    bad = BadLines(said.append)
    for number in [1, 2, *range(5, 10_005), 20_000]:
        bad.add(number, "not JSON")
    bad.add(20_001, "too long", " {}")
    bad.finish()
    assert said[:2] == ["line 1: not JSON", "line 2: not JSON"]
    assert said[2:12] == [f"line {number}: not JSON" for number in range(5, 15)]
    assert said[12:] == ["lines 15 to 10004: the same", "line 20000: not JSON", "line 20001: too long {}"]
