"""Clients, how their calls are made, and the translation of their errors: the one place that knows botocore."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from chalicelib.core import retries
from chalicelib.core.retries import Retry
from chalicelib.errors import StoreFailed

_CONFIG = Config(
    max_pool_connections=16,
    # The services check every request themselves; checking it here as well took a fifth of the processor's CPU.
    parameter_validation=False,
    # Left to itself, botocore composes its own anew, twice for each call: a twelfth of the processor's CPU.
    user_agent="millrace",
)

_SIDE_BY_SIDE = 8
# Of S3, and of the others.
_REQUEST_IDS = {"x-amz-request-id", "x-amzn-requestid"}
_making = threading.Lock()
_T = TypeVar("_T")
_R = TypeVar("_R")


class NotAnsweredByAws(BotoCoreError):  # type: ignore[misc] # botocore ships no types
    """A success without the id that every answer of AWS has: a proxy or a portal answered. Nothing was applied."""

    fmt = "{operation}: the answer is not one of AWS. Is there a proxy or a log-in page in between?"


def refuse_others(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Raise NotAnsweredByAws; for botocore's event `before-parse`.

    botocore reads a page of HTML as an answer without content, so that a table would seem to be empty.
    """
    headers = response_dict["headers"]
    if response_dict["status_code"] < 300 and not (_REQUEST_IDS & {name.lower() for name in headers}):
        raise NotAnsweredByAws(operation=operation_model.name)


def client(service: str, retry: Retry = retries.CALL) -> Any:
    """A new client of a service: the low-level one, since a resource costs a cold start 100 ms more."""
    with _making:  # a session makes one client at a time
        return _session().create_client(service, config=_CONFIG.merge(retrying(retry)))


def retrying(retry: Retry) -> Config:
    """The configuration of a client whose calls botocore tries again."""
    connect, read = retry.timeouts
    tries = {"mode": "standard", "total_max_attempts": retry.attempts}
    return Config(connect_timeout=connect, read_timeout=read, retries=tries)


class OutOfTime(BotoCoreError):  # type: ignore[misc] # botocore ships no types
    """A call that was not made, since the invocation has no time left for it."""

    fmt = "The time is over."


class Deadline:
    """The time that the invocation at hand has: unlimited until `start`. After it, clients bound to it make no call."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._over_at = math.inf

    def start(self, seconds: float) -> None:
        """Give the invocation that begins so many seconds."""
        self._over_at = self._clock() + seconds

    def seconds_left(self) -> float:
        """Return how many seconds are left."""
        return self._over_at - self._clock()

    def bind(self, client: Any) -> None:
        """Make the client refuse every attempt to call, also botocore's own next one, when the time is over."""
        client.meta.events.register("before-send", self._check)

    def _check(self, **_: Any) -> None:
        if self.seconds_left() <= 0:
            raise OutOfTime


def side_by_side(act: Callable[[_T], _R], given: Iterable[_T]) -> Iterable[_R]:
    """Map, with several calls at once: a slow one holds up no other."""
    todo = list(given)
    if len(todo) < 2:
        return map(act, todo)
    from concurrent.futures import ThreadPoolExecutor  # what most POSTs and batches do not need

    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        return list(pool.map(act, todo))


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _DirectLoader())
    session.register("before-parse", refuse_others)
    return session


class _DirectLoader(Loader):  # type: ignore[misc] # botocore ships no types
    """Botocore's, which would look through the folders of all its 400 services, twice, to tell that there is ours."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        ours = ["cloudwatch", "dynamodb", "logs", "s3", "sns", "sqs"]
        return [*ours, "signin", "sso", "sso-oidc", "sts"]  # and those that give credentials


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn whatever botocore raises into StoreFailed, which says nothing about what was applied."""
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise StoreFailed(f"{type(error).__name__}: {error}") from error


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
