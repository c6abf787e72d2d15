"""Calls of other families on a path of a dialect: they are refused, where they would be stored with a wrong time."""

from __future__ import annotations

import re
from typing import NoReturn

from chalicelib.core.dialects import Incoming, posthog
from chalicelib.errors import Problem

_OPENPANELS_HEADER = "openpanel-client-id"
#: Each of Mixpanel's libraries names itself so. By hand, its calls have a time among the properties, in seconds or
#: milliseconds, and nothing of what PostHog's have.
_MIXPANELS = re.compile(rb'"mp_lib"\s*:')
_TIME = re.compile(rb'"time"\s*:\s*\d{9}')
_POSTHOGS = re.compile(rb'"(?:\$lib|api_key|uuid|timestamp|offset|sent_at|sentAt)"\s*:')


def is_one(incoming: Incoming) -> bool:
    """Whether a request to /track is Mixpanel's or OpenPanel's. Nothing is parsed."""
    if _OPENPANELS_HEADER in incoming.headers:
        return True
    body = posthog.searched(incoming.body)
    return bool(_MIXPANELS.search(body) or (_TIME.search(body) and not _POSTHOGS.search(body)))


def refuse(incoming: Incoming) -> NoReturn:
    """Raise Problem, with the field in which Mixpanel's libraries look for what is wrong."""
    family = "OpenPanel" if _OPENPANELS_HEADER in incoming.headers else "Mixpanel"
    message = f"Calls of {family}'s libraries are not taken. Send with a library that docs/clients.md names."
    raise Problem("library_not_taken", message, error=message)
