"""AWS clients, their retries and deadlines, and the translation of their errors. Other adapters rely on this module."""

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
    # The services check every request themselves. A second check here took a fifth of the processor's CPU.
    parameter_validation=False,
    # botocore would compose its own text twice for each call, for a twelfth of the processor's CPU.
    user_agent="millrace",
)

_SIDE_BY_SIDE = 8
# Headers of S3's answers, and of all others.
_REQUEST_IDS = {"x-amz-request-id", "x-amzn-requestid"}
_making = threading.Lock()
_T = TypeVar("_T")
_R = TypeVar("_R")


class NotAnsweredByAws(BotoCoreError):  # type: ignore[misc] # botocore ships no types
    """A success without a request id of AWS: a proxy or a portal answered instead of AWS. Nothing was applied."""

    fmt = "{operation}: the answer does not come from AWS. Is there a proxy or a log-in page in between?"


def refuse_others(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Raise NotAnsweredByAws for an answer that does not come from AWS. A handler of botocore's event `before-parse`.

    botocore reads an HTML page as an answer without content, so a table would seem to be empty.
    """
    headers = response_dict["headers"]
    if response_dict["status_code"] < 300 and not (_REQUEST_IDS & {name.lower() for name in headers}):
        raise NotAnsweredByAws(operation=operation_model.name)


def client(service: str, retry: Retry = retries.CALL) -> Any:
    """Return a new low-level client of a service. A resource would cost a cold start 100 ms more."""
    with _making:  # a session makes one client at a time
        return _session().create_client(service, config=_CONFIG.merge(retrying(retry)))


def retrying(retry: Retry) -> Config:
    """Return the configuration of a client whose calls botocore repeats."""
    connect, read = retry.timeouts
    tries = {"mode": "standard", "total_max_attempts": retry.attempts}
    return Config(connect_timeout=connect, read_timeout=read, retries=tries)


class OutOfTime(BotoCoreError):  # type: ignore[misc] # botocore ships no types
    """A call was not made, since the invocation has no time left for it."""

    fmt = "The time is over."


class Deadline:
    """The deadline of the current invocation.

    Clients that are bound to it make no calls after it. Before `start`, there is no deadline.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._over_at = math.inf

    def start(self, seconds: float) -> None:
        """Start an invocation's deadline: this many seconds from now."""
        self._over_at = self._clock() + seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left."""
        return self._over_at - self._clock()

    def bind(self, client: Any) -> None:
        """Make the client refuse every attempt of a call after the deadline, botocore's own retries included."""
        client.meta.events.register("before-send", self._check)

    def _check(self, **_: Any) -> None:
        if self.seconds_left() <= 0:
            raise OutOfTime


def side_by_side(act: Callable[[_T], _R], given: Iterable[_T]) -> Iterable[_R]:
    """Map with several calls in parallel, so that a slow call does not delay the others."""
    todo = list(given)
    if len(todo) < 2:
        return map(act, todo)
    from concurrent.futures import ThreadPoolExecutor  # most POSTs and batches do not need it

    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        return list(pool.map(act, todo))


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _DirectLoader())
    session.register("before-parse", refuse_others)
    return session


class _DirectLoader(Loader):  # type: ignore[misc] # botocore ships no types
    """botocore's loader with a short list of services. The original searches the folders of 400 services, twice."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        ours = ["cloudwatch", "dynamodb", "logs", "s3", "sns", "sqs"]
        return [*ours, "signin", "sso", "sso-oidc", "sts"]  # the last ones provide credentials


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise every error of botocore as StoreFailed. It is then unknown whether the call was applied."""
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise StoreFailed(f"{type(error).__name__}: {error}") from error


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
