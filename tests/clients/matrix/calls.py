"""The calls that each library makes: with values that are easily changed on their way."""

from __future__ import annotations

from typing import Any

PAST = "2020-01-02T03:04:05.678Z"
_DEEP: dict[str, Any] = {"level": 1}
for _level in range(2, 11):
    _DEEP = {"level": _level, "below": _DEEP}
_AWKWARD: dict[str, Any] = {
    "text": "Zoë 😀 \u0001 \u2028 <b>&amp;",
    "numbers": [0, -1.5, 1e21, 9007199254740991],
    "true": True,
    "false": False,
    "nothing": None,
    "empty": {"text": "", "list": [], "object": {}},
    "deep": _DEEP,
    "event": "a property named like a field",
    "userId": "bob",
    "timestamp": "yesterday",
    "messageId": "7",
    "": "no name",
}


def calls(run: str) -> list[dict[str, Any]]:
    """In the order in which they are made, each with its number and the run that it belongs to.

    What libraries without ids send would otherwise be the same events in every run.
    """
    made: list[dict[str, Any]] = [
        {"call": "track", "event": "Page Opened", "properties": {"label": "before identify"}},
        {"call": "identify", "properties": {"email": "ann@example.com", "plan": "big"}},
        {"call": "track", "event": "Order Completed", "properties": {"total": 12.5}, "time": PAST},
        {"call": "track", "event": "Awkward 😀", "properties": _AWKWARD},
        {"call": "track", "event": "Large", "properties": {"text": "x" * 24_000}},
        *({"call": "track", "event": "Same", "properties": {"label": "in a row"}} for _ in range(12)),
        {"call": "page", "name": "Home", "properties": {"url": "/"}},
        {"call": "group", "group": "acme", "properties": {"size": 3}},
        {"call": "alias", "previous": "anna", "properties": {}},
    ]
    for number, each in enumerate(made):
        each["properties"] = {"number": number, "run": run, **each["properties"]}
    return made
