"""Finds and hides IP addresses and mail addresses in texts, in the spellings of people and programs."""

from __future__ import annotations

import re
import socket  # the parser of ipaddress takes ten times as long, and a POST may hold half a million addresses
from urllib.parse import unquote

HIDDEN_IP = "(ip)"
HIDDEN_EMAIL = "(email)"

_OCTET = "[0-9]{1,3}"
_COLON = "(?::|%3[Aa])"
_IPV6 = re.compile(
    rf"(?<![0-9A-Za-z:])((?:[0-9A-Fa-f]{{0,4}}{_COLON}){{2,7}}"
    rf"(?:{_OCTET}(?:\.{_OCTET}){{3}}|[0-9A-Fa-f]{{1,4}})?)(?:%(?!3[Aa])\w{{1,30}})?(?![0-9A-Za-z:])"
)
# Numbers with more than four parts are not addresses. A name may follow: 9.113.0.203.in-addr.arpa.
_IPV4 = re.compile(rf"(?<![0-9])(?<![0-9]\.)({_OCTET}(?:\.{_OCTET}){{3}})(?![0-9])(?!\.[0-9])(\.[A-Za-z])?")
# A host name that contains the address: ip-203-0-113-9.example.net.
_NAME = re.compile(rf"(?<![0-9])({_OCTET}(?:-{_OCTET}){{3}})(?=[\w-]{{0,60}}\.[A-Za-z])")
# The part of a mail address from "@" on. It does not match names of pictures for dense screens, such as icon@2x.png.
_AT_DOMAIN = re.compile(r"(?:[@\uFF20]|%40|%2540)(?![0-9]x\.)[^\s@<>()\[\]\"',;:/?=&#\\|%]{1,190}\.[^\W\d_]{2,}")
_NOT_IN_LOCAL_PART = frozenset(" \t\r\n@<>()[]\"',;:/?=&#\\|")
_MAX_LOCAL_PART = 64


def truncate_ip(address: str) -> str | None:
    """Return the first 24 bits of an IPv4 address, or the first 48 of an IPv6 address; None for other texts."""
    family, kept, size = (socket.AF_INET6, 6, 16) if ":" in address else (socket.AF_INET, 3, 4)
    try:
        parsed = socket.inet_pton(family, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    return socket.inet_ntop(family, parsed[:kept].ljust(size, b"\0"))


def hide_ips(text: str, *, truncate: bool) -> str:
    """Return the text with each IP address truncated or replaced by a placeholder."""
    if text.count(":") + text.count("%3") > 1:  # counting is cheap, and most texts contain no address
        text = _IPV6.sub(lambda found: _hidden_v6(found, truncate=truncate), text)
    if text.count(".") > 2:
        text = _IPV4.sub(lambda found: _hidden_v4(found, truncate=truncate and not found[2]) + (found[2] or ""), text)
    if text.count("-") > 2 and "." in text:
        text = _NAME.sub(lambda found: _hidden_v4(found, truncate=False), text)
    return text


def _hidden_v6(found: re.Match[str], *, truncate: bool) -> str:
    address = unquote(found[1])
    truncated = truncate_ip(address) if address != "::" else None
    return found[0] if truncated is None else truncated if truncate else HIDDEN_IP


def _hidden_v4(found: re.Match[str], *, truncate: bool) -> str:
    """Return the replacement of an address. `truncate` is False in a name, which may list the parts in any order."""
    parts = [part.lstrip("0") or "0" for part in re.split("[.-]", found[1])]
    # A number such as 140.0.0.0 is the version of a browser.
    truncated = None if parts[1:] == ["0"] * 3 else truncate_ip(".".join(parts))
    return found[1] if truncated is None else truncated if truncate else HIDDEN_IP


def hide_emails(text: str) -> str:
    """Return the text with each mail address replaced by a placeholder."""
    if "." not in text or ("@" not in text and "%" not in text and "\uff20" not in text):
        return text
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
