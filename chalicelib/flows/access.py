"""Finds the project of a request by the key of the request. Keys and projects are cached for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from chalicelib import ports
from chalicelib.core import access_key
from chalicelib.core.access_key import AccessKey
from chalicelib.core.limits import REMEMBERED_SECONDS
from chalicelib.core.project import Project
from chalicelib.errors import Problem

DEFAULT_PROJECT = "default"

_REMEMBERED = 1000
# Each lookup of an unknown key costs a read. These limits bound such reads in one container.
_STRANGERS_A_SECOND, _STRANGERS_AT_ONCE = 10, 50
# A body may name several keys. Only this many are looked up, since a project needs two while it replaces a key.
_KEYS_IN_A_BODY = 3


class Access:
    """The keys and projects of a stage. `is_open`: requests without a key belong to the project `default`."""

    def __init__(
        self, projects: ports.ProjectStore, *, is_open: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._projects = projects
        self._is_open = is_open
        self._clock = clock
        self._known_keys = _Memory(clock, REMEMBERED_SECONDS)
        self._unknown_keys = _Memory(clock, REMEMBERED_SECONDS)  # apart, so that a flood of them evicts no valid key
        self._known_projects = _Memory(clock, REMEMBERED_SECONDS)
        self._catalogues = _Memory(clock, float("inf"))  # a version never changes
        self._strangers = _Allowance(clock, _STRANGERS_A_SECOND, _STRANGERS_AT_ONCE)

    def project_for(self, key: str | None, *kinds: str, now: datetime) -> Project:
        """Return the project of a key. The key must be of one of `kinds`. Raises Problem.

        On an open stage, a text that cannot be a key counts as no key: client libraries always send something.
        """
        key_id = access_key.id_in(key) if key else None
        if key_id is None and self._is_open:
            return self.project(DEFAULT_PROJECT)
        if not key:
            raise Problem("no_key")
        found = self._key(key_id) if key_id else None
        if found is None or not found.admits(key, now):
            raise Problem("bad_key")
        if found.kind not in kinds:
            raise Problem("forbidden", f"This is a {found.kind} key. A {kinds[0]} key is needed here.")
        return self.project(found.project)

    def keys_of_others(self, named: Iterable[str], project: Project, *, now: datetime) -> set[str]:
        """Return the keys in a body that do not belong to the project. Raises Problem.

        Only the first keys are looked up, since each may cost a read. The rest are returned unchecked.
        """
        keys = [key for key in named if access_key.id_in(key)]
        looked_up, others = keys[:_KEYS_IN_A_BODY], keys[_KEYS_IN_A_BODY:]
        return {*others, *(key for key in looked_up if not self._admits(key, project, now))}

    def _admits(self, key: str, project: Project, now: datetime) -> bool:
        try:
            return self.project_for(key, "write", now=now).name == project.name
        except Problem as problem:
            if problem.code == "too_many_unknown_keys":
                raise  # a 429 makes the client retry; a rejection would lose events whose key may be valid
            return False

    def let_in(self, candidates: Iterable[str], *kinds: str, now: datetime) -> None:
        """Let a request in if the stage is open, or if a key among the first candidates has one of `kinds`.

        Otherwise, raise Problem. This decides only whether the body is read. Later, the key in its proper place names
        the project.
        """
        if self._is_open:
            return
        refusals = []
        for candidate in islice(candidates, _KEYS_IN_A_BODY):
            try:
                self.project_for(candidate, *kinds, now=now)
            except Problem as problem:
                refusals.append(problem)
            else:
                return
        # Of several refusals, raise the highest status: a client retries after 429, and drops its events after 401.
        raise max(refusals or [Problem("no_key")], key=lambda each: each.status)

    def project(self, name: str) -> Project:
        """Return a project with its settings, and with its catalogue unless the catalogue is switched off."""
        project: Project = self._known_projects.get(name, lambda: self._projects.get(name) or Project(name))
        if project.catalogue is None or project.catalogue_mode == "off":
            return project
        version = (name, project.catalogue)
        return replace(project, schemas=self._catalogues.get(version, lambda: self._projects.schemas(*version)))

    def _key(self, key_id: str) -> AccessKey | None:
        """Return the record of a key, or None for an unknown key. Raises Problem above the rate limit."""
        if self._unknown_keys.get(key_id) is not None:
            return None
        known: AccessKey | None = self._known_keys.get(key_id)
        if known is None:
            # A key that was valid before is exempt from the limit, so that a flood of unknown keys cannot block it.
            is_new = not self._known_keys.holds(key_id)
            if is_new and not self._strangers.take():
                raise Problem("too_many_unknown_keys", retry_after=1)
            asked = self._clock()
            known = self._projects.key(key_id)
            if known and is_new:
                self._strangers.give_back()
            (self._known_keys if known else self._unknown_keys).put(key_id, known or True, asked)
        return known


class _Memory:
    """A cache: values by name, each for some seconds. A full cache drops its oldest entry."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._entries: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, name: Hashable, read: Callable[[], Any] | None = None) -> Any:
        """Return the cached value. If it is missing or expired, return the result of `read`, or None without `read`."""
        asked = self._clock()
        entry = self._entries.get(name)
        if entry is not None and asked - entry[0] < self._seconds:
            return entry[1]
        if read is None:
            return None
        value = read()
        # The age begins before the read. Otherwise, a change during the read would stay hidden for too long.
        self.put(name, value, asked)
        return value

    def holds(self, name: Hashable) -> bool:
        """Return whether there is a value, expired or not."""
        return name in self._entries

    def put(self, name: Hashable, value: Any, asked: float) -> None:
        with self._lock:
            self._entries.pop(name, None)
            self._entries[name] = (asked, value)
            if len(self._entries) > _REMEMBERED:
                del self._entries[next(iter(self._entries))]


class _Allowance:
    """A rate limit (token bucket): `a_second` on average, `at_once` in a burst."""

    def __init__(self, clock: Callable[[], float], a_second: float, at_once: float) -> None:
        self._clock, self._a_second, self._at_once = clock, a_second, at_once
        self._left, self._seen = at_once, clock()

    def take(self) -> bool:
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._seen) * self._a_second)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        self._left = min(self._at_once, self._left + 1)
