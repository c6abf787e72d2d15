"""Millrace's own form beside events: keys for beacons, and the pixel's query."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import NOW
from chalicelib.core import timestamps
from chalicelib.core.dialects import Incoming, own

CLICK = {"event_type": "click", "user_id": "ann"}


@pytest.mark.parametrize("name", ["write_key", "writeKey"])
@pytest.mark.parametrize("document", [CLICK, {"events": [CLICK]}])
def test_the_key_of_a_beacon_is_beside_the_event_or_the_events_and_is_not_kept(name: str, document: Any) -> None:
    post = own.read(Incoming(json.dumps(document | {name: "key"}).encode(), {}, {}, NOW))
    assert (post.keys, [event.fields for event in post.events]) == (["key"], [CLICK])


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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-17T10:00:00+02:00", "2026-05-17T08:00:00Z"),
        ("2026-05-17T10:00:00 02:00", "2026-05-17T08:00:00Z"),  # the plus was not percent-encoded
        ("2026-05-17", "2026-05-17T00:00:00Z"),
        ("1431857103.5", "2015-05-17T10:05:03.500000Z"),
        ("1431857103500", "2015-05-17T10:05:03.500000Z"),
    ],
)
def test_a_pixel_takes_the_times_that_queries_take(text: str, moment: str) -> None:
    (event,) = own.read_pixel(Incoming(b"", {}, {**CLICK, "timestamp": text}, NOW)).events
    assert timestamps.parse(event.fields["timestamp"]) == timestamps.parse_loosely(text) == timestamps.parse(moment)


@pytest.mark.parametrize("text", ["yesterday", "2026", "20260517", "5"])
def test_a_pixel_leaves_what_is_no_time_for_validation_to_refuse(text: str) -> None:
    (event,) = own.read_pixel(Incoming(b"", {}, {**CLICK, "timestamp": text}, NOW)).events
    with pytest.raises(ValueError, match="must be"):
        timestamps.parse(event.fields["timestamp"])
