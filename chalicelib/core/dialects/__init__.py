"""What client libraries send, each in its own dialect, as raw events in Millrace's own form.

Every dialect is a function from a request to a `Post`; none loses a field. `registry` says where each is spoken;
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

    `body`: as it came, or opened, which readers need: without gzip. `query`: of a repeated parameter the last value;
    `repeated` has all of these. `path`: the parameters in its path. `address`: where its sender reaches this stage.
    """

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    repeated: Mapping[str, list[str]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """All that the query says under this name."""
        return self.repeated.get(name) or [self.query[name]] if name in self.query else []


class RawEvent(NamedTuple):
    """What `read_event` takes of an event, by the same names; nothing is checked yet.

    `max_bytes`: what its dialect's events may take.
    `rejected`: what is wrong with it by the dialect's own rules; `fields` is then as it came. `key`: the write key that
    it names itself.
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
    """What a request says. `key`: the write key that the client library put into the body, beside the events.

    `shared`: what its envelope says of all events, which is checked, hidden and held once. Its `context` joins theirs,
    and its `batch` is kept there under that name.
    """

    events: list[RawEvent]
    key: str | None = None
    shared: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Each write key that the body names, once."""
        return list(dict.fromkeys(key for key in (self.key, *(event.key for event in self.events)) if key))

    def without_events_of(self, keys: Collection[str]) -> list[RawEvent]:
        """The events; one that names one of these keys, or whose request does, is rejected."""
        if not keys:
            return self.events
        refusal = Rejected("other_key")
        return [
            event._replace(rejected=refusal) if access_key.first_in((event.key, self.key)) in keys else event
            for event in self.events
        ]


def moment_of(value: Any) -> datetime | None:
    """A time of the envelope; what is none counts as absent, since the events are good without it."""
    try:
        return timestamps.parse(timestamps.in_utc(value))
    except ValueError:
        return None


def is_given(value: Any) -> bool:
    """Whether a value says something. What libraries send for "none" does not: null, an empty text, list or object.

    Millrace's own form, which people write by hand, knows null alone and refuses an empty id by name.
    """
    return value not in (None, "", [], {})


def given(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is given; None if there is none."""
    return next((value for name in names if is_given(value := fields.get(name))), None)


def text_in(fields: Mapping[str, Any], *names: str) -> str | None:
    """The first of these fields that is a text."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)


def id_in(fields: Mapping[str, Any], *names: str, max_length: int) -> str | int | float | None:
    """The first of these fields that can be an id, in data of which the sender need not have thought as ids."""
    return next((value for name in names if _is_id(value := fields.get(name), max_length)), None)


def _is_id(value: Any, max_length: int) -> bool:
    text = as_id(value)
    return text is not None and len(text) <= max_length and is_text(normalize("NFC", text), max_length)


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def only(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def object_in(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field as an object: PHP's libraries send [] for an empty one, and anything else is kept under its name."""
    value = fields.get(name)
    if isinstance(value, dict):
        return value
    return {name: value} if is_given(value) else {}


def shared_of(context: dict[str, Any], batch: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What an envelope says of all events, as far as it says something."""
    return {name: said for name, said in (("context", context), ("batch", batch)) if said}


def _differ(one: Any, other: Any) -> bool:
    return repr(one) != repr(other)  # to Python, true equals 1, however deep


def add_free(fields: dict[str, Any], name: str, rest: Mapping[str, Any]) -> dict[str, Any]:
    """Add an object that says something, under this name or, where it is taken, one like it. Answers the fields."""
    while rest and name in fields:
        name += "_"
    if rest:
        fields[name] = rest
    return fields


def add_absent(fields: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add those of `more` whose names are free; answer those whose names hold another value."""
    clashing = {name: value for name, value in more.items() if name in fields and _differ(value, fields[name])}
    fields.update({name: value for name, value in more.items() if name not in fields})
    return clashing
