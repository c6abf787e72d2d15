"""The main job with real input: what comes back equals what the file says, counted by other means."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import LocalStack, eventually

LOG = Path(__file__).parents[2] / "examples" / "access.log.gz"
EMPTY = {"unreadable": 0, "rejected": 0, "chunks_in_flight": 0, "chunks_quarantined": 0}


def requests_in_log() -> list[tuple[str, str]]:
    """(address, hour) of every line, read with no code of ours."""
    lines = gzip.decompress(LOG.read_bytes()).decode().splitlines()
    fields = [re.match(r"(\S+) \S+ \S+ \[([^\]]+)\]", line) for line in lines]
    return [
        (field[1], datetime.strptime(field[2], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC).strftime("%Y-%m-%dT%H:00:00Z"))
        for field in fields
        if field
    ]


@pytest.fixture(scope="module")
def sent(stack: LocalStack) -> LocalStack:
    totals = json.loads(stack.run("send", "--format", "combined", "--json", str(LOG)))
    assert totals == EMPTY | {"lines": 10000, "accepted": 10000, "stored": 10000, "duplicates": 0}
    return stack


def test_counts_by_hour_equal_those_of_the_file(sent: LocalStack) -> None:
    rows = sent.get("/counts", grain="hour", event_type="page_view")["counts"]
    assert {row["start"]: row["count"] for row in rows} == Counter(hour for _, hour in requests_in_log())


def test_events_by_user_equal_those_of_the_file(sent: LocalStack) -> None:
    by_user = Counter(address for address, _ in requests_in_log())
    for user, count in [*by_user.most_common(3), *list(by_user.items())[:20]]:
        lines = sent.run("events", "--user", user, "--limit", "0", "--json").splitlines()
        assert len({json.loads(line)["key"] for line in lines}) == len(lines) == count


def test_all_events_page_by_page_come_once_and_newest_first(sent: LocalStack) -> None:
    events = [json.loads(line) for line in sent.run("events", "--limit", "0", "--json").splitlines()]
    assert len({event["key"] for event in events}) == len(events) == 10000
    assert [event["timestamp"] for event in events] == sorted((event["timestamp"] for event in events), reverse=True)


def test_every_hour_and_day_with_traffic_has_a_report_that_says_what_the_file_says(sent: LocalStack) -> None:
    rows = requests_in_log()

    def reported(grain: str) -> dict[str, tuple[int, int]]:
        lines = sent.run("report", "--grain", grain, "--limit", "0", "--json").splitlines()
        reports = [json.loads(line) for line in lines]
        return {report["start"]: (report["events"], report["unique_users"]) for report in reports}

    def truth(length: int, rest: str) -> dict[str, tuple[int, int]]:
        users: dict[str, list[str]] = {}
        for address, hour in rows:
            users.setdefault(hour[:length] + rest, []).append(address)
        return {start: (len(each), len(set(each))) for start, each in users.items()}

    eventually(lambda: reported("hour") == truth(13, ":00:00Z"))
    eventually(lambda: reported("day") == truth(10, "T00:00:00Z"))


def test_sending_the_file_again_adds_nothing(sent: LocalStack) -> None:
    totals = json.loads(sent.run("send", "--format", "combined", "--json", str(LOG)))
    assert totals == EMPTY | {"lines": 10000, "accepted": 10000, "stored": 0, "duplicates": 10000}
    findings = sent.findings()
    assert findings.violations() == []
    assert len(findings.archived_events()) == 10000
