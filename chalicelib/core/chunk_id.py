"""The id of a chunk: what it is made of, and what it tells without a look at the chunk.

    01M83R65PBPAHAWPN5Q45HM2TH-2026-11-23T0826-WyIyMDI2LTExLTIzVDA4...
    ULID                       minute          key of the event, of a single-event chunk only

The ULID (48 bits of milliseconds, 80 random: github.com/ulid/spec) makes it unique and tells its age. The minute is
that of the newest of the chunk's events, which share an hour. The hour tells a receipt where to look: it names the
partition of the commit record. By the minute a reader finds the newest events first. Without the key, the id is the
chunk's owner.
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

#: The owner of an erased event: no chunk.
NOBODY = "erased"

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_BASE_32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")  # as int reads it
_FORM = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}[0-5][0-9](-.+)?")
_MILLISECONDS = slice(10)  # of the ULID
_HOUR, _MINUTE = slice(27, 40), slice(40, 42)
_OWNER, _EVENT_KEY = slice(42), slice(43, None)


def mint_chunk_id(moment: datetime, minute: str, randomness: bytes) -> str:
    """Make the id of a chunk whose newest event is of this minute (2015-05-17T10:05)."""
    number = int.from_bytes(int(moment.timestamp() * 1000).to_bytes(6, "big") + randomness[:10], "big")
    ulid = "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
    return f"{ulid}-{minute.replace(':', '')}"


def single_id(owner: str, ref: EventRef) -> str:
    """The chunk_id of a single-event chunk: who it is and which event."""
    return f"{owner}-{event_key(ref)}"


def hour_of(chunk_id: str) -> str:
    """The hour of a chunk's events, as in 2015-05-17T10."""
    return chunk_id[_HOUR]


def newest_minute_of(chunk_id: str) -> str:
    """The minute of the hour, as in 05, after which a chunk has no event."""
    return chunk_id[_MINUTE]


def owner_of(chunk_id: str) -> str:
    """What items name a chunk by: its id, without the key of a single's event."""
    return chunk_id[_OWNER]


def single_ref(chunk_id: str) -> EventRef | None:
    """The event that a single's id names; None for other chunks."""
    return parse_event_key(chunk_id[_EVENT_KEY])


@lru_cache(maxsize=2048)  # asked several times for each chunk of a batch
def minted_at(chunk_id: str) -> datetime:
    """When a chunk was minted; `chunk_id` must be one."""
    return datetime.fromtimestamp(int(chunk_id[_MILLISECONDS].translate(_TO_BASE_32), 32) / 1000, UTC)


def check_form(chunk_id: str) -> None:
    """Raises Undecodable for what does not look like a chunk id; whether its parts are true is left open."""
    if not _FORM.fullmatch(chunk_id):
        raise Undecodable("not a chunk id")
    try:
        minted_at(chunk_id)
    except (ValueError, OverflowError) as error:
        raise Undecodable("not a chunk id") from error


def check_id(chunk_id: str) -> None:
    """Raises Undecodable for what is not a chunk id."""
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


# CloudWatch adds numbers as doubles, which are exact up to 2**53: hashes of 24 bits of 500 million chunks an hour.
_SUMMED_BITS = 0xFFFFFF


def chunk_hash(chunk_id: str) -> str:
    """What stands for a chunk in a log: its id can hold a user id, and this tells nothing of it."""
    return hashlib.blake2b(chunk_id.encode(), digest_size=6).hexdigest()


def sum_of(hashes: Iterable[str]) -> int:
    """The sum of hashes: equal for equal sets of chunks, and hardly for others of as many chunks."""
    return sum(int(each, 16) & _SUMMED_BITS for each in hashes)
