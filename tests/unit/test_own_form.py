"""Millrace's own form beside events: keys for beacons, and the pixel's query."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import NOW
from chalicelib.core.dialects import Incoming, own

CLICK = {"event_type": "click", "user_id": "ann"}


@pytest.mark.parametrize("name", ["write_key", "writeKey"])
@pytest.mark.parametrize("document", [CLICK, {"events": [CLICK]}])
def test_the_key_of_a_beacon_is_beside_the_event_or_the_events_and_is_not_kept(name: str, document: Any) -> None:
    post = own.read(Incoming(json.dumps(document | {name: "key"}).encode(), {}, {}, NOW))
    assert (post.key, [event.fields for event in post.events]) == ("key", [CLICK])


def test_a_pixel_tells_fields_by_their_names_and_keeps_the_rest_as_properties() -> None:
    query = {
        **CLICK,
        "event_id": "e1",
        "timestamp": "1431857103",
        "campaign": "may",
        "key": "secret",
        "anonymous_id": "",
    }
    (event,) = own.read_pixel(Incoming(b"", {}, query, NOW)).events
    assert event.fields == {**CLICK, "event_id": "e1", "timestamp": 1431857103, "properties": {"campaign": "may"}}
