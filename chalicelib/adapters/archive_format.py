"""The form of an archived object: gzip, with a stored event a line.

A line that is no stored event, damaged or foreign, is handed on like the others: who reads the event finds out, and
says so, and who rewrites the object keeps the line, byte by byte.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

from chalicelib.core.event_body import StoredEvent

CONTENT_TYPE = "application/gzip"
# Of gzip: 9, its default, takes twice the CPU for a percent of the size.
_LEVEL = 6


def pack(events: Iterable[StoredEvent]) -> bytes:
    return gzip.compress(b"".join(event.dumped + b"\n" for event in events), _LEVEL, mtime=0)


def unpack(body: bytes) -> list[StoredEvent]:
    """The inverse of `pack`. Raises ValueError for what is not gzip."""
    try:
        lines = gzip.decompress(body).split(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip: {error}") from error
    if not lines[-1]:  # each line ends with a line feed
        lines.pop()
    return [StoredEvent(line) for line in lines]
