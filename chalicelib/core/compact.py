"""Compact JSON: how documents travel in messages and rest in items."""

from __future__ import annotations

import json
import zlib
from typing import Any

_SHORT_BITS = 12
_encode = json.JSONEncoder(separators=(",", ":")).encode


def dump(document: Any) -> str:
    """The document as JSON in ASCII, without spaces."""
    return _encode(document)


def pack(document: Any) -> bytes:
    """The document as zlib-compressed JSON."""
    return squeeze(dump(document).encode())


def squeeze(dumped: bytes, known: bytes = b"") -> bytes:
    """A dumped document, compressed. `known`: text that it may repeat and whoever unpacks it knows too."""
    # What zlib prepares grows with its window, which for a short text takes longer than compressing it.
    bits = _SHORT_BITS if len(known) + len(dumped) < 2**_SHORT_BITS else zlib.MAX_WBITS
    stream = zlib.compressobj(wbits=bits, zdict=known) if known else zlib.compressobj(wbits=bits)
    return stream.compress(dumped) + stream.flush()


def unpack(packed: bytes, known: bytes = b"") -> Any:
    """The inverse of `pack`; also of one that knew nothing. Raises zlib.error if `known` is not what it was."""
    stream = zlib.decompressobj(zdict=known)
    return json.loads(stream.decompress(packed) + stream.flush())
