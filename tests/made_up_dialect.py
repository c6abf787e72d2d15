"""A dialect that no library speaks: what a new one consists of, beside its entry."""

from __future__ import annotations

from typing import Any

from chalicelib.core import payload
from chalicelib.core.dialects import Incoming, Post, RawEvent
from chalicelib.core.dialects.registry import Dialect, Question

MADE_UP = Dialect(
    "made-up",
    "made_up_dialect:read",
    ("/track",),
    fits=lambda incoming: "x-made-up" in incoming.headers,
    libraries=("Made Up",),
    key_in_headers=("x-made-up-key",),
    key_in_query=("k",),
    key_in_body=("secret",),
    answer={"thanks": "a lot"},
    questions=(Question("GET", "/made-up/{version}", "Where to send", "made_up_dialect:address"),),
)


#: What was read, for those who want to know that nothing was.
read_bodies: list[bytes] = []


def read(incoming: Incoming) -> Post:
    read_bodies.append(incoming.body)
    document = payload.decode(incoming.body)
    events = [RawEvent({"event_type": name, "user_id": document["who"]}) for name in document["did"]]
    return Post(events, document.get("secret"))


def address(incoming: Incoming) -> dict[str, Any]:
    return {"version": incoming.path["version"], "send_to": incoming.address}
