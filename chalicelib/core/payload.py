"""Reads the body of a POST: from its bytes to a JSON document and its raw events, within limits."""

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
# The first bytes of gzip, and of zlib (RFC 1950), which HTTP calls deflate. Neither JSON nor base64 begins like these.
_PACKED = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
_GZIP_OR_ZLIB = 47  # a value of zlib's wbits: detects either, and verifies its checksum
_PIECE = 4096


class BadNumber:
    """Takes the place of a number that cannot be stored. The event that holds it is rejected."""


def events_of(document: Any) -> list[Any]:
    """Return the raw events in an object, an array, or {"events": [...]}, within limits. Raises Problem."""
    if has_events(document):
        document = document["events"]
    return bounded(document if isinstance(document, list) else [document])


def has_events(document: Any) -> bool:
    """Return whether a document is not an event but a list of events under `events`."""
    return isinstance(document, dict) and isinstance(document.get("events"), list) and "event_type" not in document


def bounded(raw_events: list[Any]) -> list[Any]:
    """Return the events unchanged. Raises Problem if there are none or too many."""
    if not raw_events:
        raise Problem("no_events")
    if len(raw_events) > limits.MAX_EVENTS_PER_POST:
        raise Problem("too_many_events", f"A POST takes at most {limits.MAX_EVENTS_PER_POST} events.")
    return raw_events


def within_size(body: bytes) -> bytes:
    """Return the body unchanged. Raises Problem if it is too large."""
    if len(body) > limits.MAX_BODY_BYTES:
        raise Problem("body_too_large", f"The body is over {limits.MAX_BODY_BYTES} bytes.")
    return body


def inflate(body: bytes) -> bytes:
    """Return a body without its gzip or zlib compression, if it has one. Raises Problem.

    The first two bytes show the compression. A gzip file may have several members (RFC 1952, 2.2), for example if a
    tool appends to the file.
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
    """Append the content of the member that starts at `at`. Return where the member ends. Raises Problem."""
    inflater = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    # Small pieces: zlib copies the bytes after the member's end out of the last piece.
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
    """Return the plain bytes of a body, which must be UTF-8 with or without gzip. Raises Problem."""
    plain = inflate(body)
    _text_of(plain)
    return plain


def decode(plain: bytes) -> Any:
    """Return the JSON document in a body. Raises Problem."""
    _check_values(plain)
    with suppress(ValueError):  # the standard library's parser handles or names the error
        return compact.load(plain)
    try:
        return json.loads(_text_of(plain), parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except RecursionError as error:
        raise Problem("too_deep", f"The body nests deeper than {limits.MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise Problem("not_json", f"The body is not JSON: {error}.") from error


def _check_values(plain: bytes) -> None:
    """Refuse a body with too many values for the memory. A value follows each comma or bracket outside of strings."""
    if _count(plain) <= limits.MAX_VALUES:
        return
    unescaped = plain.replace(rb"\\", b"").replace(rb"\"", b"")
    values, in_string = 0, 0
    for start in range(0, len(unescaped), _PIECE_OF_JSON):  # a split of the whole text could make millions of parts
        parts = unescaped[start : start + _PIECE_OF_JSON].split(b'"')
        values += _count(b"".join(parts[in_string::2]))
        in_string ^= (len(parts) - 1) % 2
        if values > limits.MAX_VALUES:
            raise Problem("too_many_values", f"A body has at most {limits.MAX_VALUES} JSON values. Send fewer at once.")


def _count(plain: bytes) -> int:
    return len(plain) - len(plain.translate(None, b",[{"))


def _text_of(plain: bytes) -> str:
    try:
        return plain.removeprefix(BOM_UTF8).decode()  # RFC 8259 allows readers to ignore the byte order mark
    except UnicodeDecodeError as error:
        raise Problem("not_utf8", "The body is not UTF-8.") from error


def _integer(digits: str) -> int | BadNumber:
    # The check also protects int(), which refuses thousands of digits and would fail the whole document.
    return int(digits) if len(digits.lstrip("-")) <= limits.MAX_INTEGER_DIGITS else BadNumber()


def _float(digits: str) -> float | BadNumber:
    number = float(digits)
    return number if math.isfinite(number) else BadNumber()


def _constant(_name: str) -> BadNumber:
    return BadNumber()
