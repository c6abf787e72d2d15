"""The id of a chunk: its parts, and the facts that can be read from it.

    01M83R65PBPAHAWPN5Q45HM2TH-2026-11-23T0826-WyIyMDI2LTExLTIzVDA4...
    ULID                       minute          key of the event, of a single-event chunk only

The ULID makes the id unique and tells its age (48 bits of milliseconds, 80 random bits: github.com/ulid/spec). The
minute is that of the chunk's newest event. All events of the chunk have the same hour. The hour names the partition of
the commit record, so a receipt is found by the id alone. The minute lets readers find the newest events first. Items
name a chunk as their owner by its id without the event's key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from chalicelib.core import limits, timestamps, windows
from chalicelib.core.event import EventRef, event_key, parse_event_key
from chalicelib.errors import Undecodable

#: The owner of an erased event. No chunk has this id.
NOBODY = "erased"

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_BASE_32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")  # the digits that int() reads
_FORM = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}[0-5][0-9](-.+)?")
_MILLISECONDS = slice(10)  # of the ULID
_HOUR, _MINUTE = slice(27, 40), slice(40, 42)
_OWNER, _EVENT_KEY = slice(42), slice(43, None)


def mint_chunk_id(moment: datetime, minute: str, randomness: bytes) -> str:
    """Return a new id for a chunk. `minute`: that of its newest event, as 2015-05-17T10:05."""
    number = int.from_bytes(int(moment.timestamp() * 1000).to_bytes(6, "big") + randomness[:10], "big")
    ulid = "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
    return f"{ulid}-{minute.replace(':', '')}"


def single_id(owner: str, ref: EventRef) -> str:
    """Return the chunk_id of a single-event chunk: its owner and the key of its event."""
    return f"{owner}-{event_key(ref)}"


def hour_of(chunk_id: str) -> str:
    """Return the hour of a chunk's events, as in 2015-05-17T10."""
    return chunk_id[_HOUR]


def newest_minute_of(chunk_id: str) -> str:
    """Return the minute of the newest event within its hour, as in 05."""
    return chunk_id[_MINUTE]


def owner_of(chunk_id: str) -> str:
    """Return the id by which items name their chunk: the chunk_id without the key of an event."""
    return chunk_id[_OWNER]


def single_ref(chunk_id: str) -> EventRef | None:
    """Return the reference of a single-event chunk's event, read from the chunk_id. None: another kind of chunk."""
    return parse_event_key(chunk_id[_EVENT_KEY])


@lru_cache(maxsize=2048)  # a batch needs it several times for each chunk
def minted_at(chunk_id: str) -> datetime:
    """Return when a chunk was minted. `chunk_id` must be valid."""
    return datetime.fromtimestamp(int(chunk_id[_MILLISECONDS].translate(_TO_BASE_32), 32) / 1000, UTC)


def check_form(chunk_id: str) -> None:
    """Raise Undecodable unless the text has the form of a chunk id. Its parts may still contradict each other."""
    if not _FORM.fullmatch(chunk_id):
        raise Undecodable("not a chunk id")
    try:
        minted_at(chunk_id)
    except (ValueError, OverflowError) as error:
        raise Undecodable("not a chunk id") from error


def check_id(chunk_id: str) -> None:
    """Raise Undecodable unless the text is a chunk id."""
    if len(chunk_id) > limits.MAX_SINGLE_ID:
        raise Undecodable("not a chunk id")
    check_form(chunk_id)
    hour = hour_of(chunk_id)
    try:
        timestamps.parse(windows.start(hour))
    except ValueError as error:
        raise Undecodable("not a chunk id") from error
    if chunk_id != owner_of(chunk_id):
        ref = single_ref(chunk_id)
        if ref is None or windows.HOUR.name_of(ref.time) != hour:
            raise Undecodable("not a chunk id")


# CloudWatch adds numbers as doubles, which are exact up to 2**53. So 24 bits allow 500 million chunks in an hour.
_SUMMED_BITS = 0xFFFFFF


def chunk_hash(chunk_id: str) -> str:
    """Return a hash that names a chunk in logs. The chunk_id itself may contain a user id."""
    return hashlib.blake2b(chunk_id.encode(), digest_size=6).hexdigest()


def sum_of(hashes: Iterable[str]) -> int:
    """Return the sum of hashes. Equal sets of chunks have equal sums. Different sets hardly ever have equal sums."""
    return sum(int(each, 16) & _SUMMED_BITS for each in hashes)
