"""Lifetimes: what the documents promise, and every rule that ties one to another."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import lifetimes
from chalicelib.core.lifetimes import History, Lifetimes

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
#: What breaks each rule and no other, by what the rule says.
BROKEN: dict[str, dict[str, Any]] = {
    "must find the first": {"client_retries": 0 * DAY},
    "must outlive the last attempt": {"events": 80 * DAY, "client_retries": 50 * DAY},
    "proves that a single-event chunk is a duplicate": {
        "events": 38 * DAY,
        "max_chunk_age": 31 * DAY,
        "client_retries": DAY,
    },
    "contain user ids": {"events": 50 * DAY, "hour_summary_objects": 50 * DAY},
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
    kept = Lifetimes(events=100 * DAY, max_chunk_age=20 * DAY, client_retries=5 * DAY, worker_stalls=2 * DAY)
    assert (kept.last_attempt, kept.settled, kept.replayable) == (25 * DAY, 22 * DAY, 75 * DAY)


def ours(events: int, max_chunk_age: int) -> Lifetimes:
    return Lifetimes(events=events * DAY, max_chunk_age=max_chunk_age * DAY)


#: A stage that kept 60 days, and 400 since NOW; chunks may be 20 days old, and 40 since NOW.
LONGER = History(((NOW - 900 * DAY, ours(60, 20)), (NOW, ours(400, 40))))
SHORTER = History(((NOW - 900 * DAY, ours(400, 40)), (NOW, ours(60, 20))))


def test_what_was_received_under_a_shorter_lifetime_is_judged_by_it() -> None:
    later = NOW + 100 * DAY
    for received, may_expire in ((NOW - 10 * DAY, True), (NOW + 20 * DAY, False)):
        assert LONGER.may_expire(received, later) is may_expire
    assert LONGER.is_forgotten(NOW - DAY, later)
    assert not LONGER.is_forgotten(NOW + 2 * DAY, later)


def test_a_shorter_lifetime_is_what_older_data_is_judged_by_from_then_on() -> None:
    later = NOW + DAY
    assert SHORTER.may_expire(NOW - 50 * DAY, later)
    assert not SHORTER.may_expire(NOW - 30 * DAY, later)
    assert SHORTER.current == ours(60, 20)


def test_a_chunk_may_be_older_only_if_all_that_recognises_its_events_is_kept_longer() -> None:
    """An earlier attempt, from a week before the chunk, may have been stored under the shorter lifetimes."""
    for minted, limit in ((NOW - 5 * DAY, 20), (NOW + 6 * DAY, 20), (NOW + 9 * DAY, 40)):
        assert not LONGER.is_too_old(minted, minted, minted + limit * DAY)
        assert LONGER.is_too_old(minted, minted, minted + limit * DAY + timedelta(seconds=1))


def test_a_renewed_chunk_is_as_old_as_its_renewal() -> None:
    minted = NOW - 50 * DAY
    assert LONGER.is_too_old(minted, minted, NOW)
    assert not LONGER.is_too_old(minted, NOW, NOW + 20 * DAY)


def test_whether_nothing_can_come_any_more_is_asked_of_the_largest_age() -> None:
    for minted in (NOW - 10 * DAY, NOW + timedelta(hours=1)):
        assert not SHORTER.is_settled(minted, minted + 40 * DAY)
        assert SHORTER.is_settled(minted, minted + 42 * DAY)
    assert SHORTER.is_settled(NOW + 2 * DAY, NOW + 24 * DAY)


def test_a_change_keeps_what_older_data_was_written_under_and_no_more() -> None:
    history = History(((NOW - 900 * DAY, ours(60, 20)),))
    for number in range(3):
        history = history.changed(ours(100 + number, 20), NOW + number * 30 * DAY)
    assert [each.events.days for _, each in history.entries] == [60, 100, 101, 102]
    late = history.changed(ours(400, 20), NOW + 400 * DAY)
    assert [each.events.days for _, each in late.entries] == [102, 400]


@pytest.mark.parametrize(
    ("wanted", "now", "said"),
    [
        (ours(27, 20), NOW, "RETENTION_DAYS must exceed"),
        (ours(100, 14), NOW, "MAX_CHUNK_AGE_DAYS must exceed"),
        (ours(100, 20), NOW - 901 * DAY, "Set its clock"),
    ],
)
def test_a_change_that_cannot_be_made_safe_is_refused(wanted: Lifetimes, now: datetime, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        History(((NOW - 900 * DAY, ours(60, 20)),)).changed(wanted, now)


def test_lifetimes_that_change_too_often_are_refused() -> None:
    history = History(((NOW, ours(400, 20)),))
    with pytest.raises(ValueError, match="50 times already"):  # noqa: PT012 - which of them is the limit's to say
        for number in range(1, 60):
            history = history.changed(ours(400 + number % 2, 20), NOW + number * DAY)


@given(
    changes=st.lists(
        st.tuples(st.integers(1, 200), st.integers(38, 500), st.integers(15, 400)), min_size=1, max_size=3
    ),
    minted=st.integers(-100, 300),
    earlier=st.integers(0, 7),
    processed=st.integers(0, 500),
    written=st.integers(0, 500),
)
def test_an_attempt_is_processed_only_while_the_first_is_recognised(
    changes: list[tuple[int, int, int]], minted: int, earlier: int, processed: int, written: int
) -> None:
    """Whatever the lifetimes were when the first attempt was written, at any time before the second is processed."""
    history = History(((NOW - 900 * DAY, ours(400, 30)),))
    now = NOW
    for days, events, max_chunk_age in changes:
        now += days * DAY
        with suppress(ValueError):
            history = history.changed(ours(events, max_chunk_age), now)
    second = NOW + minted * DAY
    first = second - earlier * DAY
    at, put = second + processed * DAY, first + min(written, earlier + processed) * DAY
    then = [each for since, each in history.entries if since <= put] or [history.entries[0][1]]
    known = History(tuple(entry for entry in history.entries if entry[0] <= at) or history.entries[:1])
    if not known.is_too_old(second, second, at):
        assert first + then[-1].events > at
