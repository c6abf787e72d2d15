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


def squeeze(dumped: bytes, known: bytes = b"") -> bytes:
    """A dumped document, compressed. `known`: text that it may repeat and whoever unpacks it knows too."""
    if not known:
        return zlib.compress(dumped)
    stream = zlib.compressobj(zdict=known)
    return stream.compress(dumped) + stream.flush()


def unpack(packed: bytes, known: bytes = b"") -> Any:
    """The inverse of `pack`; also of one that knew nothing. Raises zlib.error if `known` is not what it was."""
    stream = zlib.decompressobj(zdict=known)
    return json.loads(stream.decompress(packed) + stream.flush())
