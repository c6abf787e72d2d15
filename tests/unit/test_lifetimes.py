"""Lifetimes: what the documents promise, and every rule that ties one to another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import lifetimes
from chalicelib.core.lifetimes import Lifetimes

DAY = timedelta(days=1)
#: What breaks each rule and no other, by what the rule says.
BROKEN: dict[str, dict[str, Any]] = {
    "a guard must outlive": {"client_retries": 0 * DAY},
    "must outlive the guards of its events": {"events": 80 * DAY, "client_retries": 50 * DAY},
    "proves that a single-event chunk is a duplicate": {
        "events": 38 * DAY,
        "max_chunk_age": 31 * DAY,
        "client_retries": DAY,
    },
    "hold user ids": {"events": 50 * DAY, "hour_summary_objects": 50 * DAY},
    "the item that names it": {"hour_summary_objects": 37 * DAY - timedelta(seconds=1)},
    "counts from when its message was first queued": {"dead_letters": 14 * DAY - timedelta(seconds=1)},
    "young enough to be processed": {"max_chunk_age": 14 * DAY},
    "the note that says why": {"failure_notes": 14 * DAY},
    "must not have expired": {"ledger": 14 * DAY - timedelta(hours=1)},
    "the count of a minute": {"quota_minutes": timedelta(minutes=2)},
    "an invocation may last": {"worker_stalls": timedelta(minutes=15)},
}


def test_the_products_own_lifetimes_break_no_rule() -> None:
    assert list(Lifetimes().problems()) == []


@pytest.mark.parametrize("reason", BROKEN)
def test_each_rule_is_checked(reason: str) -> None:
    [(_, said)] = Lifetimes(**BROKEN[reason]).problems()
    assert reason in said


def test_no_rule_lacks_such_a_test() -> None:
    assert [[reason for reason in BROKEN if reason in rule.reason] for rule in lifetimes.RULES] == [
        [reason] for reason in BROKEN
    ]


def test_what_depends_on_two_lifetimes_follows_them() -> None:
    ours = Lifetimes(events=100 * DAY, max_chunk_age=20 * DAY, client_retries=5 * DAY, worker_stalls=2 * DAY)
    assert (ours.guards, ours.settled, ours.replayable) == (25 * DAY, 22 * DAY, 75 * DAY)
