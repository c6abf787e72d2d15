"""An event: the one form that everything behind ingestion relies on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core import limits, timestamps

_TIME_LENGTH = 27
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

#: The closed vocabulary of rejection codes: shared by replies, metrics and docs.
REJECTION_CODES = {
    "not_an_object": "The event is not a JSON object.",
    "missing_field": "A required field is missing.",
    "wrong_type": "A field has the wrong type.",
    "empty": "A field is an empty string.",
    "too_long": "A field has too many characters.",
    "bad_timestamp": "The timestamp is not ISO 8601 with a zone, nor epoch seconds or milliseconds.",
    "timestamp_in_future": "The timestamp is more than a day ahead of the received time.",
    "bad_number": "A number is not finite or has more than 38 digits.",
    "bad_text": "A string holds half of a surrogate pair.",
    "too_deep": "The event nests too deep.",
    "too_large": "The event is too large.",
    "schema_violation": "The properties are not what the project's catalogue says they are.",
    "ambiguous_field": "A top-level field and a property have one name and different values.",
}


class Rejected(Exception):
    """One event is refused at ingestion; its neighbours are not."""

    def __init__(self, code: str, message: str = "", field: str | None = None) -> None:
        self.code, self.field = code, field
        self.message = message or REJECTION_CODES[code]
        super().__init__(self.message)


class EventRef(NamedTuple):
    """What names an event inside its project, in the order of the time index."""

    time: str
    user: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted event. `time` is the sortable form; `user` is whom the event is stored under.

    `guarded`: the time depends on when the event was received, because the client gave none or one
    that its own clock's error was taken out of. A retry would come with another time; a guard item
    then tells the retry by its user and id. `sole_id`: by its id alone, since the client's library makes
    one for each event and may name another user when it sends again.
    """

    event_id: str
    event_type: str
    time: str
    user_id: str | None
    anonymous_id: str | None
    properties: dict[str, Any]
    context: dict[str, Any]
    guarded: bool
    sole_id: bool = False

    @property
    def user(self) -> str:
        return self.user_id if self.user_id is not None else self.anonymous_id or ""

    @property
    def ref(self) -> EventRef:
        return EventRef(self.time, self.user, self.event_id)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes a second event the same one, inside its project."""
        return ("" if self.sole_id else self.user, "" if self.guarded else self.time, self.event_id)

    def to_json(self) -> dict[str, Any]:
        """The public fields; absent ids are left out. `from_json` is the inverse."""
        document: dict[str, Any] = {"event_id": self.event_id, "event_type": self.event_type}
        if self.user_id is not None:
            document["user_id"] = self.user_id
        if self.anonymous_id is not None:
            document["anonymous_id"] = self.anonymous_id
        document["timestamp"] = timestamps.readable(self.time)
        document["properties"] = self.properties
        document["context"] = self.context
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, guarded: bool, sole_id: bool = False) -> Event:
        """Raises KeyError, TypeError or ValueError on what `to_json` did not write."""
        event = cls(
            event_id=document["event_id"],
            event_type=document["event_type"],
            time=timestamps.sortable(timestamps.parse(document["timestamp"])),
            user_id=document.get("user_id"),
            anonymous_id=document.get("anonymous_id"),
            properties=document["properties"],
            context=document["context"],
            guarded=guarded,
            sole_id=sole_id,
        )
        if not (isinstance(event.properties, dict) and isinstance(event.context, dict)):
            raise TypeError("properties and context must be objects")
        lengths = (limits.MAX_EVENT_ID_LENGTH, limits.MAX_TYPE_LENGTH, limits.MAX_USER_LENGTH)
        names = (event.event_id, event.event_type, event.user)
        if not all(is_text(name, length) for name, length in zip(names, lengths, strict=True)):
            raise ValueError("an id or type cannot be part of a key")
        return event


def event_key(ref: EventRef) -> str:
    """The opaque key of an event, safe in a URL."""
    return base64.urlsafe_b64encode(_encode(ref).encode()).decode().rstrip("=")


def parse_event_key(key: str) -> EventRef | None:
    """The inverse of `event_key`; None for what is no key of an event that could exist."""
    try:
        parts = json.loads(base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True))
        ref = EventRef(*parts)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return None
    parts_fit = (
        is_text(ref.time, _TIME_LENGTH)
        and is_text(ref.user, limits.MAX_USER_LENGTH)
        and is_text(ref.event_id, limits.MAX_EVENT_ID_LENGTH)
    )
    return ref if parts_fit and event_key(ref) == key else None


def is_text(value: object, max_length: int) -> bool:
    """Whether a value can be part of a key: a string, not empty or too long, and whole in UTF-8."""
    if not isinstance(value, str) or not 0 < len(value) <= max_length:
        return False
    return value.isascii() or not _HALF_A_PAIR.search(value)


def stable_id(*parts: str) -> str:
    """An id that the same parts always get; 128 bits in hex."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
