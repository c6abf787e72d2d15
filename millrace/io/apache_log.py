"""Apache's combined log format, a line as a page_view event.

https://httpd.apache.org/docs/2.4/logs.html#combined
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# Servers cut long lines: the last quote may be missing, and what there is of the user agent is kept.
_LINE = re.compile(rf"(\S+) (\S+) (\S+) \[([^\]]+)\] {_QUOTED} ([0-9]{{3}}) ([0-9]+|-) {_QUOTED} {_QUOTED}?\s*")
_REQUEST = re.compile(r"(\S+) (.*?)(?: (HTTP/[0-9.]+))?")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_TIME = re.compile(r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9:]{8}) ([+-][0-9]{4})")


def read_line(line: str) -> dict[str, Any]:
    """The event of a line: its own time, the client's address as the user. Raises ValueError."""
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError("not a line in Apache's combined format")
    address, _, remote_user, time, request, status, size, referrer, user_agent = match.groups()
    properties: dict[str, Any] = {"status": int(status)}
    if size != "-":
        properties["bytes"] = int(size)
    if parts := _REQUEST.fullmatch(request):
        named = {"method": parts[1], "path": parts[2], "protocol": parts[3]}
    else:
        named = {"path": request}
    named |= {"referrer": referrer, "user_agent": user_agent, "remote_user": remote_user}
    properties |= {name: value for name, value in named.items() if value not in (None, "", "-")}
    return {"event_type": "page_view", "user_id": address, "timestamp": _iso(time), "properties": properties}


def _iso(time: str) -> str:
    match = _TIME.fullmatch(time)
    if not match or match[2] not in _MONTHS:
        raise ValueError("not a time as Apache writes it")
    text = f"{match[3]}-{_MONTHS.index(match[2]) + 1:02}-{match[1]}T{match[4]}{match[5]}"
    return datetime.fromisoformat(text).isoformat()
