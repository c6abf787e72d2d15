"""The rules that ingestion guarantees for every chunk. Readers of messages check them again.

Anybody with access to the queue can send messages. A message that breaks a rule would fail later, in a transaction, a
key of the table or a report. It would fail again at each delivery.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from chalicelib.core import compact, limits, timestamps
from chalicelib.core.chunk import Chunk, Sender
from chalicelib.core.chunk_id import check_id, minted_at, newest_minute_of, single_id
from chalicelib.core.event import FIELDS, FLAGS, Event, EventRef
from chalicelib.core.table_keys import is_project_name
from chalicelib.core.windows import HOUR, minute_of_hour
from chalicelib.errors import Undecodable

_MESSAGE_NAMES = {
    *("format", "chunk_id", "project", "received_at", "source_ip", "user_agent", "repeats", "events"),
    *("renewed_at", "shared"),
}
_EVENT_NAMES = {*(row.name for row in FIELDS), *FLAGS, "own_time"}
_TEXTS = tuple(row.attribute for row in FIELDS if row.kind == "text")
# Undeclared fields become properties, which are one level deeper than the fields were.
_MAX_DEPTH = limits.MAX_DEPTH + 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_AHEAD = timedelta(seconds=limits.MAX_FUTURE_SECONDS)
# Lifetimes are added to times. A sum with a later time would overflow.
_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


def parse(body: str) -> dict[str, Any]:
    """Return the document in a message: ASCII JSON with numbers and texts that can be stored. Raises ValueError."""
    if len(body) > limits.MAX_QUEUE_MESSAGE_BYTES:
        raise Undecodable("too large")
    document = parse_json(body)
    if not isinstance(document, dict) or not document.keys() <= _MESSAGE_NAMES:
        raise Undecodable("not the fields of a chunk")
    return document


def parse_json(text: str) -> Any:
    """Return a document in ASCII, with valid numbers and whole characters. Raises ValueError and Undecodable."""
    if not text.isascii():
        raise Undecodable("not ASCII")
    with suppress(ValueError):  # the standard library's parser handles or names the error
        return compact.load(text.encode())
    document = _decode(text)
    if _SURROGATE.search(text):
        _encode(document).encode()  # raises UnicodeEncodeError for half of a pair
    return document


def read_event(document: Mapping[str, Any]) -> Event:
    """Return the event in a message, with the flags of its deduplication. Raises Undecodable, TypeError, ValueError."""
    if not document.keys() <= _EVENT_NAMES:
        raise Undecodable("an event has unknown fields")
    if not all(document[name] is True for name in FLAGS if name in document):
        raise Undecodable("an event's deduplication flags are invalid")
    recognised: dict[str, Any] = {name: True for name in FLAGS if name in document}
    if "own_time" in document:
        recognised["own_time"] = timestamps.sortable(timestamps.parse(document["own_time"]))
    event = Event.from_json(document, **recognised)
    check_event(document, event)
    return event


def check_event(document: Mapping[str, Any], event: Event) -> None:
    """Raise Undecodable if ingestion cannot have made the event. `document`: the event as read from the message."""
    if document["timestamp"] != timestamps.readable(event.time):
        raise Undecodable("an event's time is not in the readable form")
    _check_recognition(document, event)
    for name in _TEXTS:
        value = getattr(event, name)
        if not (value is None or value.isascii() or unicodedata.is_normalized("NFC", value)):
            raise Undecodable(f"{name} is not in Unicode's NFC")
    _check_depth(event.properties, 2)
    _check_depth(event.context, 2)


def _check_recognition(document: Mapping[str, Any], event: Event) -> None:
    own = event.own_time
    if own is not None and (event.guarded or own == event.time or document["own_time"] != timestamps.readable(own)):
        raise Undecodable("an event's own time is invalid")
    if event.user_may_change and None in (event.user_id, event.anonymous_id):
        raise Undecodable("an event's user cannot change")


def check_chunk(chunk: Chunk, latest: datetime | None) -> None:
    """Raise Undecodable unless a chunk of valid events is valid. `latest`: the latest time that it may contain."""
    events, sender = chunk.events, chunk.sender
    check_id(chunk.chunk_id)
    _check_sender(sender, len(events))
    if type(chunk.repeats) is not int or not 0 <= chunk.repeats <= limits.MAX_REPEATS:
        raise Undecodable("its number of repeats is invalid")
    if not 0 < len(events) <= limits.MAX_CHUNK_EVENTS:
        raise Undecodable("its number of events is invalid")
    if len({event.event_type for event in events}) > limits.MAX_CHUNK_TYPES:
        raise Undecodable("it has more event types than a commit takes")
    if any(HOUR.name_of(event.time) != chunk.hour for event in events):
        raise Undecodable("an event is not in the chunk's hour")
    if minute_of_hour(max(event.time for event in events)) != newest_minute_of(chunk.chunk_id):
        raise Undecodable("its newest event is not in the minute of its chunk_id")
    names = [event.names for event in events]
    if sum(map(len, names)) > len(set[EventRef]().union(*names)):
        raise Undecodable("it has an event twice")
    _check_times(chunk, latest)


def _check_sender(sender: Sender, events: int) -> None:
    if not is_project_name(sender.project):
        raise Undecodable("its project's name is invalid")
    for text in (sender.source_ip, sender.user_agent):
        if text is not None and not (isinstance(text, str) and len(text) <= limits.MAX_SENDER_LENGTH):
            raise Undecodable("its sender is not text")
    if not sender.shared.keys() <= {"context", "batch"} or not all(
        isinstance(each, dict) for each in sender.shared.values()
    ):
        raise Undecodable("its events share other fields than context and batch")
    _check_depth({**sender.shared}, 1)
    copies = events if events > 1 and sender.shared else 0
    if copies and copies * len(compact.dump(sender.shared)) > limits.MAX_CHUNK_BYTES:
        raise Undecodable("its events with their shared fields are too large for a commit")


def check_single(chunk: Chunk, dumped_bytes: int) -> None:
    """Raise Undecodable unless a single-event chunk is valid. `dumped_bytes`: the size of its event in the message."""
    event = chunk.events[0]
    if chunk.accepted > 1 or chunk.chunk_id != single_id(chunk.owner, event.ref):
        raise Undecodable("it does not hold the event that its chunk_id names")
    if not event.is_told_by_its_item or dumped_bytes > limits.MAX_SINGLE_BYTES or chunk.is_old_for_single:
        raise Undecodable("this event is not allowed in a single-event chunk")


def _check_times(chunk: Chunk, latest: datetime | None) -> None:
    minted, received = minted_at(chunk.chunk_id), chunk.sender.received
    if max(minted, received, chunk.renewed or minted) > (latest or _END_OF_TIME):
        raise Undecodable("its time is in the future")
    # A replay mints new ids, and its machine may have another clock.
    if received > minted + _AHEAD:
        raise Undecodable("it was received after it was minted")
    if timestamps.parse(max(event.time for event in chunk.events)) > received + _AHEAD:
        raise Undecodable("an event's time is in the future")


def _check_depth(container: dict[str, Any] | list[Any], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise Undecodable("an event nests too deep")
    child: Any
    for child in container.values() if type(container) is dict else container:
        kind = type(child)  # exactly what the JSON parser makes
        if kind is dict or kind is list:
            _check_depth(child, depth + 1)


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > limits.MAX_INTEGER_DIGITS:
        raise Undecodable("a number has too many digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Undecodable("a number is not finite")
    return number


def _refuse(_constant: str) -> NoReturn:
    raise Undecodable("a number is not finite")


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_refuse).decode
_encode = json.JSONEncoder(ensure_ascii=False).encode
