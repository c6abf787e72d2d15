"""What a request says: its key, its sender, its parameters, and what a dialect reads of it."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import Incoming
from chalicelib.core.dialects.own import KEY_PARAMETERS

# Longer user agents are cut.
_MAX_USER_AGENT = 1024


def key_of(request: Any) -> str | None:
    """The key that a request names in its headers: X-Write-Key, Bearer, or Basic's user name."""
    if named := request.headers.get("x-write-key"):
        return str(named)
    scheme, _, credentials = str(request.headers.get("authorization", "")).strip().partition(" ")
    if scheme.lower() != "basic":
        return credentials.strip() or scheme or None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode("ascii").partition(":")[0] or None
    except (ValueError, binascii.Error):
        return credentials  # which is no key of anybody


def key_in_query(request: Any) -> str | None:
    """The key that beacons and images, which have no headers of their own, name in the query."""
    parameters = parameters_of(request)
    return next((parameters[name] for name in KEY_PARAMETERS if parameters.get(name)), None)


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
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Incoming(body_of(request), headers, parameters_of(request), now)


def address_of(request: Any) -> str:
    """Where this stage is reached, as the client sees it: a stage's name or a mapped path comes after the host."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    prefix = str(request.context.get("path", "")).partition("/v1/")[0]
    return f"{scheme}://{request.headers.get('host', '')}{prefix}"


def body_of(request: Any) -> bytes:
    """The bytes of the body, whatever content type the client named."""
    body = request.raw_body
    return body if isinstance(body, bytes) else str(body or "").encode("utf-8", "surrogatepass")


def parameters_of(request: Any) -> dict[str, str]:
    """The query parameters; of a repeated one the last."""
    return dict(request.query_params or {})
