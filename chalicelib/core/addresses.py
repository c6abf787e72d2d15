"""IP addresses and mail addresses in texts, as people and programs write them."""

from __future__ import annotations

import re
import socket  # the parser of ipaddress takes ten times as long, and a POST may hold half a million addresses
from urllib.parse import unquote

HIDDEN_IP = "(ip)"
HIDDEN_EMAIL = "(email)"

_OCTET = "[0-9]{1,3}"
_COLON = "(?::|%3[Aa])"
# IPv6 first, since it may end with an IPv4 address. Numbers with more parts than an address are not one.
_IP = re.compile(
    rf"(?<![0-9A-Za-z:])(?P<v6>(?:[0-9A-Fa-f]{{0,4}}{_COLON}){{2,7}}"
    rf"(?:{_OCTET}(?:\.{_OCTET}){{3}}|[0-9A-Fa-f]{{1,4}})?)(?P<zone>%(?!3[Aa])\w{{1,30}})?(?![0-9A-Za-z:])"
    rf"|(?<![0-9])(?<![0-9]\.)(?P<v4>{_OCTET}(?:\.{_OCTET}){{3}})(?![0-9])(?!\.[0-9])(?P<domain>\.[A-Za-z])?"
    # The name that a network gives a machine: ip-203-0-113-9.example.net.
    rf"|(?<![0-9])(?P<name>{_OCTET}(?:-{_OCTET}){{3}})(?=[\w-]{{0,60}}\.[A-Za-z])"
)
# A mail address from its "@" on. A picture for dense screens, icon@2x.png, is none.
_AT_DOMAIN = re.compile(r"(?:[@\uFF20]|%40|%2540)(?![0-9]x\.)[^\s@<>()\[\]\"',;:/?=&#\\|%]{1,190}\.[^\W\d_]{2,}")
_NOT_IN_LOCAL_PART = frozenset(" \t\r\n@<>()[]\"',;:/?=&#\\|")
_MAX_LOCAL_PART = 64


def truncate_ip(address: str) -> str | None:
    """The first 24 bits of an IPv4 address, the first 48 of an IPv6 address; None if it is neither."""
    family, kept, size = (socket.AF_INET6, 6, 16) if ":" in address else (socket.AF_INET, 3, 4)
    try:
        parsed = socket.inet_pton(family, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    return socket.inet_ntop(family, parsed[:kept].ljust(size, b"\0"))


def hide_ips(text: str, *, truncate: bool) -> str:
    """The text without the IP addresses in it, or with truncated ones."""
    return _IP.sub(_truncated if truncate else _dropped, text)


def hide_emails(text: str) -> str:
    """The text without the mail addresses in it."""
    shown, position = [], 0
    for found in _AT_DOMAIN.finditer(text):
        start = found.start()
        earliest = max(position, start - _MAX_LOCAL_PART)
        while start > earliest and text[start - 1] not in _NOT_IN_LOCAL_PART:
            start -= 1
        if start < found.start():
            shown += [text[position:start], HIDDEN_EMAIL]
            position = found.end()
    return "".join([*shown, text[position:]])


def _dropped(found: re.Match[str]) -> str:
    return found[0] if _truncate(found) is None else HIDDEN_IP + (found["domain"] or "")


def _truncated(found: re.Match[str]) -> str:
    # The parts of an address in a name may stand in any order, so that none of them may stay.
    if found["name"] or found["domain"]:
        return _dropped(found)
    return _truncate(found) or found[0]


def _truncate(found: re.Match[str]) -> str | None:
    """The truncated address; None if it is no address, or none of a machine."""
    if found["v6"]:
        address = unquote(found["v6"])
        return truncate_ip(address) if address != "::" else None
    parts = [part.lstrip("0") or "0" for part in re.split("[.-]", found["v4"] or found["name"])]
    # Browsers name their version 140.0.0.0.
    return None if parts[1:] == ["0"] * 3 else truncate_ip(".".join(parts))
