"""The toolbox's client: lists that come in pages, of which some may be short or empty."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.io.client import Client

#: By cursor: a page that is short, two that are empty, and one at the end.
PAGES = {None: ([1, 2], "a"), "a": ([], "b"), "b": ([], "c"), "c": ([3], "d"), "d": ([], None)}


class Paged(Client):
    """A stage with such pages; `asked`: the limits that it was asked for."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: list[int] = []

    def rows(self, path: str, name: str, **parameters: Any) -> dict[str, Any]:  # noqa: ARG002 - one list
        self.asked.append(parameters["limit"])
        numbers, following = PAGES[parameters["cursor"]]
        return {"events": [{"n": n} for n in numbers[: parameters["limit"]]], "next": following}


@pytest.mark.parametrize(("limit", "expected"), [(0, [1, 2, 3]), (3, [1, 2, 3]), (2, [1, 2]), (10, [1, 2, 3])])
def test_pages_are_read_to_the_end_or_to_the_limit_whatever_each_holds(limit: int, expected: list[int]) -> None:
    assert [row["n"] for row in Paged().pages("/events", "events", limit)] == expected


def test_no_more_is_asked_for_than_is_missing() -> None:
    stage = Paged()
    list(stage.pages("/events", "events", 3))
    assert stage.asked == [3, 1, 1, 1]
