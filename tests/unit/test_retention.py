"""A deployment never makes SQS delete a message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from millrace.command_error import CommandError
from millrace.deploy.retention import refuse_to_delete_messages

DAY = 24 * 3600
NOW = datetime(2026, 5, 17, 10, 5, tzinfo=UTC)
ENVIRONMENT = {
    "QUEUE_URL": "https://sqs.test/1/chunks",
    "DEAD_LETTER_URL": "https://sqs.test/1/dead-letters",
    "STACK_NAME": "millrace-prod",
}


class Queues:
    """SQS and CloudWatch of a stage whose queues keep messages for 14 days; `age`: of the oldest chunk, in seconds."""

    def __init__(self, *, waiting: int = 1, age: float | None = None, kept: int = 14 * DAY) -> None:
        self._waiting, self._age, self._kept = waiting, age, kept

    def __call__(self, _service: str) -> Queues:
        return self

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        counts = {f"ApproximateNumberOfMessages{state}": str(self._waiting) for state in ("", "NotVisible")}
        return {"Attributes": {"MessageRetentionPeriod": str(self._kept), **counts}}

    def get_paginator(self, _operation: str) -> Queues:
        return self

    def paginate(self, *, MetricDataQueries: list[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        values = [] if self._age is None else [self._age]
        return [
            {"MetricDataResults": [{"Id": each["Id"], "Timestamps": [NOW] * len(values), "Values": values}]}
            for each in MetricDataQueries
        ]


@pytest.mark.parametrize(
    "queues",
    [Queues(age=9 * DAY), Queues(waiting=0), Queues(age=13 * DAY, kept=10 * DAY)],
    ids=["young enough", "empty", "as long as before"],
)
def test_a_retention_that_costs_no_message_is_taken(queues: Queues) -> None:
    refuse_to_delete_messages(ENVIRONMENT, clients=queues, now=lambda: NOW)


@pytest.mark.parametrize(
    ("queues", "why"),
    [(Queues(age=11 * DAY), "oldest message has waited for 11 days"), (Queues(age=None), "does not yet report")],
    ids=["too old", "unknown"],
)
def test_a_retention_that_would_delete_a_message_is_refused(queues: Queues, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        refuse_to_delete_messages(ENVIRONMENT, clients=queues, now=lambda: NOW)
