"""Reads requests: the key, the parameters, the sender, and the parts that dialects need."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core import access_key, limits
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import Incoming

if TYPE_CHECKING:
    from chalicelib.core.project import Project
    from chalicelib.wiring import Pipeline


def keys_of(request: Any, names: Iterable[str] = (access_key.HEADER,)) -> Iterator[str]:
    """Yield the texts in headers that may be keys: from these headers, then from Bearer, or Basic's user name.

    Jitsu's libraries require a key with a colon and a secret behind it.
    """
    headers: Mapping[str, str] = request.headers
    yield from (headers.get(name, "").partition(":")[0] for name in names)
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        yield credentials.strip() or scheme
        return
    try:
        yield base64.b64decode(credentials.strip(), validate=True).decode("ascii").partition(":")[0]
    except (ValueError, binascii.Error):
        yield credentials  # invalid, so the request is refused with bad_key


def key_of(request: Any) -> str | None:
    """Return the key of a request without a body: the first header's text with the form of a key."""
    return access_key.first_in(keys_of(request))


def enter(request: Any, stage: Pipeline, *kinds: str, now: datetime) -> tuple[Pipeline, Project, dict[str, str]]:
    """Return the stage, the project of the key, and the query parameters. A repeated parameter has its last value.

    Raises Problem unless the key is of one of these kinds.
    """
    project = stage.access.project_for(key_of(request), *kinds, now=now)
    return stage, project, dict(request.query_params or {})


def sender_of(request: Any, project: str, now: datetime) -> Sender:
    user_agent = request.headers.get("user-agent")
    return Sender(
        project=project,
        received=now,
        source_ip=request.context.get("identity", {}).get("sourceIp"),
        user_agent=user_agent[: limits.MAX_SENDER_LENGTH] if user_agent else None,
    )


def incoming_of(request: Any, now: datetime) -> Incoming:
    """Return the parts of a request that a dialect may read."""
    query: Any = request.query_params or {}
    return Incoming(
        body=request.raw_body,  # bytes, whatever content type the client named
        headers=dict(request.headers),  # in lower case by Chalice
        query=dict(query),
        received=now,
        path=request.uri_params or {},
        address=_address_of(request),
        repeated={name: values for name in query if len(values := query.getlist(name)) > 1},
    )


def _address_of(request: Any) -> str:
    """Return the stage's address: the host, and the stage's name or mapped path before the route's path."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    prefix = str(request.context.get("path", "")).rstrip("/").rsplit("/", request.path.count("/"))[0]
    return f"{scheme}://{request.headers.get('host', '')}{prefix}"
