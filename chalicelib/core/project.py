"""A project and its settings: how much it may send, and what it lets nobody see."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.core.chunk import Sender
from chalicelib.core.event import FIELDS, PEOPLE_ANYWHERE, PERSON_FIELDS, Event

IP_MODES = ("keep", "truncate", "drop")
CATALOGUE_MODES = ("off", "warn", "enforce")

# Where client libraries put addresses.
_IP_NAMES = {"ip", "$ip", "ip_address", "ipAddress"}
_TELLING_LENGTH = 6
_HASHED = re.compile(r"u_[0-9a-f]{32}")

# Of the fields that name nobody: those that every event has, whose values may be hidden, and those that may go.
_OBJECTS = tuple(row.attribute for row in FIELDS if row.kind == "object" and not row.is_optional)
_OTHERS = tuple(row.attribute for row in FIELDS if row.is_optional and not row.is_person)


@dataclass(frozen=True, slots=True)
class Project:
    """`quota`: events a minute; None: any number. `secret` keys the hashes of user ids and never changes.

    `catalogue`: the version of its event catalogue; `schemas`: that catalogue, read where it is applied.
    """

    name: str
    quota: int | None = None
    ip: str = "keep"
    dropped: frozenset[str] = frozenset()
    hashes_users: bool = False
    catalogue_mode: str = "off"
    catalogue: str | None = None
    secret: str = field(default="", repr=False)
    schemas: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_private(self) -> bool:
        return self.ip != "keep" or bool(self.dropped) or self.hashes_users

    @property
    def content_secret(self) -> str | None:
        """Keys the ids made from an event's content, lest they betray what the project hides."""
        return self.secret if self.is_private else None

    def user_as_stored(self, user: str) -> str:
        """The id under which a user's events are kept; an id that is hashed already stays as it is."""
        return user if not self.hashes_users or _HASHED.fullmatch(user) else self._hash(user)

    def hide_sender(self, sender: Sender) -> Sender:
        return replace(sender, source_ip=self._hide_ip(sender.source_ip) if sender.source_ip else None)

    def hide(self, event: Event) -> Event:
        """The event as this project wants it kept."""
        if not self.is_private:
            return event
        people = {name: user for name in PERSON_FIELDS if (user := getattr(event, name)) is not None}
        users = frozenset(people.values())
        changes: dict[str, Any] = {name: self.hide_values(getattr(event, name), users) for name in _OBJECTS}
        for name in _OTHERS:
            changes[name] = self.hide_values({name: getattr(event, name)}, users).get(name)
        if self.hashes_users:
            changes |= {name: self._hash(user) for name, user in people.items()}
        return replace(event, **changes)

    def hide_values(self, document: dict[str, Any], users: frozenset[str] = frozenset()) -> Any:
        """A document without what the project hides, however deep; `users`: ids to hash wherever they stand."""
        return (
            _walk(document, lambda name, value: self._hide_value(name, value, users)) if self.is_private else document
        )

    def _hide_value(self, name: str, value: Any, users: frozenset[str]) -> Any:
        if name in self.dropped:
            return _GONE
        if name in _IP_NAMES and isinstance(value, str):
            return self._hide_ip(value) or _GONE
        if self.hashes_users and ((name in PEOPLE_ANYWHERE and _is_id(value)) or _is_one_of(value, users)):
            return self._hash(str(value))
        return value

    def _hash(self, user: str) -> str:
        text = unicodedata.normalize("NFC", user).encode("utf-8", "surrogatepass")
        return "u_" + hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()[:32]

    def _hide_ip(self, address: str) -> str | None:
        if self.ip == "keep":
            return address
        return _truncate(address) if self.ip == "truncate" else None


_GONE = object()


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _is_one_of(value: Any, users: frozenset[str]) -> bool:
    # Shorter ids, as "1", stand for too much else.
    return isinstance(value, str) and len(value) >= _TELLING_LENGTH and value in users


def _walk(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """A copy with every named value changed; list entries have their list's name. Depth was checked at ingestion."""
    if isinstance(value, dict):
        changed = {key: change(key, child) for key, child in value.items()}
        return {key: _walk(child, change, key) for key, child in changed.items() if child is not _GONE}
    if isinstance(value, list):
        changed_entries = (change(name, child) for child in value)
        return [_walk(child, change, name) for child in changed_entries if child is not _GONE]
    return value


def _truncate(address: str) -> str | None:
    """Of an IPv4 address the first 24 bits, of an IPv6 address the first 48; None if it is neither."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{bits}", strict=False).network_address)
