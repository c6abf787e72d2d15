"""Refuses a deployment that would make SQS delete messages: a new retention applies to waiting messages too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.metrics import MetricReader
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.errors import StoreFailed
from millrace.command_error import CommandError

#: The queues of a stage by their outputs, and the retention that the template gives them.
_KEPT = {"QUEUE_URL": Lifetimes.queue, "DEAD_LETTER_URL": Lifetimes.dead_letters}


def refuse_to_delete_messages(
    environment: Mapping[str, str],
    *,
    clients: Callable[[str], Any] = boto3.client,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Raise CommandError if a queue holds a message that is, or may be, older than its new retention."""
    for name, kept in _KEPT.items():
        url = environment[name]
        try:
            found = clients("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            if timedelta(seconds=int(found["MessageRetentionPeriod"])) <= kept:
                continue
            metrics = MetricReader(clients("cloudwatch"), environment["STACK_NAME"], url.rsplit("/", 1)[-1])
            oldest = metrics.oldest_message_seconds(now())
        except (BotoCoreError, ClientError, StoreFailed) as error:
            raise CommandError(f"The messages of {url} cannot be examined: {error}") from error
        if oldest is None and any(int(found[f"ApproximateNumberOfMessages{state}"]) for state in ("", "NotVisible")):
            raise CommandError(
                f"{url} would keep messages for only {kept.days} days, and CloudWatch does not yet report the age of "
                "its oldest message. Wait some minutes, and run the command again."
            )
        if oldest is not None and timedelta(seconds=oldest) >= kept:
            raise CommandError(
                f"{url} would keep messages for only {kept.days} days, but its oldest message has waited for "
                f"{timedelta(seconds=oldest).days} days: SQS would delete it. Let the queue become empty first."
            )
