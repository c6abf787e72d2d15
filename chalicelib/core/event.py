"""An event: the form that all code behind ingestion relies on, and the table of its fields."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

import orjson

from chalicelib.core import limits, timestamps

_TIME_LENGTH = 27
_EXACT = 2**53
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

#: The closed vocabulary of rejection codes, shared by answers, metrics and docs.
REJECTION_CODES = {
    "not_an_object": "The event is not a JSON object.",
    "missing_field": "A required field is missing.",
    "wrong_type": "A field has the wrong type.",
    "empty": "A field is an empty string.",
    "too_long": "A field has too many characters.",
    "bad_timestamp": "The timestamp is not ISO 8601 with a zone, nor epoch seconds or milliseconds.",
    "timestamp_in_future": "The timestamp is more than a day ahead of the received time.",
    "timestamp_too_early": "The timestamp is before the earliest that the project accepts.",
    "bad_number": "A number is not finite or has more than 38 digits.",
    "bad_text": "A string holds half of a surrogate pair.",
    "too_deep": "The event is nested too deeply.",
    "too_large": "The event is too large.",
    "schema_violation": "The properties violate the project's catalogue.",
    "not_checked": "The properties take too many steps to be checked against the project's catalogue.",
    "ambiguous_field": "A top-level field and a property have the same name and different values.",
    "unknown_version": "The CloudEvent has an unsupported version.",
    "other_key": "The event names a write key of another project than that of its request.",
}


class Rejected(Exception):
    """One event is rejected at ingestion. The other events of its request are not affected."""

    def __init__(self, code: str, message: str = "", field: str | None = None) -> None:
        self.code, self.field = code, field
        self.message = message or REJECTION_CODES[code]
        super().__init__(self.message)


class EventRef(NamedTuple):
    """The name of an event inside its project. References sort by time."""

    time: str
    user: str
    event_id: str


class Field(NamedTuple):
    """A row of the table of fields: the facts on which ingestion, messages, the API, exports, Athena and privacy rely.

    Clients send a field in the body. A field that is not an object may also come in the pixel's query. Every field is
    a column of text.

    `is_optional`: a stored event may lack it. `is_required`: a client must send it. `is_person`: the id of a person,
    which a project may have hashed. `attribute`: its name in `Event`.
    """

    name: str
    kind: Literal["text", "time", "object"]
    max_length: int = 0
    is_optional: bool = False
    attribute: str = ""
    is_required: bool = False
    is_person: bool = False


def _text(max_length: int, **more: Any) -> dict[str, Any]:
    return {"kind": "text", "max_length": max_length, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One accepted event. Attributes with metadata are rows of the table of fields, in the order of the stored form.

    To add a field, add a line here, with `None` as its default, and a column in stack.yaml.

    `time`: in the sortable form. `user`: the user under which the event is stored.

    The other attributes decide how a second copy of the event is recognised:

    `own_time`: the client's time, if the event is stored at another time.
    `user_may_change`: the library may name another user in a retry, so the anonymous id identifies the event.
    `guarded`: the time depends on the receipt, so a guard item recognises the event by its id.
    `sole_id`: the project identifies events by their id alone.
    `id_from`: the sources of a generated id; empty for a random id. It is not stored.
    """

    event_id: str = field(metadata=_text(limits.MAX_EVENT_ID_LENGTH))
    event_type: str = field(metadata=_text(limits.MAX_TYPE_LENGTH, is_required=True))
    user_id: str | None = field(default=None, metadata=_text(limits.MAX_USER_LENGTH, is_person=True))
    anonymous_id: str | None = field(default=None, metadata=_text(limits.MAX_USER_LENGTH, is_person=True))
    time: str = field(metadata={"name": "timestamp", "kind": "time"})
    properties: dict[str, Any] = field(metadata={"kind": "object"})
    context: dict[str, Any] = field(metadata={"kind": "object"})
    guarded: bool
    own_time: str | None = None
    user_may_change: bool = False
    sole_id: bool = False
    id_from: tuple[str, ...] = field(default=("event_id",), compare=False)

    @property
    def user(self) -> str:
        return self.user_id if self.user_id is not None else self.anonymous_id or ""

    @property
    def ref(self) -> EventRef:
        return EventRef(self.time, self.user, self.event_id)

    @property
    def natural(self) -> EventRef:
        """The natural key, made of the client's own time and user.

        The event may be stored under another time or user.
        """
        user = self.anonymous_id or "" if self.user_may_change else self.user
        return EventRef(self.own_time or self.time, user, self.event_id)

    @property
    def pointed_from(self) -> EventRef | None:
        """The key of the pointer to this event: its natural key, unless the event itself is stored there."""
        is_elsewhere = (self.own_time is not None or self.user_may_change) and not self.guarded
        return self.natural if is_elsewhere and self.natural != self.ref else None

    @property
    def is_told_by_its_item(self) -> bool:
        """Return whether the insert of the event's item alone shows that the event is a duplicate."""
        return not (self.guarded or self.sole_id or self.pointed_from)

    @property
    def identity(self) -> EventRef:
        """The deduplication key inside the project. Two events with the same identity are the same event."""
        if self.sole_id:
            return EventRef("", "", self.event_id)
        return self.natural._replace(time="") if self.guarded else self.natural

    @property
    def identified_by(self) -> list[str]:
        """The fields by which a second attempt is recognised, for the answer. Empty: it cannot be recognised."""
        if self.id_from != ("event_id",):
            return [*self.id_from]
        user = "anonymous_id" if self.user_may_change or self.user_id is None else "user_id"
        return ["event_id", *([] if self.sole_id else [user]), *([] if self.sole_id or self.guarded else ["timestamp"])]

    @property
    def names(self) -> set[EventRef]:
        """The identity of the event and the keys that it claims. The events of a chunk share none of them."""
        if self.is_told_by_its_item:
            return {self.ref}
        return {self.identity, self.pointed_from or self.ref, self.ref}

    def to_json(self) -> dict[str, Any]:
        """Return the public fields without absent ones. `from_json` is the inverse."""
        document: dict[str, Any] = {}
        for name, attribute, kind, _, _ in _ROWS:
            value = getattr(self, attribute)
            if value is not None:
                document[name] = timestamps.readable(value) if kind == "time" else value
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, guarded: bool = False, **recognised: Any) -> Event:
        """Return the event in a document; the inverse of `to_json`. Raises TypeError or ValueError.

        `recognised`: the attributes that are not in the document.
        """
        values: dict[str, Any] = {}
        for name, attribute, kind, max_length, is_optional in _ROWS:
            value = document.get(name)
            if value is None and is_optional:
                continue
            if kind == "time":
                value = timestamps.sortable(timestamps.parse(value))
            elif not (is_text(value, max_length) if kind == "text" else isinstance(value, dict)):
                raise TypeError(f"{name} is not what ingestion accepts")
            values[attribute] = value
        event = cls(**values, guarded=guarded, **recognised)
        if not event.user:
            raise ValueError("an event has a user")
        return event


def event_key(ref: EventRef) -> str:
    """Return the opaque key of an event. It is safe in a URL."""
    return base64.urlsafe_b64encode(orjson.dumps([*ref])).decode().rstrip("=")


def parse_event_key(key: str) -> EventRef | None:
    """Return the reference in a key; the inverse of `event_key`. None if no event can have this key."""
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
    """Return whether a value can be part of a key: a non-empty string, not too long, with whole characters."""
    if not isinstance(value, str) or not 0 < len(value) <= max_length:
        return False
    return value.isascii() or not _HALF_A_PAIR.search(value)


def as_id(value: object) -> str | None:
    """Return an id as text, or None if the value cannot be an id.

    12345.0 becomes "12345", since JSON has one kind of number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Above this number, a double cannot tell neighbouring whole numbers apart.
    return str(int(value)) if isinstance(value, int) or (value.is_integer() and abs(value) <= _EXACT) else None


#: The table of fields, made from the attributes of an Event.
FIELDS = tuple(
    Field(**{"name": each.name, **each.metadata, "attribute": each.name, "is_optional": each.default is None})
    for each in fields(Event)
    if each.metadata
)
#: Boolean attributes that decide how an event is recognised.
FLAGS = ("guarded", "user_may_change", "sole_id")
#: The order in which ingestion checks fields: the required type, then the ids of people, then the rest.
SENT_FIELDS = tuple(sorted(FIELDS, key=lambda each: (not each.is_required, not each.is_person)))
#: Ids of people, which a project may have hashed.
PERSON_FIELDS = tuple(each.name for each in FIELDS if each.is_person)


class People(NamedTuple):
    """The names under which a sender puts the ids of people. The first that is given counts.

    Dialects read ids under these names, and projects hide them there.
    """

    users: tuple[str, ...]
    anonymous: tuple[str, ...]


SEGMENT_PEOPLE = People(("userId",), ("anonymousId",))
POSTHOG_PEOPLE = People(("distinct_id",), ("$anon_distinct_id", "$device_id"))
#: Extension attributes of a CloudEvent, names in its data, and attributes that name a person if neither of these does.
CLOUDEVENT_PEOPLE = People(("userid",), ("anonymousid",))
DATA_PEOPLE = People(("user_id", "userId"), ("anonymous_id", "anonymousId"))
CLOUDEVENT_STAND_INS = People(("subject",), ("source",))
#: The top-level names of a person's id, in all dialects.
PEOPLE_AT_TOP = (
    *(*PERSON_FIELDS, *SEGMENT_PEOPLE.users, *SEGMENT_PEOPLE.anonymous, *POSTHOG_PEOPLE.users),
    *(*CLOUDEVENT_PEOPLE.users, *CLOUDEVENT_PEOPLE.anonymous),
)
#: A value under one of these names, at any depth, is the id of a person.
PEOPLE_ANYWHERE = frozenset(
    {*PEOPLE_AT_TOP, *POSTHOG_PEOPLE.anonymous, "previous_id", "previousId", "alias", "$user_id", "$alias"}
)
# Unpacked once, since every event uses them.
_ROWS = tuple((each.name, each.attribute, each.kind, each.max_length, each.is_optional) for each in FIELDS)


def user_of(document: Mapping[str, Any]) -> Any:
    """Return the user under whom an event is stored; None if it names nobody."""
    user = document.get("user_id")
    return document.get("anonymous_id") if user is None else user


def stable_id(*parts: str) -> str:
    """Return an id that is the same for the same parts: 128 bits in hex."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
