"""Segment, RudderStack and PostHog on servers: the libraries themselves, with only host and key set."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clients.line import Line
from needed import skip_without
from waiting import PATIENCE_SECONDS

HERE = Path(__file__).parent
NODE = skip_without(
    shutil.which("node") and (HERE / "node/node_modules/ready").exists(),
    "Node.js is not installed, or its libraries are not set up (make test does so)",
)
AT = "2020-01-02T03:04:05Z"

#: Type, user, anonymous user, properties.
SEGMENT_STREAM = [
    ("Order Completed", "ann", None, {"total": 12.5}),
    ("Button Clicked", None, "anon", {"label": "Zoë"}),
    ("identify", "ann", None, {"email": "ann@example.com"}),
    ("page", "ann", None, {"url": "/", "name": "Home", "category": "docs"}),
    ("screen", "ann", None, {"step": 1, "name": "Start", "category": "app"}),
    ("group", "ann", None, {"plan": "big", "groupId": "acme"}),
    ("alias", "ann", None, {"previousId": "anon"}),
]
POSTHOG_STREAM = [
    ("order completed", "ann", None, {"total": 12.5}),
    ("$pageview", "ann", None, {"$current_url": "/", "label": "Zoë"}),
    ("$set", "ann", None, {"$set": {"plan": "big"}}),
    ("$create_alias", "ann", None, {"distinct_id": "ann", "alias": "anon"}),
    ("$groupidentify", "ann", None, {"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 3}}),
]

LIBRARIES = [
    pytest.param([sys.executable, str(HERE / "senders/segment_python.py")], SEGMENT_STREAM, id="segment-python"),
    pytest.param([sys.executable, str(HERE / "senders/rudder_python.py")], SEGMENT_STREAM, id="rudder-python"),
    pytest.param([sys.executable, str(HERE / "senders/posthog_python.py")], POSTHOG_STREAM, id="posthog-python"),
    pytest.param(["node", str(HERE / "node/segment.mjs")], SEGMENT_STREAM, id="segment-node", marks=NODE),
    pytest.param(["node", str(HERE / "node/rudder.mjs")], SEGMENT_STREAM, id="rudder-node", marks=NODE),
    pytest.param(["node", str(HERE / "node/posthog.mjs")], POSTHOG_STREAM, id="posthog-node", marks=NODE),
]


def told(event: dict[str, Any]) -> tuple[str, str | None, str | None, dict[str, Any]]:
    """What the stream says of an event; libraries of PostHog add properties of their own."""
    own = {
        name: value
        for name, value in event["properties"].items()
        if not name.startswith("$") or name in ("$current_url", "$set") or name.startswith("$group_")
    }
    return event["event_type"], event.get("user_id"), event.get("anonymous_id"), own


def in_order(stream: list[Any]) -> list[Any]:
    return sorted(stream, key=repr)


@pytest.mark.parametrize(("command", "stream"), LIBRARIES)
def test_what_comes_back_is_what_the_library_sent_and_no_retry_changes_anything(
    line: Line, command: list[str], stream: list[Any]
) -> None:
    line.tap.lose = 1
    line.run(*command)
    events = line.arrived()
    assert line.tap.lose == 0, "the library did not send again"
    assert in_order([told(event) for event in events]) == in_order(stream)
    assert line.stored() == len(stream)
    assert events[0]["timestamp"] == AT
    for event in events[1:]:
        received, time = (datetime.fromisoformat(event[name]) for name in ("received_at", "timestamp"))
        assert abs((received - time).total_seconds()) < PATIENCE_SECONDS
    line.send_all_again()
    assert line.arrived() == events
    assert line.stored() == len(stream)
