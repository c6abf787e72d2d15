"""Retries: the table in the documents is the one in the code, and a pause is random up to a bound that doubles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chalicelib.adapters import aws
from chalicelib.core import limits, retries
from chalicelib.core.retries import CALL, QUICK_CALL, SINGLE_CALL, Retry
from chalicelib.settings import Settings, variables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocol" / "retries.md"
ALL = [each for each in vars(retries).values() if isinstance(each, Retry)]


def row(retry: Retry) -> str:
    pauses: dict[float | None, str] = {None: "botocore's", 0: "none"}
    pause = pauses.get(retry.base_seconds) or f"{retry.base_seconds} s"
    return f"| {retry.what} | {retry.attempts} | {pause} |"


def test_the_documented_table_is_that_of_the_code() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert rows == ["| what is tried | attempts | pause |", *map(row, ALL)]


def test_a_request_gives_up_well_before_api_gateway_does() -> None:
    """A call may begin just before its time is over, or several side by side, of which none is longer."""
    assert limits.REQUEST_SECONDS + max(each.most_seconds for each in (CALL, SINGLE_CALL, QUICK_CALL)) <= 27


def test_a_default_stage_makes_no_dead_letter_in_a_fault_of_25_minutes() -> None:
    (deliveries,) = [default for each, default in variables(Settings) if each.name == "MAX_DELIVERIES"]
    assert (deliveries - 1) * 360 > 25 * 60


def test_a_claim_and_a_commit_that_hang_fit_into_what_is_left_when_the_last_may_begin() -> None:
    timeout = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_timeout"]
    # In one call and alone; and the archive in between.
    assert 3 * CALL.most_seconds <= timeout / 2
    assert CALL.most_seconds <= timeout / 6


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_pause_is_anything_up_to_the_base_doubled_with_each_attempt(attempt: int) -> None:
    pauses = [Retry("", 5, 0.1).pause_before(attempt) for _ in range(200)]
    assert 0 <= min(pauses) < max(pauses) <= 0.1 * 2**attempt
    assert max(pauses) > 0.1 * 2 ** (attempt - 1)
    assert Retry("", 5).pause_before(attempt) == 0


def test_a_client_tries_as_often_and_waits_as_long_as_its_retry_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config = aws.client("sqs", Retry("", 7, None, timeouts=(3, 11))).meta.config
    assert (config.retries["total_max_attempts"], config.connect_timeout, config.read_timeout) == (7, 3, 11)
