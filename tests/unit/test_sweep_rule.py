"""When an object may be called an orphan: never early, never after the records are gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import HISTORY, NOW
from chalicelib.ports import ArchiveObject
from millrace.ops.sweep import is_orphan, may_be_judged, processed_at

DAY = timedelta(days=1)


def written(days_ago: float, *, rewritten_days_ago: float | None = None) -> ArchiveObject:
    processed = NOW - days_ago * DAY
    modified = processed if rewritten_days_ago is None else NOW - rewritten_days_ago * DAY
    return ArchiveObject(f"events/date={processed:%Y-%m-%d}/hour={processed:%H}/x.jsonl.gz", modified)


@pytest.mark.parametrize(
    ("days_ago", "judged"),
    [
        (0, False),
        (1, False),
        (30, False),
        (31, False),
        (31.1, True),
        (100, True),
        (368, True),
        (369, False),
        (999, False),
    ],
)
def test_an_object_is_judged_between_the_last_possible_commit_and_the_first_expiry(
    days_ago: float, judged: bool
) -> None:
    assert may_be_judged(written(days_ago), NOW, HISTORY) is judged


def test_rewriting_neither_makes_an_old_object_judgeable_nor_a_young_one_old() -> None:
    assert not may_be_judged(written(450, rewritten_days_ago=100), NOW, HISTORY)  # its records have expired
    assert not may_be_judged(written(100, rewritten_days_ago=1), NOW, HISTORY)


@pytest.mark.parametrize(
    "name", ["events/x.jsonl.gz", "reports/date=2015-05-17/hour=10/x", "events/date=2015-13-45/hour=99/x"]
)
def test_what_has_no_time_in_its_name_is_never_judged(name: str) -> None:
    assert processed_at(name) is None
    assert not may_be_judged(ArchiveObject(name, NOW - 100 * DAY), NOW, HISTORY)


@pytest.mark.parametrize(
    ("archived_in", "orphan"),
    [
        pytest.param({"a": "other", "b": "other"}, True, id="all chunks are archived elsewhere"),
        pytest.param({"a": "other", "b": None}, True, id="one owned nothing in the end"),
        pytest.param({"a": "other", "b": "mine"}, False, id="one is archived here"),
        pytest.param({"a": "mine", "b": "mine"}, False, id="all are archived here"),
        pytest.param({"a": "other"}, False, id="one has no record, and may still get one"),
        pytest.param({}, False, id="no record at all, as after a table was lost"),
    ],
)
def test_an_orphan_is_an_object_of_which_every_chunk_is_committed_with_another(
    archived_in: dict[str, str | None], orphan: bool
) -> None:
    assert is_orphan("mine", ["a", "b"], archived_in) is orphan


def test_an_object_without_lines_is_no_orphan() -> None:
    assert not is_orphan("mine", [], {})
