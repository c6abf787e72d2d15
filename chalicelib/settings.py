"""Stage configuration. Each environment variable is declared once here, and read once, when the pipeline is wired.

The required variables and MAX_DELIVERIES are outputs of stack.yaml. docs/configuration.md lists all variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any

from chalicelib.core.lifetimes import CHOSEN, Lifetimes

# A failure is noted from the second delivery on, since the first retry usually succeeds. So there are at least two.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
LEAST_DELIVERIES, MOST_DELIVERIES = 2, 1000
#: How often the schedule runs the aggregator.
SCHEDULE_MINUTES = 5


@dataclass(frozen=True)
class Variable:
    """An environment variable.

    An empty one counts as unset unless `may_be_empty`. `least`, `most`: bounds of numbers.
    """

    name: str
    meaning: str
    parse: Callable[[str], Any] = str
    least: int = 0
    most: int | None = None
    may_be_empty: bool = False

    def read(self, text: str) -> Any:
        """Return the value. Raises ValueError."""
        if self.parse is not int:
            return self.parse(text)
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{self.name} must be a whole number, not {text!r}.")
        if int(text) < self.least or (self.most is not None and int(text) > self.most):
            bounds = f"at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
            raise ValueError(f"{self.name} must be {bounds}.")
        return int(text)


def _variable(name: str, default: Any, meaning: str, parse: Callable[[str], Any] = str, **more: Any) -> Any:
    return field(default=default, metadata={"variable": Variable(name, meaning, parse, **more)})


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a stage. A variable that the environment does not set has the default that is declared here."""

    queue_url: str = _variable("QUEUE_URL", MISSING, "The address of the queue.")
    table_name: str = _variable("TABLE_NAME", MISSING, "The name of the table.")
    bucket_name: str = _variable("BUCKET_NAME", MISSING, "The name of the bucket of the archive.")
    topic_arn: str = _variable("TOPIC_ARN", MISSING, "The ARN of the topic of reports.")
    # The secret protects no data, since a cursor's position never leaves its project. So the stage's own names are
    # good enough where it is not set, and Chalice's configuration needs no secret.
    cursor_secret: str = _variable(
        "CURSOR_SECRET", "", "The secret that signs cursors. Unset: the names of the stage's resources sign them."
    )
    dead_letter_url: str = _variable("DEAD_LETTER_URL", "", "The address of the dead-letter queue.")
    stack_name: str = _variable("STACK_NAME", "millrace", "The name of the stack. Metrics and logs have it too.")
    max_deliveries: int = _variable(
        "MAX_DELIVERIES",
        8,  # the last comes 43 minutes after the first
        "The number of deliveries after which a message becomes a dead letter. Set the stack parameter `MaxDeliveries` "
        "instead.",
        int,
        least=LEAST_DELIVERIES,
        most=MOST_DELIVERIES,
    )
    is_open: bool = _variable(
        "OPEN_STAGE", False, "`true`: a request without a key belongs to the project `default`.", _is_true
    )
    # `millrace deploy` and `millrace upgrade` read these. The lifetimes in force are recorded in the stage's data.
    retention_days: int | None = _variable(
        "RETENTION_DAYS",
        None,
        f"How many days events and their records are kept. Unset: the lifetime does not change. A new stage keeps them "
        f"for {Lifetimes.events.days} days.",
        int,
    )
    max_chunk_age_days: int | None = _variable(
        "MAX_CHUNK_AGE_DAYS",
        None,
        f"Chunks that are older than this many days are quarantined. Unset: the value does not change. In a new stage, "
        f"it is {Lifetimes.max_chunk_age.days}.",
        int,
    )
    report_properties: tuple[str, ...] = _variable(
        "REPORT_PROPERTIES",
        ("page", "path", "referrer"),
        "The properties whose most frequent values are listed in reports, separated by commas. Empty: none.",
        _names,
        may_be_empty=True,
    )
    # Each costs about 2 to 20 write units: this bounds the cost of a flood of bad events, in each container.
    rejected_posts_a_minute: int = _variable(
        "REJECTED_POSTS_A_MINUTE",
        20,
        "The number of POSTs per minute and project whose rejected events each running function stores. 0: all POSTs, "
        "for example for tests of your tracking.",
        int,
        least=0,
        most=100_000,
    )
    operator_project: str = _variable(
        "OPERATOR_PROJECT", "default", "The project whose read keys show the numbers of the whole stage."
    )
    status_seconds: int = _variable(
        "STATUS_SECONDS", 30, "How many seconds a function caches the numbers of `GET /status`.", int
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings of an environment. Raises ValueError with all missing variables, or with a bad value."""
        return _settings(tuple((name, environ.get(name)) for name in _environment_names()))

    @property
    def stage_name(self) -> str:
        """Return the name by which commands know the stage."""
        return self.stack_name.removeprefix("millrace-")

    def wanted_lifetimes(self, current: Lifetimes) -> Lifetimes:
        """Return the lifetimes that the settings ask for. Lifetimes that are not set keep their current value."""
        wanted = {"events": self.retention_days, "max_chunk_age": self.max_chunk_age_days}
        return replace(current, **{name: timedelta(days=days) for name, days in wanted.items() if days is not None})


@dataclass(frozen=True, slots=True)
class Trigger:
    """How Lambda polls the queue for the processor. Chalice reads it while app.py is imported.

    `workers`: the most invocations at once. The limit leaves the API its share of the account's concurrency when the
    queue is full: 1,000, in a new account perhaps 10.
    """

    queue_url: str = _variable("QUEUE_URL", "millrace-chunks", "The address of the queue.")
    # A million events a day, one in each POST, are 12 a second. Without a window Lambda would take them one by one, at
    # three times the price: docs/cost.md.
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    batch_size: int = _variable("BATCH_SIZE", 100, "The most messages in a batch.", int, least=1, most=10_000)
    window_seconds: int = _variable(
        "BATCH_WINDOW_SECONDS",
        5,
        "How many seconds Lambda waits to fill a batch. Events are stored later by this time. 0: Lambda does not wait. "
        "Then BATCH_SIZE is at most 10.",
        int,
        most=300,
    )
    # https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
    workers: int = _variable(
        "MAX_WORKERS", 20, "The most batches that are processed at the same time.", int, least=2, most=1000
    )

    @property
    def queue_name(self) -> str:
        return self.queue_url.rsplit("/", 1)[-1]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Trigger:
        """Return the trigger of an environment. Raises ValueError, as for a batch above 10 without a window."""
        trigger = cls(**_read(cls, environ))
        if trigger.batch_size > 10 and trigger.window_seconds < 1:
            raise ValueError("BATCH_SIZE above 10 needs BATCH_WINDOW_SECONDS of at least 1.")
        return trigger


@dataclass(frozen=True, slots=True)
class Throttle:
    """The request rate that the API accepts. `millrace deploy` and `millrace package` set it.

    With the default, a leaked address cannot use up the account's limit of 10,000 a second with a burst of 5,000:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    """

    requests_a_second: int = _variable(
        "API_REQUESTS_A_SECOND", 500, "The most requests per second to the API. More get 429.", int, least=1
    )
    burst: int = _variable("API_BURST", 1000, "The most requests to the API in a burst.", int, least=1)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Throttle:
        """Return the throttle of an environment. Raises ValueError."""
        return cls(**_read(cls, environ))


def variables(declared: type[Settings | Trigger | Throttle]) -> list[tuple[Variable, Any]]:
    """Return the environment variables of a class, each with its default, or MISSING if it is required."""
    return [(each.metadata["variable"], each.default) for each in fields(declared)]


@cache
def _environment_names() -> list[str]:
    return [variable.name for variable, _ in variables(Settings)]


@lru_cache(maxsize=1)  # every request needs them
def _settings(texts: tuple[tuple[str, str | None], ...]) -> Settings:
    environ = {name: text for name, text in texts if text is not None}
    required = [each.name for each, default in variables(Settings) if default is MISSING]
    if missing := [name for name in required if not environ.get(name)]:
        raise ValueError(f"These environment variables are not set: {', '.join(missing)}")
    settings = Settings(**_read(Settings, environ))
    if not settings.cursor_secret:
        settings = replace(settings, cursor_secret="\n".join(environ[name] for name in required))
    for lifetime, problem in settings.wanted_lifetimes(Lifetimes()).problems():
        raise ValueError(f"{CHOSEN.get(lifetime, lifetime)} {problem}")
    return settings


def _read(declared: type[Settings | Trigger | Throttle], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the variables that are set, by the names of their fields."""

    def is_set(variable: Variable) -> bool:
        return variable.name in environ if variable.may_be_empty else bool(environ.get(variable.name))

    declarations: list[tuple[Field[Any], Variable]] = [(each, each.metadata["variable"]) for each in fields(declared)]
    return {each.name: variable.read(environ[variable.name]) for each, variable in declarations if is_set(variable)}
