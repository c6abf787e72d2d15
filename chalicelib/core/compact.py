"""Compact JSON: how documents travel in messages and rest in items."""

from __future__ import annotations

import json
import zlib
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


def dump(document: Any) -> str:
    """The document as JSON in ASCII, without spaces."""
    return _encode(document)


def pack(document: Any) -> bytes:
    """The document as zlib-compressed JSON."""
    return squeeze(dump(document).encode())


def squeeze(dumped: bytes) -> bytes:
    """What `pack` makes of a document that was dumped."""
    return zlib.compress(dumped)


def unpack(packed: bytes) -> Any:
    """The inverse of `pack`."""
    return json.loads(zlib.decompress(packed))
