"""Requests in every dialect, spoiled at random: none is an error of ours, and whatever was accepted is stored."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chalicelib.errors import Problem
from chalicelib.flows import query
from fake_stage import FakeStage
from mutations import Request, mutate, seeds

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)
# Of each share. All shares together are 100,000 with --thorough.
SHARES, FEW, MANY, AT_ONCE = 8, 75, 12_500, 50


def send(stage: FakeStage, request: Request) -> tuple[int, list[str]]:
    """The status of the answer, and the keys of the events that it says are accepted."""
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    answer = stage.request(request.method, request.target, request.body, **headers)
    verdicts = answer.json_body.get("events", [])
    return answer.status_code, [each["key"] for each in verdicts if each["status"] == "accepted"]


def is_stored(stage: FakeStage, key: str) -> bool:
    try:
        return bool(query.get_event(key, project="default", events=stage.world.events))
    except Problem:
        return False


@pytest.mark.parametrize("share", range(SHARES))
def test_no_request_is_an_error_of_ours_and_no_accepted_event_is_lost(
    share: int, pytestconfig: pytest.Config, figures: Callable[[str], None]
) -> None:
    chance, good = random.Random(share), seeds()  # noqa: S311 - the same ones every time
    statuses, stored = Counter[int](), 0
    left = sent = MANY if pytestconfig.getoption("thorough") else FEW
    while left:
        stage, accepted = FakeStage(now=NOW), dict[str, Request]()
        for _ in range(min(left, AT_ONCE)):
            left -= 1
            request = mutate(chance.choice(good), chance)
            status, keys = send(stage, request)
            assert status < 500, request
            statuses[status] += 1
            accepted |= dict.fromkeys(keys, request)
        stage.process()
        assert [request for key, request in accepted.items() if not is_stored(stage, key)] == []
        stored += len(accepted)
    assert stored > sent // 5  # or the requests are too bad to show anything
    figures(f"{sent} mutated requests: answered {dict(sorted(statuses.items()))}, {stored} events accepted and stored")


def test_the_good_requests_are_accepted() -> None:
    for request in seeds():
        stage = FakeStage(now=NOW)
        status, keys = send(stage, request)
        stage.process()
        assert (status, all(is_stored(stage, key) for key in keys), bool(keys)) == (200, True, True), request
