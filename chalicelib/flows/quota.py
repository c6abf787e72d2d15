"""Quotas limit the events that a project may send. All containers share one counter of each project.

**Events of a minute.** A POST costs one for each event and one for each chunk beyond the first. It costs one more for
each hour older than yesterday, since such an hour gets a separate report.

- A container takes quota from the project's counter of the minute in larger amounts, called lots. A lot is the cost of
  the POST plus a spare. The spare is a quarter of the container's use in this minute, and at most a fiftieth of the
  quota.
- So at most a fifth of the quota that containers take stays unused. A POST costs at most one write, and a busy
  container writes some tens of times a minute.
- The POST that crosses the limit is still accepted. So a project exceeds its quota by at most the cost of one POST plus
  a fiftieth of the quota.

**Old hours of a day.** On one day, a project may send events of a limited number of different old hours. This limit
also holds for a project without a quota. A container asks only about hours that it has not seen today. The POST that
crosses the limit is still accepted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core import timestamps
from chalicelib.core.project import Project
from chalicelib.core.windows import DAY, MINUTE, Grain
from chalicelib.errors import Problem, StoreFailed

_log = logging.getLogger(__name__)

_SHARE_OF_USED, _SHARE_OF_QUOTA = 4, 50
_REMEMBERED_PROJECTS = 1000
# Clients would give up before tomorrow, and operators may raise the limit earlier.
_LONGEST_RETRY_AFTER = 3600


@dataclass
class _Window:
    """A project's current minute or day in this container.

    `hours`: the old hours that are counted today, as far as this container knows. `spent`: the limit, once it is
    reached.
    """

    name: str
    used: int = 0
    left: int = 0
    hours: set[str] = field(default_factory=set)
    spent: int | None = None


class Quota:
    def __init__(self, counter: ports.QuotaCounter, meter: ports.Meter) -> None:
        self._counter = counter
        self._meter = meter
        self._windows: dict[tuple[str, str], _Window] = {}
        self._lock = threading.Lock()

    def check(self, project: Project, events: int, now: datetime) -> None:
        """Raise Problem before any work is done if this minute's quota is known to be spent."""
        if project.quota is not None and self._window(MINUTE, project, now).spent == project.quota:
            self._refuse_minute(project, events, now)

    def admit(self, project: Project, events: int, chunk_hours: Collection[str], now: datetime) -> None:
        """Take the cost of a POST from the quotas, or raise Problem. If the counter cannot be read, the POST passes."""
        yesterday = DAY.name_of(timestamps.sortable(now - timedelta(days=1)))
        older = {hour for hour in chunk_hours if DAY.name_of(hour) < yesterday}
        cost = events + max(0, len(chunk_hours) - 1) + len(older)
        with self._lock:
            if project.quota is not None and not self._take(project, project.quota, cost, now):
                self._refuse_minute(project, events, now)
            if older and project.old_hours is not None and not self._take_hours(project, project.old_hours, older, now):
                self._refuse_day(project, events, now)

    def _take(self, project: Project, quota: int, cost: int, now: datetime) -> bool:
        """Take a cost from the container's share of this minute. Return False if the quota is spent."""
        minute = self._window(MINUTE, project, now)
        if minute.spent == quota:
            return False
        if minute.left < cost:
            spare = min(minute.used // _SHARE_OF_USED, quota // _SHARE_OF_QUOTA)
            lot = cost - minute.left + spare
            try:
                is_taken = self._counter.take(project.name, minute.name, lot, quota=quota)
            except StoreFailed as error:
                _log.warning("a quota could not be checked: %s", error)
                return True
            if not is_taken:
                minute.spent = quota
                return False
            minute.left += lot
        minute.left -= cost
        minute.used += cost
        return True

    def _take_hours(self, project: Project, limit: int, hours: set[str], now: datetime) -> bool:
        """Count old hours that were not counted yet today. Return False if the limit leaves no room for one of them."""
        day = self._window(DAY, project, now)
        fresh = hours - day.hours
        if fresh and day.spent != limit:
            try:
                known = self._counter.take_hours(project.name, day.name, fresh, limit=limit)
            except StoreFailed as error:
                _log.warning("the old hours of a day could not be checked: %s", error)
                return True
            day.hours |= known
            day.spent = None if fresh <= known else limit
        return hours <= day.hours

    def _window(self, grain: Grain, project: Project, now: datetime) -> _Window:
        name = grain.name_of(timestamps.sortable(now))
        window = self._windows.get((grain.name, project.name))
        if window is None or window.name != name:
            if len(self._windows) >= _REMEMBERED_PROJECTS:
                self._windows.clear()
            window = self._windows[grain.name, project.name] = _Window(name)
        return window

    def _refuse_minute(self, project: Project, events: int, now: datetime) -> None:
        self._meter.add("over_quota", events, at=now)
        raise Problem(
            "quota_exceeded",
            f"The project has used its quota of {project.quota} events a minute. A POST counts one more for each chunk "
            "beyond the first, and one more for each hour older than yesterday. Send the same again later.",
            retry_after=60 - now.second,
        )

    def _refuse_day(self, project: Project, events: int, now: datetime) -> None:
        self._meter.add("over_quota", events, at=now)
        midnight = DAY.floor(now) + timedelta(days=1)
        raise Problem(
            "quota_exceeded",
            f"Today the project has sent events of {project.old_hours} different hours older than yesterday, and may "
            "not send more. An operator can raise the limit (millrace projects set --old-hours). "
            "Send the same again later.",
            retry_after=min(_LONGEST_RETRY_AFTER, int((midnight - now).total_seconds()) + 1),
        )
