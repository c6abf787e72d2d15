"""The log of chunks: hashes of one hour, from the lines of both functions, or nothing where it is too long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters.chunk_log import ChunkLog
from chalicelib.adapters.metrics import Meter
from chalicelib.core.chunk_id import chunk_hash
from chalicelib.core.ledger import Logged
from chalicelib.core.metrics import COMMITTED_CHUNKS, QUEUED_CHUNKS

HOUR = "2026-03-03T10"
GROUPS = {QUEUED_CHUNKS: "/aws/lambda/millrace-prod", COMMITTED_CHUNKS: "/aws/lambda/millrace-prod-process"}


class Logs:
    """CloudWatch's client: pages of lines by log group."""

    def __init__(self, **pages: list[list[str]]) -> None:
        self._pages = {GROUPS[field]: some for field, some in pages.items()}
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Logs:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(asked)
        for lines in self._pages.get(asked["logGroupName"], [[]]):
            yield {"events": [{"message": line} for line in lines]}


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    def write(field: str, *chunks: tuple[str, str]) -> list[str]:
        meter = Meter("millrace-prod")
        meter.add("chunks", len(chunks))
        meter.add_chunks(field, chunks)
        meter.flush()
        return capsys.readouterr().out.splitlines()

    return write


def test_the_hashes_of_an_hour_are_read_from_the_lines_that_carry_the_metrics(lines: Any) -> None:
    queued = lines(QUEUED_CHUNKS, (HOUR, "a"), (HOUR, "b"))
    others = lines(COMMITTED_CHUNKS, (HOUR, "a"), ("2026-03-03T09", "c"))
    assert [set(json.loads(line)) for line in queued] == [{"_aws", "service", "chunks", QUEUED_CHUNKS}]
    assert not {"a", "b"} & set(json.loads(queued[0])[QUEUED_CHUNKS])
    logs = Logs(queued_chunks=[queued], committed_chunks=[others, []])
    assert ChunkLog(lambda: logs, "millrace-prod").of_hour(HOUR) == Logged(
        frozenset({chunk_hash("a"), chunk_hash("b")}), frozenset({chunk_hash("a")})
    )
    start = logs.asked[0]["startTime"]
    assert logs.asked[0]["endTime"] - start == (60 + 15) * 60 * 1000


def test_what_one_invocation_has_measured_is_not_logged_with_the_next(lines: Any) -> None:
    lines(QUEUED_CHUNKS, (HOUR, "a"))
    assert QUEUED_CHUNKS not in json.loads(lines(QUEUED_CHUNKS)[0])


def test_many_hashes_are_written_in_lines_that_a_log_takes(lines: Any) -> None:
    written = lines(QUEUED_CHUNKS, *((HOUR, str(number)) for number in range(10_001)))
    assert max(map(len, written)) < 256 * 1024
    assert sum(len(json.loads(line)[QUEUED_CHUNKS]) for line in written) == 10_001
    assert [json.loads(line).get("chunks") for line in written] == [[10_001], None, None]


def test_an_hour_of_more_lines_than_a_look_has_time_for_is_not_read(lines: Any) -> None:
    some = lines(QUEUED_CHUNKS, (HOUR, "a"))
    assert ChunkLog(lambda: Logs(queued_chunks=[some] * 3), "millrace-prod", max_pages=2).of_hour(HOUR) is None
    assert ChunkLog(lambda: Logs(queued_chunks=[some] * 2), "millrace-prod", max_pages=2).of_hour(HOUR)
