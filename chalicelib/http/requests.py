"""What a request says: its key, its parameters, its sender, and what a dialect reads of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from chalicelib.core import access_key
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import Incoming

# Longer user agents are cut.
_MAX_USER_AGENT = 1024


def key_of(request: Any, names: Iterable[str] = (access_key.HEADER,)) -> str | None:
    """The key in a header of one of these names, or else as Authorization's Bearer, or Basic's user name."""
    headers: Mapping[str, str] = request.headers
    if named := next((found for name in names if (found := headers.get(name))), None):
        return named
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return credentials.strip() or scheme or None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode("ascii").partition(":")[0] or None
    except (ValueError, binascii.Error):
        return credentials  # which is no key of anybody


def parameters_of(request: Any) -> dict[str, str]:
    """The query parameters; of a repeated one the last."""
    return dict(request.query_params or {})


def sender_of(request: Any, project: str, now: datetime) -> Sender:
    user_agent = request.headers.get("user-agent")
    return Sender(
        project=project,
        received=now,
        source_ip=request.context.get("identity", {}).get("sourceIp"),
        user_agent=user_agent[:_MAX_USER_AGENT] if user_agent else None,
    )


def incoming_of(request: Any, now: datetime) -> Incoming:
    """What a dialect may read of a request."""
    return Incoming(
        body=request.raw_body,  # bytes, whatever content type the client named
        headers=dict(request.headers),  # in lower case by Chalice
        query=parameters_of(request),
        received=now,
        path=request.uri_params or {},
        address=_address_of(request),
    )


def _address_of(request: Any) -> str:
    """A stage's name, or a mapped path, stands between the host and the route's own path."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    prefix = str(request.context.get("path", "")).rstrip("/").rsplit("/", request.path.count("/"))[0]
    return f"{scheme}://{request.headers.get('host', '')}{prefix}"
