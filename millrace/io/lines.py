"""Reads the lines of a file of events, even if it is damaged, in constant memory."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import chain
from typing import NamedTuple

from chalicelib.core import limits

#: A longer line cannot be a valid event, however much white space and escapes it has.
MAX_LINE_BYTES = limits.MAX_BODY_BYTES // 2
_PIECE_BYTES = 64 * 1024
# Gzip data is inflated in small pieces. A damaged piece is lost as a whole, even its part before the damage.
_GZIP_PIECE_BYTES = 1024
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # https://docs.python.org/3/library/zlib.html#zlib.decompress
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A crash of a server, or truncating a log that is in use, leaves a hole of NUL bytes.
_HOLE = re.compile(rb"\0+")


class Line(NamedTuple):
    """A line without its line break.

    `problem`: why its content is incomplete. `is_ended`: False if the line may become longer when the file grows.
    """

    number: int
    content: bytes
    problem: str = ""
    is_ended: bool = True


def read_lines(stream: BufferedReader) -> Iterator[Line]:
    """Yield the lines that are not blank, inflated if the stream starts like gzip.

    Byte order marks are removed, and a hole of NUL bytes ends a line. If the file is damaged, a last line says so.
    """
    start, pieces = _peek(iter(lambda: stream.read1(_PIECE_BYTES), b""))
    if start.startswith(_GZIP):
        start, pieces = _peek(_inflate(pieces))
    if start.startswith(_UTF_16):
        pieces = (text.encode() for text in codecs.iterdecode(pieces, "utf-16", "replace"))
    return _split(_HOLE.sub(b"\0", piece) for piece in pieces)


def _peek(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and an iterator over all pieces, these bytes included."""
    start = b""
    while len(start) < len(_GZIP) and (piece := next(pieces, b"")):
        start += piece
    return start, chain([start], pieces)


def _inflate(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the inflated members of a gzip file. Raises EOFError or zlib.error after all readable data."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    for piece in pieces:
        for at in range(0, len(piece), _GZIP_PIECE_BYTES):
            part = piece[at : at + _GZIP_PIECE_BYTES]
            while part:
                if inflater.eof:
                    part = part.lstrip(b"\0")  # some devices fill their last block with NUL
                    inflater = zlib.decompressobj(_GZIP_WINDOW) if part else inflater
                yield inflater.decompress(part)
                part = inflater.unused_data if part else b""
    if not inflater.eof:
        raise EOFError("its end is missing")


def _split(pieces: Iterable[bytes]) -> Iterator[Line]:
    number, content = 1, b""
    try:
        for piece in pieces:
            first, *others = piece.split(b"\n")
            if len(content) <= MAX_LINE_BYTES:  # a line that is already too long need not be kept whole
                content += first
            for other in others:
                yield from _lines(number, content)
                number, content = number + 1, other
    except (EOFError, OSError, zlib.error) as error:
        yield Line(number, content, f"the file is damaged here, and the rest of it cannot be read ({error})")
        return
    yield from _lines(number, content, is_ended=False)


def _lines(number: int, content: bytes, *, is_ended: bool = True) -> Iterator[Line]:
    """Yield the line. A hole of NUL bytes splits it into an incomplete line and a whole one."""
    parts = content.split(b"\0")
    for part in parts:
        line = part.strip().removeprefix(codecs.BOM_UTF8).strip()
        if len(line) > MAX_LINE_BYTES:
            yield Line(number, line[:100], f"too long: an event takes at most {limits.MAX_EVENT_BYTES} bytes")
        elif line:
            yield Line(number, line, is_ended=is_ended or part is not parts[-1])
