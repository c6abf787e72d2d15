"""Reads the lines of a file as events. An event without an id gets one that is the same in every run."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from chalicelib.core import limits
from chalicelib.core.event import FIELDS, parse_event_key, stable_id
from millrace.io import access_log
from millrace.io.lines import MAX_LINE_BYTES, Line

Event = dict[str, Any]
_EVENT_FIELDS = frozenset(each.name for each in FIELDS)
#: Takes the number of a line and its fault.
Report = Callable[[int, str], None]

_OPEN_QUOTE = "the file ends inside a request: send the file again when the line is complete"


class LineEvent(NamedTuple):
    """The event in a line, and its JSON text."""

    number: int
    event: Event
    text: str


def read_json(content: bytes) -> Event:
    """Return the event in a line of JSON. Raises ValueError."""
    if content.startswith(b"["):
        raise ValueError("a JSON array, but a line must be one object: jq -c '.[]' FILE writes a line for each object")
    try:
        event = json.loads(content.decode(), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8, as JSON must be") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for every unreadable line
    return {name: event[name] for name in event if name in _EVENT_FIELDS} if _is_exported(event) else event


def _is_exported(event: Event) -> bool:
    """Return whether `millrace export` wrote the event.

    The pipeline has then added fields, such as the receive time.
    """
    ref = parse_event_key(str(event.get("key")))
    return ref is not None and ref.event_id == event.get("event_id")


def read_log(content: bytes) -> Event:
    """Return the event in a line of an access log. Bytes that are not UTF-8 are escaped. Raises ValueError."""
    return access_log.read_line(_text(content))


def read_any(content: bytes) -> Event:
    """Return the event in a line of either kind. Raises ValueError."""
    return read_json(content) if content[:1] in (b"{", b"[") else read_log(content)


#: The readers by the name of their format.
READERS: dict[str, Callable[[bytes], Event]] = {"auto": read_any, "json": read_json, "combined": read_log}


def read_events(
    lines: Iterable[Line], format_name: str, report: Report, *, source: str | None = None
) -> Iterator[LineEvent]:
    """Yield the events of the lines. Report each line without a valid event.

    An event without an id gets one made from its line, so that another run gives the same. Equal lines stay different
    events. `source`: distinguishes equal lines of two servers.
    """
    seen = _Seen()
    for line in lines:
        try:
            event = _read(line, format_name)
            if event.get("event_id") is None:
                text = _text(line.content)
                parts = (text, str(seen.times(text, event)))
                event["event_id"] = stable_id(*parts, source) if source else stable_id(*parts)
            text = _encode(event)
        except ValueError as error:
            report(line.number, str(error))
            continue
        yield LineEvent(line.number, event, text)


def _read(line: Line, format_name: str) -> Event:
    if line.problem:
        raise ValueError(line.problem)
    try:
        event = READERS[format_name](line.content)
    except ValueError as error:
        raise ValueError(f"{error}{_hint(line.content, format_name)}") from error
    is_log = line.content[:1] != b"{"
    if is_log and not line.is_ended and re.sub(rb"\\.", b"", line.content).count(b'"') % 2:
        raise ValueError(_OPEN_QUOTE)
    return event


def _hint(content: bytes, format_name: str) -> str:
    try:
        read_any(content)
    except ValueError:
        return ""
    return f" in the format {format_name!r}, but one in another: leave out --format"


def _encode(event: Event) -> str:
    try:
        text = json.dumps(event)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if len(text) > MAX_LINE_BYTES:
        raise ValueError(f"too long: an event takes at most {limits.MAX_EVENT_BYTES} bytes")
    return text


def _text(content: bytes) -> str:
    return content.decode(errors="backslashreplace")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(f"{digits[:40]} is too large for a number")
    return number


class _Seen:
    """Counts how often each line has occurred.

    SQLite keeps the counts in a temporary file, since they grow with the input.
    """

    def __init__(self) -> None:
        self._counts = sqlite3.connect("", isolation_level=None)  # https://sqlite.org/inmemorydb.html#temp_db
        self._counts.execute("PRAGMA journal_mode = OFF")
        self._counts.execute("PRAGMA cache_size = -65536")  # 64 MiB
        self._counts.execute("CREATE TABLE seen (line BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")
        self._counts.execute("BEGIN")

    def times(self, text: str, event: Event) -> int:
        """Count and return the occurrences of a line. Keys begin with the time, so that near lines share a page."""
        key = str(event.get("timestamp"))[:40].encode() + blake2b(text.encode(), digest_size=16).digest()
        (times,) = self._counts.execute(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times", (key,)
        ).fetchone()
        return int(times)
