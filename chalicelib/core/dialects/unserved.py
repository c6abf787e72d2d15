"""Refuses the calls of unsupported libraries on a shared path: their events would be stored with a wrong time."""

from __future__ import annotations

import re
from typing import NoReturn

from chalicelib.core.dialects import Incoming, posthog
from chalicelib.errors import Problem

_OPENPANELS_HEADER = "openpanel-client-id"
#: Each of Mixpanel's libraries has this property. A call written by hand has a time among the properties, in seconds or
#: milliseconds, and none of the fields of PostHog's calls.
_MIXPANELS = re.compile(rb'"mp_lib"\s*:')
_TIME = re.compile(rb'"time"\s*:\s*\d{9}')
_POSTHOGS = re.compile(rb'"(?:\$lib|api_key|uuid|timestamp|offset|sent_at|sentAt)"\s*:')


def is_one(incoming: Incoming) -> bool:
    """Return whether a request to /track comes from Mixpanel's or OpenPanel's libraries. Nothing is parsed."""
    if _OPENPANELS_HEADER in incoming.headers:
        return True
    body = posthog.searched(incoming.body)
    return bool(_MIXPANELS.search(body) or (_TIME.search(body) and not _POSTHOGS.search(body)))


def refuse(incoming: Incoming) -> NoReturn:
    """Raise Problem. Mixpanel's libraries show its member `error`."""
    family = "OpenPanel" if _OPENPANELS_HEADER in incoming.headers else "Mixpanel"
    message = f"Calls of {family}'s libraries are not supported. Use a library that docs/clients.md lists."
    raise Problem("library_not_taken", message, error=message)
