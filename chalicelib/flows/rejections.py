"""Stores rejected events for some days. It has a small budget, and a failure to store them never fails a POST."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.project import Project
from chalicelib.errors import StoreFailed

_log = logging.getLogger(__name__)

_REMEMBERED_PROJECTS = 1000


@dataclass
class _Minute:
    name: str
    kept: int = 0


class Rejections:
    """Stores up to `posts_a_minute` POSTs of each project. 0: stores all POSTs, and all events of each.

    `log`: makes the rejection log. It is called only when there is something to store.
    """

    def __init__(
        self,
        log: Callable[[], ports.RejectionLog],
        *,
        posts_a_minute: int,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._log = log
        self._posts_a_minute = posts_a_minute
        self._randomness = randomness
        self._minutes: dict[str, _Minute] = {}
        self._uncounted: dict[str, int] = {}

    def keep(self, project: Project, found: Sequence[tuple[Any, dict[str, Any]]], now: datetime) -> None:
        """Store raw events with their verdicts, unless this minute's budget is used up. Never raises.

        Events that are not stored are counted. The next stored POST reports their number.
        """
        if not found:
            return
        from chalicelib.core import rejection  # most cold starts reject nothing

        if not self._posts_a_minute:
            for first in range(0, len(found), rejection.MAX_KEPT_EVENTS):
                self._write(project, found[first : first + rejection.MAX_KEPT_EVENTS], 0, now)
            return
        uncounted = self._uncounted.pop(project.name, 0) + max(0, len(found) - rejection.MAX_KEPT_EVENTS)
        kept = found[: rejection.MAX_KEPT_EVENTS]
        if self._is_full(project.name, f"{now:%H:%M}") or not self._write(project, kept, uncounted, now):
            self._uncounted[project.name] = uncounted + len(kept)

    def _write(
        self, project: Project, found: Sequence[tuple[Any, dict[str, Any]]], uncounted: int, now: datetime
    ) -> bool:
        """Store the events. Return whether the log has confirmed it."""
        from chalicelib.core import rejection

        rows = [rejection.make_row(raw, verdict, project) for raw, verdict in found]
        name = f"{timestamps.sortable(now)}#{self._randomness(8).hex()}"
        try:
            self._log().keep(rejection.RejectedPost(project.name, name, tuple(rows), uncounted))
        except StoreFailed as error:
            _log.warning("rejected events could not be stored: %s", error)
            return False
        return True

    def _is_full(self, project: str, name: str) -> bool:
        minute = self._minutes.get(project)
        if minute is None or minute.name != name:
            if len(self._minutes) >= _REMEMBERED_PROJECTS:
                self._minutes.clear()
                self._uncounted.clear()
            minute = self._minutes[project] = _Minute(name)
        minute.kept += 1
        return minute.kept > self._posts_a_minute
