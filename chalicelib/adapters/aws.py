"""Clients and the translation of their errors: the one place that knows botocore."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

from chalicelib.errors import StoreFailed

# An API call has 29 s in all (API Gateway) and its caller waits: give up early and say 503.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=16,
    # The services check every request themselves; checking it here as well took a fifth of the processor's CPU.
    parameter_validation=False,
    # Left to itself, botocore composes its own anew, twice for each call: a twelfth of the processor's CPU.
    user_agent="millrace",
)

# For what is done as far as it is quick, and left otherwise.
IMPATIENT = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})

# For calls that are tried again by ourselves.
ONCE = _CONFIG.merge(Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1}))

_making = threading.Lock()


def client(service: str, config: Config = _CONFIG) -> Any:
    """A new client of a service: the low-level one, since a resource costs a cold start 100 ms more."""
    with _making:  # a session makes one client at a time
        return _session().create_client(service, config=config)


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _DirectLoader())
    return session


class _DirectLoader(Loader):  # type: ignore[misc] # botocore ships no types
    """Botocore's, which would look through the folders of all its 400 services, twice, to tell that there is ours."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        ours = ["cloudwatch", "dynamodb", "s3", "sns", "sqs"]
        return [*ours, "signin", "sso", "sso-oidc", "sts"]  # and those that give credentials


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn whatever botocore raises into StoreFailed, which says nothing about what was applied."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise StoreFailed(f"{type(error).__name__}: {error}") from error


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
