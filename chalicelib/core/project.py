"""A project and its settings: its limits, and the values that it hides."""

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
#: How two events are recognised as the same: by the whole identity, or by the client's event_id alone.
IDENTIFY_BY = ("all", "id")


@dataclass(frozen=True, slots=True)
class Project:
    """A project's settings.

    `quota`: events a minute; None for no limit. `old_hours`: the number of different old hours whose events the project
    may send in a day; None for no limit. `earliest`: the earliest time of an event, in the sortable form.
    `max_event_bytes`: the largest event, if that is below its dialect's limit. `identify_by`: one of IDENTIFY_BY.
    `secret`: the key of user id hashes; it never changes.

    `catalogue`: the version of its event catalogue. `schemas`: the schemas of that version, read where they are needed.
    `version`: the number of times that the settings were saved. `unknown`: settings of a newer release, which a save
    preserves.
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
        """Return the largest size of an event whose dialect allows `allowed` bytes."""
        return allowed if self.max_event_bytes is None else min(allowed, self.max_event_bytes)

    @property
    def is_private(self) -> bool:
        return self.ip != "keep" or self.drops_emails or bool(self.dropped) or self.hashes_users

    @property
    def content_secret(self) -> str | None:
        """The key of ids that are hashes of an event's content. Without it, such an id could reveal hidden values."""
        return self.secret if self.is_private else None

    def user_as_stored(self, user: str) -> str:
        """Return the id under which a user's events are stored. An id that is already hashed stays as it is."""
        if not self.is_private:
            return user
        from chalicelib.core import privacy

        return privacy.user_as_stored(user, self)

    def hide_sender(self, sender: Sender, users: Iterable[str] = ()) -> Sender:
        """Return the sender as this project stores it. `users`: the users of the events that share the sender."""
        if not self.is_private:
            return replace(sender, source_ip=sender.source_ip or None)
        from chalicelib.core import privacy

        return privacy.hide_sender(sender, self, users)

    def hide(self, event: Event) -> Event:
        """Return the event as this project stores it."""
        if not self.is_private:
            return event
        from chalicelib.core import privacy

        return privacy.hide_event(event, self)

    def hide_text(self, text: str) -> str:
        """Return the text without the addresses that this project hides."""
        if not self.is_private:
            return text
        from chalicelib.core import privacy

        return privacy.hide_text(text, self)
