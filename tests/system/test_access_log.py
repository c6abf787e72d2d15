"""The main job with real input: what comes back equals what the file says, counted by other means."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from typing import Any

from local_stack import LocalStack
from system.access_log import EMPTY, LOG

# The days of the log.
FIRST, AFTER = "2015-05-17", "2015-05-21"
BETWEEN = ("--from", FIRST, "--to", AFTER)


@cache
def requests_in_log() -> list[tuple[str, str]]:
    """(address, hour) of every line, read with no code of ours."""
    lines = gzip.decompress(LOG.read_bytes()).decode().splitlines()
    fields = [re.match(r"(\S+) \S+ \S+ \[([^\]]+)\]", line) for line in lines]
    return [
        (field[1], datetime.strptime(field[2], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC).strftime("%Y-%m-%dT%H:00:00Z"))
        for field in fields
        if field
    ]


def rows(stack: LocalStack, *command: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.run(*command, "--limit", "0", "--json", *BETWEEN).splitlines()]


def test_counts_by_hour_equal_those_of_the_file(sent: LocalStack) -> None:
    found = sent.get("/counts", grain="hour", event_type="page_view", **{"from": FIRST, "to": AFTER})["counts"]
    assert {row["start"]: row["count"] for row in found} == Counter(hour for _, hour in requests_in_log())


def test_events_by_user_equal_those_of_the_file(sent: LocalStack) -> None:
    by_user = Counter(address for address, _ in requests_in_log())
    for user, count in [*by_user.most_common(2), *list(by_user.items())[:3]]:
        found = rows(sent, "events", "--user", user)
        assert len({event["key"] for event in found}) == len(found) == count


def test_all_events_page_by_page_come_once_and_newest_first(sent: LocalStack) -> None:
    found = rows(sent, "events")
    assert len({event["key"] for event in found}) == len(found) == 10000
    assert [event["timestamp"] for event in found] == sorted((event["timestamp"] for event in found), reverse=True)


def test_every_hour_and_day_with_traffic_has_a_report_that_says_what_the_file_says(sent: LocalStack) -> None:
    def reported(grain: str) -> dict[str, tuple[int, int]]:
        reports = rows(sent, "report", "--grain", grain)
        return {report["start"]: (report["events"], report["unique_users"]) for report in reports}

    def truth(length: int, rest: str) -> dict[str, tuple[int, int]]:
        users: dict[str, list[str]] = {}
        for address, hour in requests_in_log():
            users.setdefault(hour[:length] + rest, []).append(address)
        return {start: (len(each), len(set(each))) for start, each in users.items()}

    hours, days = truth(13, ":00:00Z"), truth(10, "T00:00:00Z")
    sent.run_schedule()
    assert reported("hour") == hours
    assert reported("day") == days


def test_sending_lines_of_the_file_again_adds_nothing(sent: LocalStack) -> None:
    some = gzip.decompress(LOG.read_bytes()).decode().splitlines()[::10]  # of every hour
    totals = json.loads(sent.run("send", "--format", "combined", "--json", stdin="\n".join(some)))
    assert totals == EMPTY | {"lines": 1000, "accepted": 1000, "stored": 0, "duplicates": 1000}
    findings = sent.findings()
    assert findings.violations() == []
    assert len([event for event in findings.archived_events() if FIRST <= event["timestamp"] < AFTER]) == 10000
