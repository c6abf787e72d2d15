"""JSON, read and written fast, and compact: how documents travel in messages and rest in items."""

from __future__ import annotations

import json
import zlib
from typing import Any

import orjson

_SHORT_BITS = 12
_encode = json.JSONEncoder(separators=(",", ":")).encode
_encode_unicode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
# A whole number of 20 digits may not fit 64 bits, and orjson would make a float of it.
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_TOO_MANY_DIGITS = b"0" * 20


def dump(document: Any) -> str:
    """The document as JSON in ASCII, without spaces."""
    try:
        text = orjson.dumps(document).decode()
    except TypeError:  # a number that is too large for it, or half of a surrogate pair
        return _encode(document)
    return text if text.isascii() else _encode(document)


def size(document: Any) -> int:
    """Its bytes as JSON in UTF-8, without spaces. Raises UnicodeEncodeError for text that is not whole."""
    try:
        return len(orjson.dumps(document))
    except TypeError:  # as above
        return len(_encode_unicode(document).encode())


def load(text: bytes) -> Any:
    """The document in JSON, with all that it says. Raises ValueError for what is not JSON, and for what orjson cannot
    tell from that: numbers that are too large for it, and halves of surrogate pairs.
    """
    if _TOO_MANY_DIGITS in text.translate(_DIGITS):
        raise ValueError("a number may have too many digits")
    return orjson.loads(text)


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
