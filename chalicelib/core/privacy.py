"""Hides the values that a project wants hidden: addresses, named properties and ids of people, in any spelling.

It is not part of project.py, so that it is imported only for projects that hide something.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from chalicelib.core import limits
from chalicelib.core.addresses import hide_emails, hide_ips, truncate_ip
from chalicelib.core.chunk import Sender
from chalicelib.core.event import FIELDS, PEOPLE_ANYWHERE, PERSON_FIELDS, Event
from chalicelib.core.nfc import nfc
from chalicelib.core.project import Project

# The names of a person's id and of an IP address, in lower case and with "_" between words. Any prefix is allowed.
_USER_NAME = re.compile(r"(.+_)?(user|anonymous|distinct|device|previous)_?id|alias")
_IP_NAME = re.compile(
    r"(.+_)?(ips?|ip_?v[46]|ip_?(v[46]_?)?addr(ess(es)?)?|ip_?(number|int|long)|(remote|peer)_?addr(ess)?)"
)
# The source of a CloudEvent names a person if it begins like this.
_PERSONAL_URI = re.compile(r"(mailto|tel|sips?|acct|xmpp|im):", re.IGNORECASE)
# name=value in a URL, a form or a cookie.
_PARAMETER = re.compile(r"(?:^|(?<=[?&;#\s]))([^=&#?;\s]{1,200})=([^&#;\s]+)")
_PARTS_OF_A_NAME = re.compile(r"[^\[\].]+")
# Longer names are never names of a person or an address.
_MAX_NAME = 100
# A longer text is searched for at most this many ids of people. A text that is itself an id is compared with all ids.
_MAX_COPIES = 10
# The depth of URLs inside the query of another URL.
_MAX_NESTED = 4
# Shorter ids, such as "1", occur too often as other values.
_TELLING_LENGTH = 6
_HASHED = re.compile(r"u_[0-9a-f]{32}")
_GONE = object()

# The fields that do not name a person: required objects, whose values may be hidden, and optional fields.
_OBJECTS = tuple(row.attribute for row in FIELDS if row.kind == "object" and not row.is_optional)
_OTHERS = tuple((row.attribute, row.max_length) for row in FIELDS if row.is_optional and not row.is_person)


def user_as_stored(user: str, project: Project) -> str:
    """Return the id under which a user's events are stored. An id that is already hashed stays as it is."""
    return user if _HASHED.fullmatch(user) else _Hiding(project).stored_id(user)


def hide_sender(sender: Sender, project: Project, users: Iterable[str]) -> Sender:
    """Return the sender as the project stores it. `users`: the users of the events that share the sender."""
    hiding = _Hiding(project)
    return replace(
        sender,
        source_ip=hiding.hide_ip(sender.source_ip) if sender.source_ip else None,
        user_agent=sender.user_agent and hiding.hide_text(sender.user_agent)[: limits.MAX_SENDER_LENGTH],
        shared=_hide_shared({**sender.shared}, project, users) if sender.shared else {},
    )


def _hide_shared(shared: dict[str, Any], project: Project, users: Iterable[str]) -> Any:
    """Return the shared fields without hidden values and without the ids of the events' users."""
    text = _folded(json.dumps(shared, ensure_ascii=False)) if project.hashes_users else ""
    present = [user for user in users if _folded(user) in text]
    return _Hiding.of(project, {"user_id": present, "context": shared}).hide(shared)


def hide_event(event: Event, project: Project) -> Event:
    """Return the event as the project stores it. Placeholders and hashes may make it larger; texts are cut."""
    people = {name: user for name in PERSON_FIELDS if (user := getattr(event, name)) is not None}
    objects = {name: getattr(event, name) for name in _OBJECTS}
    hiding = _Hiding.of(project, people | objects)
    changes: dict[str, Any] = {name: hiding.hide(value) for name, value in objects.items()}
    for name, max_length in _OTHERS:
        value = hiding.hide({name: getattr(event, name)}).get(name)
        changes[name] = value[:max_length] if isinstance(value, str) and max_length else value
    changes |= {name: hiding.stored_id(user) for name, user in people.items()}
    changes["event_id"] = hiding.hide_event_id(event.event_id)
    changes["event_type"] = hiding.hide_text(event.event_type)[: limits.MAX_TYPE_LENGTH]
    return replace(event, **changes)


def hide_document(document: dict[str, Any], project: Project) -> dict[str, Any]:
    """Return a raw event, in any dialect, as the project stores it."""
    hidden: dict[str, Any] = _Hiding.of(project, document).hide(document, is_cloudevent=_may_be_cloudevent(document))
    return hidden


def hide_text(text: str, project: Project, said_of: dict[str, Any] | None = None) -> str:
    """Return a text as the project stores it. `said_of`: the raw event whose people the text may name."""
    return (_Hiding(project) if said_of is None else _Hiding.of(project, said_of)).hide_text(text)


@dataclass(frozen=True, slots=True)
class _Hiding:
    """The values that a project hides in one event.

    `people`: the ids of people in the event, as `_folded` returns them.
    `spellings`: how these ids may be written in a text, by the form that `_folded` returns. Short ids are left out.
    """

    project: Project
    people: frozenset[str] = frozenset()
    spellings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project, document: dict[str, Any]) -> _Hiding:
        if not project.hashes_users:
            return cls(project)
        people = list(dict.fromkeys(_people_in(document, is_cloudevent=_may_be_cloudevent(document))))
        return cls(project, frozenset(map(_folded, people)), _spellings(people))

    def hide(self, value: Any, name: str = "", *, is_cloudevent: bool = False) -> Any:
        """Return a copy of a named value without hidden values, or _GONE. The entries of a list share its name."""
        if isinstance(value, list):
            entries = (self.hide(each, name, is_cloudevent=is_cloudevent) for each in value)
            return _GONE if self._drops(name) else [each for each in entries if each is not _GONE]
        if isinstance(value, dict) and not self._drops(name) and not self._is_ip(name):
            inherited = name if _is_person(name) else None
            inside = "specversion" in value or (is_cloudevent and not name)
            return self._hide_fields(value, inherited, is_cloudevent=inside)
        return self._hide_leaf(value, name, is_cloudevent=is_cloudevent)

    def _hide_fields(self, fields: dict[str, Any], inherited: str | None, *, is_cloudevent: bool) -> dict[str, Any]:
        """Hide the values of an object. `inherited`: a name that replaces the name of each value."""
        hidden: dict[str, Any] = {}
        for key, child in fields.items():
            value = self.hide(child, inherited or key, is_cloudevent=is_cloudevent)
            if value is not _GONE and not self._drops(key):
                shown = self.hide_text(key)
                while shown in hidden:
                    shown += "_"
                hidden[shown] = value
        return hidden

    def _hide_leaf(self, value: Any, name: str, *, is_cloudevent: bool, nested: int = 0) -> Any:
        if self._drops(name):
            return _GONE
        if self._is_ip(name):
            return (self.hide_ip(value) if isinstance(value, str) else None) or _GONE
        if _is_person(name) or (is_cloudevent and self._names_person(name, value)):
            person = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
            stored = self.stored_id(person, nested) if person else ""
            return value if stored == person else stored
        return self.hide_text(value, nested) if isinstance(value, str) else self._hide_number(value)

    def _drops(self, name: str) -> bool:
        return bool(self.project.dropped) and _composed(name) in _all_composed(self.project.dropped)

    def _is_ip(self, name: str) -> bool:
        return self.project.ip != "keep" and bool(_IP_NAME.fullmatch(_in_words(name)))

    def _names_person(self, name: str, value: Any) -> bool:
        """Return whether this attribute of a CloudEvent names a person, if the project hashes user ids."""
        if not self.project.hashes_users or not isinstance(value, str):
            return False
        return name == "subject" or (name == "source" and _is_source_person(value, self.people))

    def _hide_number(self, value: Any) -> Any:
        if not self.people or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
        return self._hash(text) if len(text) >= _TELLING_LENGTH and text in self.people else value

    def hide_text(self, text: str, nested: int = 0) -> str:
        """Return a text without hidden values. Parameters, and the URLs in them, are searched too."""
        if "=" in text and nested < _MAX_NESTED:
            text = _PARAMETER.sub(lambda found: self._hide_parameter(found, nested + 1), text)
        if self.spellings:
            text = self._hide_copies(text)
        if self.project.ip != "keep":
            text = hide_ips(text, truncate=self.project.ip == "truncate")
        return hide_emails(text) if self.project.drops_emails else text

    def _hide_copies(self, text: str) -> str:
        """Return a text in which each copy of a person's id is hashed, if it is a word of its own."""
        folded = _folded(text)
        if folded in self.spellings or (len(text) >= _TELLING_LENGTH and folded in self.people):
            return self._hash(text)
        found = sorted((each for form, each in self.spellings.items() if form in folded), key=len, reverse=True)
        if not found:
            return text
        # A copy inside a longer word does not count.
        copy = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, found))})(?!\w)", re.IGNORECASE)
        composed = _composed(text)
        hashed = copy.sub(lambda match: self._hash(match[0]), composed)
        return text if hashed == composed else hashed

    def _hide_parameter(self, found: re.Match[str], nested: int) -> str:
        name, value = unquote(found[1]), unquote(found[2])
        parts = _PARTS_OF_A_NAME.findall(name) or [name]  # user[email], or user.email
        if any(map(self._drops, parts)):
            return f"{found[1]}="
        hidden = self._hide_leaf(value, parts[-1], is_cloudevent=False, nested=nested)
        if hidden is _GONE:
            return f"{found[1]}="
        return found[0] if hidden == value else f"{found[1]}={quote(hidden, safe='():/?=&#')}"

    def hide_ip(self, address: str) -> str | None:
        """Return the stored form of an address, or None if it is not stored."""
        if self.project.ip == "keep":
            return address
        return truncate_ip(address) if self.project.ip == "truncate" else None

    def stored_id(self, person: str, nested: int = 0) -> str:
        """Return the stored id of a person: hashed if the project hashes ids, or if it contains hidden values."""
        if self.project.hashes_users or self.hide_text(person, nested) != person:
            return self._hash(person)
        return person

    def hide_event_id(self, event_id: str) -> str:
        """Return an event_id, hashed if it contains hidden values."""
        # A CloudEvent's id begins with its source, which may name the person.
        source = unquote(event_id.rpartition(" ")[0])
        if self.hide_text(event_id) == event_id and _folded(source) not in self.people:
            return event_id
        return "e" + self._hash(event_id)[1:]

    def _hash(self, person: str) -> str:
        hash_of = _remembered_hash if len(person) <= limits.MAX_USER_LENGTH else _hash_of
        return hash_of(self.project.secret, person)


def _hash_of(secret: str, person: str) -> str:
    return "u_" + hmac.digest(secret.encode(), _composed(person).encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


# One event may repeat an id thousands of times.
_remembered_hash = lru_cache(maxsize=5_000)(_hash_of)


def _people_in(value: Any, name: str = "", *, is_cloudevent: bool = False) -> Iterator[str]:
    """Yield the ids of people in a document: the values of fields that are named like a person's id."""
    if isinstance(value, list):
        for each in value:
            yield from _people_in(each, name, is_cloudevent=is_cloudevent)
    elif isinstance(value, dict):
        inside = "specversion" in value or (is_cloudevent and not name)
        for key, child in value.items():
            yield from _people_in(child, name if _is_person(name) else key, is_cloudevent=inside)
    elif isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        in_cloudevent = name == "subject" or (name == "source" and _is_source_person(str(value), frozenset()))
        if _is_person(name) or (is_cloudevent and in_cloudevent):
            yield str(value)


def _spellings(people: list[str]) -> dict[str, str]:
    """Return how the first ids may be written in a text: plain, or encoded for URLs."""
    telling = [_composed(person) for person in people if len(person) >= _TELLING_LENGTH][:_MAX_COPIES]
    return {_folded(spelling): spelling for person in telling for spelling in (person, *_as_in_urls(person))}


def _as_in_urls(text: str) -> tuple[str, str]:
    whole = text.encode("utf-8", "surrogatepass")
    return quote(whole, safe=""), quote_plus(whole)


def _may_be_cloudevent(document: dict[str, Any]) -> bool:
    return "subject" in document and "event_type" not in document


def _is_source_person(source: str, people: frozenset[str]) -> bool:
    return bool(_PERSONAL_URI.match(source)) or _folded(source) in people


def _is_person(name: str) -> bool:
    return name in PEOPLE_ANYWHERE or bool(_USER_NAME.fullmatch(_in_words(name)))


@lru_cache(maxsize=4096)
def _in_words(name: str) -> str:
    """Return a name in lower case with "_" between its words: clientIp and Client-IP become client_ip."""
    if len(name) > _MAX_NAME:
        return ""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", snake).strip("_")


def _composed(text: str) -> str:
    return text if text.isascii() else nfc(text)


@lru_cache
def _all_composed(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_composed, names))


def _folded(text: str) -> str:
    return _composed(text).casefold()
