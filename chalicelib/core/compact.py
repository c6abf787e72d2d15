"""Fast and compact JSON, for messages and items."""

from __future__ import annotations

import json
import zlib
from typing import Any

import orjson

_SHORT_BITS = 12
_encode = json.JSONEncoder(separators=(",", ":")).encode
_encode_unicode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
# A whole number of 20 digits may exceed 64 bits. orjson would turn it into a float.
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_TOO_MANY_DIGITS = b"0" * 20


def dump(document: Any) -> str:
    """Return the document as JSON in ASCII, without spaces."""
    try:
        text = orjson.dumps(document).decode()
    except TypeError:  # a number that is too large for orjson, or half of a surrogate pair
        return _encode(document)
    return text if text.isascii() else _encode(document)


def size(document: Any) -> int:
    """Return the bytes of a document as JSON in UTF-8, without spaces.

    Raises UnicodeEncodeError for halves of surrogate pairs.
    """
    try:
        return len(orjson.dumps(document))
    except TypeError:  # as above
        return len(_encode_unicode(document).encode())


def load(text: bytes) -> Any:
    """Return the document in JSON without loss. Raises ValueError if the text is not JSON.

    Raises ValueError also if orjson cannot read the text exactly: a number is too large, or half of a surrogate pair
    occurs.
    """
    if _TOO_MANY_DIGITS in text.translate(_DIGITS):
        raise ValueError("a number may have too many digits")
    return orjson.loads(text)


def pack(document: Any) -> bytes:
    """Return the document as zlib-compressed JSON."""
    return squeeze(dump(document).encode())


def squeeze(dumped: bytes, known: bytes = b"") -> bytes:
    """Return a dumped document, compressed. `known`: a zlib dictionary; unpacking needs the same."""
    # zlib's set-up time grows with its window. For a short text, the set-up would take longer than the compression.
    bits = _SHORT_BITS if len(known) + len(dumped) < 2**_SHORT_BITS else zlib.MAX_WBITS
    stream = zlib.compressobj(wbits=bits, zdict=known) if known else zlib.compressobj(wbits=bits)
    return stream.compress(dumped) + stream.flush()


def unpack(packed: bytes, known: bytes = b"") -> Any:
    """Return a packed document; the inverse of `pack` and `squeeze`. Raises zlib.error if `known` is another one."""
    stream = zlib.decompressobj(zdict=known)
    return json.loads(stream.decompress(packed) + stream.flush())
