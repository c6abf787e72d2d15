"""From the bytes of a POST to a JSON document and the list of its raw events, all bounded."""

from __future__ import annotations

import json
import math
import zlib
from codecs import BOM_UTF8
from contextlib import suppress
from typing import Any

from chalicelib.core import compact, limits
from chalicelib.errors import Problem

_PIECE_OF_JSON = 64 * 1024
# How gzip begins, and zlib (RFC 1950), which HTTP calls deflate: no JSON and no base64 does.
_PACKED = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
_GZIP_OR_ZLIB = 47  # of zlib's wbits: either, with its check sum
_PIECE = 4096


class BadNumber:
    """Stands where a number was that cannot be kept; the event that holds it is rejected."""


def events_of(document: Any) -> list[Any]:
    """The raw events of one object, an array, or {"events": [...]}, within bounds. Raises Problem."""
    if has_events(document):
        document = document["events"]
    return bounded(document if isinstance(document, list) else [document])


def has_events(document: Any) -> bool:
    """Whether a document is no event, but holds some."""
    return isinstance(document, dict) and isinstance(document.get("events"), list) and "event_type" not in document


def bounded(raw_events: list[Any]) -> list[Any]:
    """The same, if there are some and not too many. Raises Problem."""
    if not raw_events:
        raise Problem("no_events")
    if len(raw_events) > limits.MAX_EVENTS_PER_POST:
        raise Problem("too_many_events", f"A POST takes at most {limits.MAX_EVENTS_PER_POST} events.")
    return raw_events


def within_size(body: bytes) -> bytes:
    """The same. Raises Problem if it is too large."""
    if len(body) > limits.MAX_BODY_BYTES:
        raise Problem("body_too_large", f"The body is over {limits.MAX_BODY_BYTES} bytes.")
    return body


def inflate(body: bytes) -> bytes:
    """The plain bytes of a body; gzip or zlib is told by its first two. Raises Problem.

    A gzip file is a series of members (RFC 1952, 2.2), as tools that append to one write it.
    """
    if not within_size(body).startswith(_PACKED):
        return body
    plain, at = bytearray(), 0
    for _ in range(limits.MAX_GZIP_MEMBERS):
        at = _inflate_member(body, at, plain)
        if not body[at : at + 2]:
            return bytes(plain)
    raise Problem("bad_gzip", f"The gzip body has over {limits.MAX_GZIP_MEMBERS} members.")


def _inflate_member(body: bytes, at: int, plain: bytearray) -> int:
    """Append the data of the member that starts there; answers where it ends. Raises Problem."""
    inflater = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    # In pieces, since what follows the member is copied with its last one.
    while not inflater.eof:
        piece = body[at : at + _PIECE]
        try:
            plain += inflater.decompress(piece, limits.MAX_INFLATED_BYTES + 1 - len(plain))
        except zlib.error as error:
            raise Problem("bad_gzip") from error
        if len(plain) > limits.MAX_INFLATED_BYTES:
            raise Problem("body_too_large", f"The inflated body is over {limits.MAX_INFLATED_BYTES} bytes.")
        at += len(piece) - len(inflater.unused_data)
        if not piece:
            raise Problem("bad_gzip", "The gzip body is cut short.")
    return at


def open_text(body: bytes) -> bytes:
    """The plain bytes of a body that is UTF-8, plain or gzip. Raises Problem."""
    plain = inflate(body)
    _text_of(plain)
    return plain


def decode(plain: bytes) -> Any:
    """The JSON document in these bytes. Raises Problem."""
    _check_values(plain)
    with suppress(ValueError):  # whatever it is, the standard library's parser says it
        return compact.load(plain)
    try:
        return json.loads(_text_of(plain), parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except RecursionError as error:
        raise Problem("too_deep", f"The body nests deeper than {limits.MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise Problem("not_json", f"The body is not JSON: {error}.") from error


def _check_values(plain: bytes) -> None:
    """Refuse more values than memory has room for: a value follows a comma or a bracket, but for those in strings."""
    if _count(plain) <= limits.MAX_VALUES:
        return
    unescaped = plain.replace(rb"\\", b"").replace(rb"\"", b"")
    values, in_string = 0, 0
    for start in range(0, len(unescaped), _PIECE_OF_JSON):  # as a whole it would fall into millions of parts
        parts = unescaped[start : start + _PIECE_OF_JSON].split(b'"')
        values += _count(b"".join(parts[in_string::2]))
        in_string ^= (len(parts) - 1) % 2
        if values > limits.MAX_VALUES:
            raise Problem("too_many_values", f"A body has at most {limits.MAX_VALUES} JSON values. Send fewer at once.")


def _count(plain: bytes) -> int:
    return len(plain) - len(plain.translate(None, b",[{"))


def _text_of(plain: bytes) -> str:
    try:
        return plain.removeprefix(BOM_UTF8).decode()  # some write the mark, which RFC 8259 lets a reader ignore
    except UnicodeDecodeError as error:
        raise Problem("not_utf8", "The body is not UTF-8.") from error


def _integer(digits: str) -> int | BadNumber:
    # Also keeps int() away from thousands of digits, which it refuses for the whole document.
    return int(digits) if len(digits.lstrip("-")) <= limits.MAX_INTEGER_DIGITS else BadNumber()


def _float(digits: str) -> float | BadNumber:
    number = float(digits)
    return number if math.isfinite(number) else BadNumber()


def _constant(_name: str) -> BadNumber:
    return BadNumber()
