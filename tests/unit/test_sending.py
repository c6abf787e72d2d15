"""Sending files: the same file gives the same events, in batches a POST takes, and adds up."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any, cast

import pytest

from chalicelib.core import limits
from millrace.io.client import Client
from millrace.io.sending import Totals, collect_receipts, open_lines, read_events, send

GOOD = b'{"event_type": "a", "user_id": "u"}\n'


class FakeStage:
    """Accepts what has a type, one chunk a POST; `receipts` by chunk."""

    def __init__(self, receipts: dict[str, dict[str, Any]] | None = None) -> None:
        self.receipts = receipts or {}
        self.posts: list[list[dict[str, Any]]] = []
        self.asked: list[str] = []

    def post_events(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        self.posts.append(events)
        verdicts = [
            {"index": index, "status": "accepted"}
            if "event_type" in event
            else {"index": index, "status": "rejected", "message": "event_type is required."}
            for index, event in enumerate(events)
        ]
        accepted = sum(verdict["status"] == "accepted" for verdict in verdicts)
        chunks = [f"chunk-{len(self.posts)}"] if accepted else []
        return {"chunks": chunks, "accepted": accepted, "rejected": len(events) - accepted, "events": verdicts}

    def receipt(self, chunk_id: str) -> dict[str, Any]:
        self.asked.append(chunk_id)
        return self.receipts[chunk_id]


def read(*lines: bytes) -> tuple[list[dict[str, Any]], list[str], Totals]:
    totals, reports = Totals(), list[str]()
    return list(read_events(lines, "json", reports.append, totals)), reports, totals


def sent(events: list[dict[str, Any]]) -> tuple[FakeStage, list[str], Totals]:
    stage, totals, reports = FakeStage(), Totals(), list[str]()
    assert sum(send(cast(Client, stage), events, reports.append, totals)) == len(events)
    return stage, reports, totals


def collected(*receipts: dict[str, Any]) -> tuple[FakeStage, int, Totals]:
    stage = FakeStage({str(number): receipt for number, receipt in enumerate(receipts)})
    totals = Totals(chunks=list(stage.receipts))
    return stage, sum(collect_receipts(stage.receipt, totals, wait_seconds=-1)), totals


@pytest.mark.parametrize("content", [GOOD, gzip.compress(GOOD, mtime=0)])
def test_lines_are_read_plain_or_inflated(content: bytes) -> None:
    assert list(open_lines(io.BufferedReader(io.BytesIO(content)))) == [GOOD]


def test_an_empty_file_has_no_lines() -> None:
    assert list(open_lines(io.BufferedReader(io.BytesIO()))) == []


def test_reading_again_gives_the_same_ids_and_equal_lines_stay_apart() -> None:
    lines = [GOOD, b"\n", GOOD, b'{"event_type": "b", "user_id": "u"}\r\n']
    first, _, totals = read(*lines)
    assert first == read(*lines)[0]
    assert len({event["event_id"] for event in first}) == 3
    assert (totals.lines, totals.unreadable) == (3, 0)


def test_line_ends_change_no_id() -> None:
    assert read(GOOD)[0] == read(GOOD.replace(b"\n", b"\r\n"))[0] == read(GOOD.rstrip())[0]


def test_an_events_own_id_is_kept() -> None:
    assert read(b'{"event_id": "mine"}', b'{"event_id": null}')[0][0] == {"event_id": "mine"}
    assert read(b'{"event_id": null}')[0][0]["event_id"]


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"5",
        b"null",
        b"\xff",
        b"\xef\xbb\xbf" + GOOD,
        b"[" * 100_000,
        b'{"a": ' + b"9" * 4301 + b"}",
    ],
    ids=lambda line: str(line[:10]),
)
def test_an_unreadable_line_costs_only_itself_and_is_reported_by_number(line: bytes) -> None:
    events, reports, totals = read(GOOD, line, GOOD)
    assert len(events) == 2
    assert len(reports) == 1
    assert reports[0].startswith("line 2: ")
    assert (totals.lines, totals.unreadable, totals.is_clean) == (3, 1, False)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_a_number_that_json_cannot_carry_costs_only_its_line(number: bytes) -> None:
    events, _, _ = read(b'{"event_type": "a", "v": ' + number + b"}", GOOD)
    assert events[-1]["user_id"] == "u"
    assert json.dumps(events, allow_nan=False)


def test_access_logs_are_read_in_their_own_format() -> None:
    line = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    totals, reports = Totals(), list[str]()
    event, again = read_events([line, GOOD, line], "combined", reports.append, totals)
    assert (event["event_type"], event["properties"]["path"]) == ("page_view", "/")
    assert event["event_id"] != again["event_id"]
    assert (totals.unreadable, len(reports)) == (1, 1)


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        ([], []),
        ([{"event_type": "a"}] * 1001, [500, 500, 1]),
        ([{"event_type": "a", "filler": "x" * 900_000}] * 5, [2, 2, 1]),
        ([{"event_type": "a", "filler": "x" * 3_000_000}] * 2, [1, 1]),
    ],
)
def test_events_are_sent_in_batches_that_a_post_takes(events: list[dict[str, Any]], sizes: list[int]) -> None:
    stage, _, _ = sent(events)
    assert [len(post) for post in stage.posts] == sizes
    assert all(len(json.dumps(post)) <= limits.MAX_BODY_BYTES for post in stage.posts)
    assert [event for post in stage.posts for event in post] == events


def test_replies_are_added_up_and_rejections_reported() -> None:
    good, bad = {"event_type": "a"}, [{"page": "/x"}, {"page": "/y"}]
    _, reports, totals = sent([good] * 499 + [bad[0], good, bad[1]])
    assert (totals.accepted, totals.rejected, totals.chunks) == (500, 2, ["chunk-1", "chunk-2"])
    assert reports == [f"rejected: event_type is required. {json.dumps(event)}" for event in bad]
    assert not totals.is_clean


def test_receipts_are_added_up() -> None:
    committed = {"status": "committed", "stored": 3, "duplicates": 2}
    stage, finished, totals = collected(committed, {"status": "quarantined", "code": "too_old"}, committed)
    assert (finished, totals.stored, totals.duplicates) == (3, 6, 4)
    assert (totals.chunks_quarantined, totals.chunks_in_flight, totals.is_clean) == (1, 0, False)
    assert stage.asked == ["0", "1", "2"]


def test_committed_chunks_leave_clean_totals() -> None:
    _, _, totals = collected({"status": "committed", "stored": 1, "duplicates": 0})
    assert totals.is_clean
    assert totals.to_json().keys() == set(vars(Totals())) - {"chunks"}


def test_chunks_still_in_flight_when_the_time_is_over_are_counted() -> None:
    waiting = {"status": "in_flight"}
    _, finished, totals = collected(waiting, {"status": "committed", "stored": 1, "duplicates": 0}, waiting)
    assert (finished, totals.chunks_in_flight, totals.stored, totals.is_clean) == (1, 2, 1, False)


def test_behind_a_few_chunks_in_flight_nobody_asks_for_the_younger_ones() -> None:
    stage, _, totals = collected(*[{"status": "in_flight"}] * 50)
    assert len(stage.asked) == 20
    assert totals.chunks_in_flight == 50
