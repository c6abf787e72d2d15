"""Cursors: positions where pages ended, signed and bound to one project and query."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence

from chalicelib.errors import Problem

_MAC_BYTES = 16


def seal(position: Sequence[str], *, question: Sequence[str | None], secret: str) -> str:
    """Return the cursor of a position: texts that only the flow can interpret."""
    body = json.dumps(position, separators=(",", ":")).encode()
    return _encode(_mac(body, question, secret) + body)


def unseal(cursor: str, *, question: Sequence[str | None], secret: str, parts: int) -> list[str]:
    """Return the position in a cursor. Raises Problem unless this stage made it for this query.

    `parts`: the number of texts of a position. The form is checked too: with a guessed secret, a project could at most
    read its own data from another position.
    """
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Problem("bad_cursor") from error
    mac, body = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, question, secret)) or _encode(sealed) != cursor:
        raise Problem("bad_cursor")
    try:
        position = json.loads(body)
    except ValueError as error:
        raise Problem("bad_cursor") from error
    if not isinstance(position, list) or [type(part) for part in position] != [str] * parts:
        raise Problem("bad_cursor")
    return position


def _encode(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _mac(body: bytes, question: Sequence[str | None], secret: str) -> bytes:
    message = json.dumps(question).encode() + b"\n" + body
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()[:_MAC_BYTES]
