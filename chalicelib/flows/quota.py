"""Quotas: how many events a minute a project may send, counted together by all containers.

A container takes events from the project's counter of the minute in lots: at first what a POST needs, then
in addition a quarter of what it has used this minute, but no more than a fiftieth of the quota. So of what
was taken at most a fifth lies unused in containers, a write a POST is the most it costs, and a busy container
writes some tens of times a minute. The POST that crosses the line is still taken: over the quota go at most
the events of one POST (2,500) and that fiftieth.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.project import Project
from chalicelib.core.windows import MINUTE
from chalicelib.errors import Problem, StoreFailed

_log = logging.getLogger(__name__)

_SHARE_OF_USED, _SHARE_OF_QUOTA = 4, 50
_REMEMBERED_PROJECTS = 1000


@dataclass
class _Minute:
    """A project's current minute in this container."""

    name: str
    used: int = 0
    left: int = 0
    is_spent: bool = False


class Quota:
    def __init__(self, counter: ports.QuotaCounter, meter: ports.Meter) -> None:
        self._counter = counter
        self._meter = meter
        self._minutes: dict[str, _Minute] = {}
        self._lock = threading.Lock()

    def admit(self, project: Project, events: int, now: datetime) -> None:
        """Let events pass, or raise TooManyRequests. A counter that fails stops nobody."""
        if project.quota is None:
            return
        with self._lock:
            if not self._take(project, project.quota, events, now):
                self._meter.add("over_quota", events, at=now)
                raise Problem(
                    "quota_exceeded",
                    f"The project sends more than its {project.quota} events a minute. Send the same again later.",
                    retry_after=60 - now.second,
                )

    def _take(self, project: Project, quota: int, events: int, now: datetime) -> bool:
        minute = self._minute(project.name, MINUTE.name_of(timestamps.sortable(now)))
        if minute.is_spent:
            return False
        if minute.left < events:
            spare = min(minute.used // _SHARE_OF_USED, quota // _SHARE_OF_QUOTA)
            lot = events - minute.left + spare
            try:
                minute.is_spent = not self._counter.take(project.name, minute.name, lot, quota=quota)
            except StoreFailed as error:
                _log.warning("a quota could not be checked: %s", error)
                return True
            if minute.is_spent:
                return False
            minute.left += lot
        minute.left -= events
        minute.used += events
        return True

    def _minute(self, project: str, name: str) -> _Minute:
        minute = self._minutes.get(project)
        if minute is None or minute.name != name:
            if len(self._minutes) >= _REMEMBERED_PROJECTS:
                self._minutes.clear()
            minute = self._minutes[project] = _Minute(name)
        return minute
