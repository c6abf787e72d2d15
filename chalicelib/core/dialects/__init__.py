"""What client libraries send, each in its own dialect, as raw events in Millrace's own form.

Every dialect is a function from a request to a `Post`; none loses a field. `registry` says where each is spoken;
docs/clients.md has the rules.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.core import access_key, timestamps
from chalicelib.core.event import Rejected


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as dialects see it. Header names are in lower case.

    `body`: as it came, or opened, which readers need: without gzip, and without base64 where the dialect has it.
    `path`: the parameters in its path. `address`: where its sender reaches this stage.
    """

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


@dataclass(frozen=True, slots=True)
class RawEvent:
    """`fields`, `sent` and `sole_id` are what `read_event` takes; nothing of them is checked yet.

    `rejected`: what is wrong with it by the dialect's own rules; `fields` is then as it came. `key`: the write key that
    it names itself.
    """

    fields: Any
    sent: datetime | None = None
    sole_id: bool = False
    rejected: Rejected | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """What a request says. `key`: the write key that the client library put into the body, beside the events.

    `shared`: what its envelope adds to the context of each event. It is checked, hidden and held once.
    """

    events: list[RawEvent]
    key: str | None = None
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Each write key that the body names, once."""
        return list(dict.fromkeys(key for key in (self.key, *(event.key for event in self.events)) if key))

    def without_events_of(self, keys: Container[str]) -> list[RawEvent]:
        """The events; one that names one of these keys, or whose request does, is rejected."""
        refusal = Rejected("other_key")
        return [
            replace(event, rejected=refusal) if access_key.first_in((event.key, self.key)) in keys else event
            for event in self.events
        ]


def moment_of(value: Any) -> datetime | None:
    """A time of the envelope; what is none counts as absent, since the events are good without it."""
    try:
        return timestamps.parse(in_utc(value))
    except ValueError:
        return None


def in_utc(value: Any) -> Any:
    """Libraries mean UTC where they name no zone; what is no such time is handed back as it is."""
    if isinstance(value, str):
        for ending in ("Z", "T00:00:00Z"):
            try:
                timestamps.parse(value + ending)
            except ValueError:
                continue
            return value + ending
    return value


def text_in(fields: Mapping[str, Any], *names: str) -> str | None:
    """The first of these fields that is a string with something in it."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)


def id_in(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of these ids that is not what libraries send for "none": null or an empty string."""
    return next((value for name in names if (value := fields.get(name)) not in (None, "")), None)


def first_of(*ids: Any) -> Any:
    """The first id that is there; 0 is one."""
    return next((each for each in ids if each is not None), None)


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def object_in(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field as an object: PHP's libraries send [] for an empty one, and anything else is kept under its name."""
    value = fields.get(name)
    if isinstance(value, dict):
        return value
    return {name: value} if value else {}


def gathered(context: Mapping[str, Any], dialect: str, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The context, and under the dialect's name the fields that have no place in Millrace's own form."""
    while dialect in context:
        dialect += "_"
    return {**context, dialect: dict(rest)} if rest else dict(context)


def with_absent(fields: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add those of `more` whose names are free; answer those whose names hold another value."""
    clashing = {
        name: value
        for name, value in more.items()
        if name in fields and (type(value) is not type(fields[name]) or value != fields[name])
    }
    fields.update({name: value for name, value in more.items() if name not in fields})
    return clashing
