"""What a request says: its key, its parameters, its sender, and what a dialect reads of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.core import access_key, limits
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import Incoming


def keys_of(request: Any, names: Iterable[str] = (access_key.HEADER,)) -> Iterator[str]:
    """What stands where a header may hold a key: in one of these names, then as Bearer, or as Basic's user name.

    Jitsu's libraries insist on a key that is followed by a colon and a secret.
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
        yield credentials  # which is no key of anybody


def key_of(request: Any) -> str | None:
    """The key of a request that has no body: the first in a header that has the form of one."""
    return access_key.first_in(keys_of(request))


def parameters_of(request: Any) -> dict[str, str]:
    """The query parameters; of a repeated one the last."""
    return dict(request.query_params or {})


def sender_of(request: Any, project: str, now: datetime) -> Sender:
    user_agent = request.headers.get("user-agent")
    return Sender(
        project=project,
        received=now,
        source_ip=request.context.get("identity", {}).get("sourceIp"),
        user_agent=user_agent[: limits.MAX_SENDER_LENGTH] if user_agent else None,
    )


def incoming_of(request: Any, now: datetime) -> Incoming:
    """What a dialect may read of a request."""
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
    """A stage's name, or a mapped path, stands between the host and the route's own path."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    prefix = str(request.context.get("path", "")).rstrip("/").rsplit("/", request.path.count("/"))[0]
    return f"{scheme}://{request.headers.get('host', '')}{prefix}"
