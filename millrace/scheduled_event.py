"""The event that a schedule sends to a function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


def scheduled_event() -> dict[str, Any]:
    """Return an event of now: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }
