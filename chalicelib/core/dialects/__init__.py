"""The dialects of client libraries. Each turns requests into raw events in Millrace's own form.

A dialect is a function from a request to a `Post`, and loses no field. `registry` lists the paths of each dialect.
docs/clients.md has the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from unicodedata import normalize

from chalicelib.core import access_key, limits, timestamps
from chalicelib.core.event import Rejected, as_id, is_text


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as dialects see it. Header names are in lower case.

    `body`: the received body; readers get it without gzip. `query`: the last value of each parameter. `repeated`: all
    values of the repeated parameters. `path`: the parameters in the path. `address`: the stage's address for its
    clients.
    """

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    repeated: Mapping[str, list[str]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        return self.repeated.get(name) or [self.query[name]] if name in self.query else []


class RawEvent(NamedTuple):
    """The arguments of `read_event` for one event, by the same names. Nothing is checked yet.

    `max_bytes`: the most bytes of an event in this dialect. `rejected`: how the event violates the dialect's own rules.
    In this case, `fields` is as the client sent it. `key`: the write key in the event itself.
    """

    fields: Any
    sent: datetime | None = None
    counts_from_receipt: bool = False
    user_may_change: bool = False
    tolerates_time: bool = False
    content: Any = None
    max_bytes: int = limits.MAX_EVENT_BYTES
    rejected: Rejected | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """The content of a request. `key`: the write key that the client library put into the body, beside the events.

    `shared`: the fields of the batch that apply to all events. They are checked, hidden and stored once. The
    member `context` is merged into each event's context. The member `batch` is stored in that context as `batch`.
    """

    events: list[RawEvent]
    key: str | None = None
    shared: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The write keys in the body, each once."""
        return list(dict.fromkeys(key for key in (self.key, *(event.key for event in self.events)) if key))

    def without_events_of(self, keys: Collection[str]) -> list[RawEvent]:
        """Return the events. If an event or the body names one of these keys, the event is rejected."""
        if not keys:
            return self.events
        refusal = Rejected("other_key")
        return [
            event._replace(rejected=refusal) if access_key.first_in((event.key, self.key)) in keys else event
            for event in self.events
        ]


def moment_of(value: Any) -> datetime | None:
    """Return a time of the batch, or None if it is invalid: the events are valid without it."""
    try:
        return timestamps.parse(timestamps.in_utc(value))
    except ValueError:
        return None


def is_given(value: Any) -> bool:
    """Return whether a value is given. Libraries send null, an empty text, list or object for "none".

    Millrace's own form does not use this: people write it by hand, so an empty id is rejected by name.
    """
    return value not in (None, "", [], {})


def given(fields: Mapping[str, Any], *names: str) -> Any:
    """Return the first of these fields that is given, or None."""
    return next((value for name in names if is_given(value := fields.get(name))), None)


def text_in(fields: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is a non-empty text, or None."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)


def id_in(fields: Mapping[str, Any], *names: str, max_length: int) -> str | int | float | None:
    """Return the first of these fields that is valid as an id, or None. The sender may not have meant it as an id."""
    return next((value for name in names if _is_id(value := fields.get(name), max_length)), None)


def _is_id(value: Any, max_length: int) -> bool:
    text = as_id(value)
    return text is not None and len(text) <= max_length and is_text(normalize("NFC", text), max_length)


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def only(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def object_in(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field as an object. Another value becomes {name: value}. PHP's libraries send [] for an empty object."""
    value = fields.get(name)
    if isinstance(value, dict):
        return value
    return {name: value} if is_given(value) else {}


def shared_of(context: dict[str, Any], batch: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the shared fields of a batch, without empty parts."""
    return {name: said for name, said in (("context", context), ("batch", batch)) if said}


def _differ(one: Any, other: Any) -> bool:
    return repr(one) != repr(other)  # in Python, True equals 1, at any depth


def add_free(fields: dict[str, Any], name: str, rest: Mapping[str, Any]) -> dict[str, Any]:
    """Add a non-empty object under this name, with "_" appended if the name is taken. Return the fields."""
    while rest and name in fields:
        name += "_"
    if rest:
        fields[name] = rest
    return fields


def add_absent(fields: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add the entries of `more` whose names are free. Return the entries whose names are taken by other values."""
    clashing = {name: value for name, value in more.items() if name in fields and _differ(value, fields[name])}
    fields.update({name: value for name, value in more.items() if name not in fields})
    return clashing
