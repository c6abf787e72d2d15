"""What a stage is: read once from the environment, whose names are the outputs of stack.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

_REQUIRED = ("QUEUE_URL", "TABLE_NAME", "BUCKET_NAME", "TOPIC_ARN")


# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_MAX_BATCH_SIZE = 10_000
# https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
_MOST_WORKERS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """`max_chunk_age`: older chunks are quarantined, not processed; commit records outlive it.
    `stack_name`: what the stage's metrics and logs are known by. `operator_project`: whoever may read it
    sees the numbers of the whole stage. `status_seconds`: how long those are not asked for again.
    """

    queue_url: str
    table_name: str
    bucket_name: str
    topic_arn: str
    cursor_secret: str
    dead_letter_url: str = ""
    stack_name: str = "millrace"
    is_open: bool = False
    retention: timedelta = timedelta(days=400)
    max_chunk_age: timedelta = timedelta(days=30)
    guard_retention: timedelta = timedelta(days=37)
    report_properties: tuple[str, ...] = ("page", "path", "referrer")
    operator_project: str = "default"
    status_seconds: int = 30

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises ValueError that names everything missing or wrong."""
        missing = [name for name in _REQUIRED if not environ.get(name)]
        if missing:
            raise ValueError(f"These environment variables are not set: {', '.join(missing)}")
        max_chunk_age = timedelta(days=_whole_number(environ, "MAX_CHUNK_AGE_DAYS", 30))
        settings = cls(
            **{name.lower(): environ[name] for name in _REQUIRED},
            dead_letter_url=environ.get("DEAD_LETTER_URL", ""),
            stack_name=environ.get("STACK_NAME", "millrace"),
            # Binds cursors to their question. It guards no data, as a position never leaves its project: so the
            # stage's own names will do, and nothing secret need stand where Chalice's configuration is.
            cursor_secret=environ.get("CURSOR_SECRET") or "\n".join(environ[name] for name in _REQUIRED),
            is_open=environ.get("OPEN_STAGE", "").lower() == "true",
            retention=timedelta(days=_whole_number(environ, "RETENTION_DAYS", 400)),
            max_chunk_age=max_chunk_age,
            # A client may retry for a week after the youngest copy of its chunk is refused.
            guard_retention=max_chunk_age + timedelta(days=7),
            report_properties=tuple(
                name.strip()
                for name in environ.get("REPORT_PROPERTIES", "page,path,referrer").split(",")
                if name.strip()
            ),
            operator_project=environ.get("OPERATOR_PROJECT") or "default",
            status_seconds=_whole_number(environ, "STATUS_SECONDS", 30),
        )
        if settings.retention <= settings.guard_retention:
            raise ValueError("RETENTION_DAYS must exceed MAX_CHUNK_AGE_DAYS by more than 7 days.")
        return settings


@dataclass(frozen=True, slots=True)
class Trigger:
    """How the queue calls the processor; Chalice reads it while app.py is imported.

    `workers`: how many of it run at once at most, so that a full queue leaves the API its share of the
    account's concurrency (1,000, of a new account perhaps 10).
    """

    queue_name: str
    batch_size: int
    window_seconds: int
    workers: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Trigger:
        """Raises ValueError for a batch above 10 messages without a window, as Lambda refuses it."""
        trigger = cls(
            queue_name=environ.get("QUEUE_URL", "millrace-chunks").rsplit("/", 1)[-1],
            batch_size=_whole_number(environ, "BATCH_SIZE", 10),
            window_seconds=_whole_number(environ, "BATCH_WINDOW_SECONDS", 0),
            workers=_whole_number(environ, "MAX_WORKERS", 20),
        )
        if not 1 <= trigger.batch_size <= _MAX_BATCH_SIZE:
            raise ValueError(f"BATCH_SIZE must be from 1 to {_MAX_BATCH_SIZE}.")
        if trigger.batch_size > 10 and trigger.window_seconds < 1:
            raise ValueError("BATCH_SIZE above 10 needs BATCH_WINDOW_SECONDS of at least 1.")
        if not 2 <= trigger.workers <= _MOST_WORKERS:
            raise ValueError(f"MAX_WORKERS must be from 2 to {_MOST_WORKERS}.")
        return trigger


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "")
    if value and not (value.isascii() and value.isdigit()):
        raise ValueError(f"{name} must be a whole number, not {value!r}.")
    return int(value or default)
