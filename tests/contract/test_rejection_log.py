"""The rejection log: what is kept of a POST comes back whole, newest first, within its project."""

from __future__ import annotations

import pytest

from chalicelib.core.rejection import RejectedPost
from chalicelib.ports import RejectionLog
from fakes import FakeRejectionLog
from stage import Stage

ROW = {
    "index": 0,
    "code": "missing_field",
    "field": "event_type",
    "message": "ä\u0000",
    "accepted": False,
    "event": "{}",
}


@pytest.fixture
def log(backend: Stage | None) -> RejectionLog:
    return backend.rejection_log if backend else FakeRejectionLog()


def make_post(time: str, project: str = "acme", uncounted: int = 0) -> RejectedPost:
    return RejectedPost(project, f"2015-05-17T{time}Z#00ff", (ROW, ROW | {"index": 1, "event": None}), uncounted)


def names(log: RejectionLog, first: str = "", after: str = "") -> list[str]:
    return [post.name[11:19] for post in log.between("acme", first=first, after=after)]


def test_a_kept_post_comes_back_whole(log: RejectionLog) -> None:
    post = make_post("10:00:00", uncounted=7)
    log.keep(post)
    assert list(log.between("acme", first="", after="")) == [post]


@pytest.mark.parametrize(
    ("first", "after", "expected"),
    [
        ("", "", ["12:00:00", "11:00:00", "10:00:00"]),
        ("2015-05-17T11", "", ["12:00:00", "11:00:00"]),
        ("", "2015-05-17T11:00:00Z#00ff", ["10:00:00"]),
        ("2015-05-17T10:00:00Z#00ff", "2015-05-17T12", ["11:00:00", "10:00:00"]),
        ("2016", "", []),
    ],
)
def test_posts_are_found_newest_first_within_a_span(
    log: RejectionLog, first: str, after: str, expected: list[str]
) -> None:
    for time in ("11:00:00", "10:00:00", "12:00:00"):
        log.keep(make_post(time))
    assert names(log, first, after) == expected


def test_a_project_sees_its_own_posts_alone(log: RejectionLog) -> None:
    log.keep(make_post("10:00:00", "acme-2"))
    assert names(log) == []
