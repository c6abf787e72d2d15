"""Reads lines of access logs of Apache and nginx as page_view events.

Supports the common and the combined format, A line may begin with a virtual host and end with more fields:
https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Any

_ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_TIME = re.compile(r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9:]{8}(?:\.[0-9]{1,6})?) ([+-][0-9]{4})")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Apache writes a user's name unescaped, spaces included. It ends before the first timestamp in brackets.
_LINE = re.compile(
    r"""(?P<who>.*?)[ ]\[(?P<time>[^\[\]"]{20,40})\][ ]"(?P<request>(?:[^"\\]|\\.)*)"
    [ ](?P<status>[0-9]{3}|-)[ ](?P<bytes>[0-9]+|-)(?P<rest>(?:[ ].*)?)""",
    re.VERBOSE | re.DOTALL,
)
# Instead of the address, a log may have a proxy's header with several addresses, separated by commas.
_WHO = re.compile(r"((?:\S+, )*\S+) (\S+) (.+)", re.DOTALL)
# Servers cut long lines. Then the last quote is missing, and the text before the cut is used.
_QUOTED = re.compile(r' "((?:[^"\\]|\\.)*)(?:"(?= |$)|$)')
_REQUEST = re.compile(r"(\S+) (.*?)(?: (HTTP/[0-9.]+))?")
_PORT = re.compile(r"\[(.+)\](?::[0-9]{1,5})?|([^:]+):[0-9]{1,5}")
_ZONE = re.compile(r"%[A-Za-z0-9._-]+$")
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?!.*(?:^|\.)[0-9]+\.?$){_LABEL}(?:\.{_LABEL})*\.?")
_MAX_HOST_LENGTH = 253
_NOTHING = (None, "", "-", '""')
_OTHER = "not a line of an access log"


def read_line(line: str) -> dict[str, Any]:
    """Return the event of a line. It has the line's time, and the client's address as the user. Raises ValueError."""
    match = _LINE.fullmatch(line.rstrip())
    if not match:
        raise ValueError(_OTHER)
    user, named = _who(match["who"])
    named |= {name: int(match[name]) for name in ("status", "bytes") if match[name] != "-"}
    named |= _request(match["request"]) | _rest(match["rest"])
    properties = {name: value for name, value in named.items() if value not in _NOTHING}
    return {"event_type": "page_view", "user_id": user, "timestamp": _iso(match["time"]), "properties": properties}


def _who(text: str) -> tuple[str, dict[str, Any]]:
    """Return the client's address, and the other fields before a line's time."""
    virtual_host, _, rest = text.partition(" ")
    if not _is_virtual_host(virtual_host, rest):
        virtual_host, rest = "", text
    match = _WHO.fullmatch(rest)
    if not match:
        raise ValueError(_OTHER)
    clients, ident, remote_user = match.groups()
    named = {"virtual_host": virtual_host, "ident": ident, "remote_user": remote_user}
    return _client(clients), named | ({"forwarded_for": clients} if ", " in clients else {})


def _is_virtual_host(word: str, rest: str) -> bool:
    """Return whether the first word is a virtual host, as in `www.example.com 192.0.2.1 - ann`.

    In `192.0.2.1 - Ann Smith` and in `192.0.2.1, 192.0.2.2 - ann`, the first word is an address.
    """
    following = rest.partition(" ")[0].rstrip(",")
    if not _WHO.fullmatch(rest) or not (word == "-" or _host(word)):
        return False
    return bool(_address(following) or (_PORT.fullmatch(word) and _host(following)))


def _client(clients: str) -> str:
    """Return the first address, or a host. A proxy writes "unknown" for addresses that it hides. Raises ValueError."""
    named = clients.split(", ")
    found = next(filter(None, map(_address, named)), None) or _host(named[0])
    if not found or found == "unknown":
        raise ValueError(f"{clients[:60]!r} is neither an address nor the name of a host")
    return found


def _host(text: str) -> str | None:
    """Return the address or host name without the port that some servers append, or None."""
    address = _address(text)
    if not address and (port := _PORT.fullmatch(text)):
        text = port[2] or ""
    return address or (text if len(text) <= _MAX_HOST_LENGTH and _HOST.fullmatch(text) else None)


def _address(text: str) -> str | None:
    port = _PORT.fullmatch(text)
    address = port[1] or port[2] if port else text
    without_zone = _ZONE.sub("", address)
    try:
        ipaddress.ip_address(without_zone)
    except ValueError:
        return None
    return None if "%" in without_zone else address


def _request(request: str) -> dict[str, str | None]:
    parts = _REQUEST.fullmatch(request)
    return {"method": parts[1], "path": parts[2], "protocol": parts[3]} if parts else {"path": request}


def _rest(after: str) -> dict[str, str]:
    """Return the fields after the size: referrer and user agent, which are quoted, and the rest of the line.

    The format in nginx's packages adds the addresses of X-Forwarded-For, also quoted.
    """
    named, position = {}, 0
    for name in ("referrer", "user_agent"):
        if quoted := _QUOTED.match(after, position):
            named[name], position = quoted[1], quoted.end()
    forwarded = _QUOTED.match(after, position)
    if forwarded and any(map(_address, forwarded[1].split(", "))):
        named["forwarded_for"], position = forwarded[1], forwarded.end()
    more = after[position:].strip()
    return named | {"more": "" if more == '"-"' else more}


def _iso(time: str) -> str:
    if _ISO_TIME.fullmatch(time):
        return datetime.fromisoformat(time).isoformat()
    match = _TIME.fullmatch(time)
    if not match or match[2] not in _MONTHS:
        raise ValueError("not a time as Apache or nginx writes it")
    text = f"{match[3]}-{_MONTHS.index(match[2]) + 1:02}-{match[1]}T{match[4]}{match[5]}"
    return datetime.fromisoformat(text).isoformat()
