"""A project and its settings: how much it may send, and what it lets nobody see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chalicelib.core import limits

if TYPE_CHECKING:
    from chalicelib.core.chunk import Sender
    from chalicelib.core.event import Event

IP_MODES = ("keep", "truncate", "drop")
CATALOGUE_MODES = ("off", "warn", "enforce")
#: What makes two events with an id of their client's the same one: all of the identity, or the id alone.
IDENTIFY_BY = ("all", "id")


@dataclass(frozen=True, slots=True)
class Project:
    """`quota`: events a minute; None: any number. `old_hours`: of how many different hours older than yesterday it may
    send events in a day; None: any number. `earliest`: the earliest time of an event, in the sortable form.
    `max_event_bytes`: what each of its events may take, if that is less than its dialect allows. `identify_by`: one of
    IDENTIFY_BY. `secret` keys the hashes of user ids and never changes.

    `catalogue`: the version of its event catalogue; `schemas`: that catalogue, read where it is applied.
    `version`: how often the settings were saved; `unknown`: settings of a newer release, which a save keeps.
    """

    name: str
    quota: int | None = None
    old_hours: int | None = limits.OLD_HOURS_A_DAY
    earliest: str | None = None
    identify_by: str = "all"
    max_event_bytes: int | None = None
    ip: str = "keep"
    dropped: frozenset[str] = frozenset()
    drops_emails: bool = False
    hashes_users: bool = False
    catalogue_mode: str = "off"
    catalogue: str | None = None
    secret: str = field(default="", repr=False)
    schemas: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = field(default=0, compare=False)
    unknown: Mapping[str, object] = field(default_factory=dict, repr=False)

    def max_bytes(self, allowed: int) -> int:
        """What an event may take, of which its dialect allows so many bytes."""
        return allowed if self.max_event_bytes is None else min(allowed, self.max_event_bytes)

    @property
    def is_private(self) -> bool:
        return self.ip != "keep" or self.drops_emails or bool(self.dropped) or self.hashes_users

    @property
    def content_secret(self) -> str | None:
        """Keys the ids made from an event's content, lest they betray what the project hides."""
        return self.secret if self.is_private else None

    def user_as_stored(self, user: str) -> str:
        """The id under which a user's events are kept; an id that is hashed already stays as it is."""
        if not self.is_private:
            return user
        from chalicelib.core import privacy

        return privacy.user_as_stored(user, self)

    def hide_sender(self, sender: Sender, users: Iterable[str] = ()) -> Sender:
        """The sender as this project wants it kept. `users`: those of the events that share it."""
        if not self.is_private:
            return replace(sender, source_ip=sender.source_ip or None)
        from chalicelib.core import privacy

        return privacy.hide_sender(sender, self, users)

    def hide(self, event: Event) -> Event:
        """The event as this project wants it kept."""
        if not self.is_private:
            return event
        from chalicelib.core import privacy

        return privacy.hide_event(event, self)

    def hide_text(self, text: str) -> str:
        """The text without the addresses that this project hides."""
        if not self.is_private:
            return text
        from chalicelib.core import privacy

        return privacy.hide_text(text, self)
