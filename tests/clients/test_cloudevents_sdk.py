"""CloudEvents as the SDK builds them, posted to the running stack."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent as OldCloudEvent

from clients.line import Line

AT = "2015-05-17T10:05:03Z"
DATA = {"total": 12.5, "label": "Zoë"}


def attributes(number: int) -> dict[str, Any]:
    return {
        "id": f"ce-{number}",
        "source": "/shop",
        "type": "order.completed",
        "specversion": "1.0",
        "subject": "Ann Zoë",
        "time": AT,
        "region": "eu",
    }


def as_old(number: int, mode: str) -> tuple[dict[str, str], bytes]:
    event = OldCloudEvent(attributes(number), DATA)
    headers, body = to_binary(event) if mode == "binary" else to_structured(event)
    return dict(headers), bytes(body)


def as_new(number: int, mode: str) -> tuple[dict[str, str], bytes]:
    from datetime import datetime

    of_today = attributes(number) | {"time": datetime.fromisoformat(AT), "datacontenttype": "application/json"}
    event = CloudEvent(of_today, DATA)
    message = to_binary_event(event) if mode == "binary" else to_structured_event(event)
    return dict(message.headers), bytes(message.body)


def check(events: list[dict[str, Any]]) -> None:
    for event in events:
        assert (event["event_type"], event["user_id"], event["timestamp"]) == ("order.completed", "Ann Zoë", AT)
        assert event["properties"] == DATA
        assert event["context"]["cloudevent"]["region"] == "eu"
        assert event["event_id"] == "/shop " + event["context"]["cloudevent"]["id"]


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize(("number", "built"), [(1, as_old), (2, as_new)], ids=["SDK 1", "SDK 2"])
def test_an_event_of_the_sdk_comes_back_and_a_retry_changes_nothing(
    line: Line, mode: str, number: int, built: Any
) -> None:
    headers, body = built(number + (10 if mode == "binary" else 0), mode)
    for _ in range(2):
        requests.post(f"{line.url}/events", data=body, headers=headers, timeout=120).raise_for_status()
    events = line.arrived()
    assert (len(events), line.stored()) == (1, 1)
    check(events)


def test_a_batch_of_the_sdks_events_comes_back(line: Line) -> None:
    batch = [json.loads(as_old(number, "structured")[1]) for number in (21, 22, 23)]
    content_type = {"Content-Type": "application/cloudevents-batch+json"}
    answer = requests.post(f"{line.url}/events", data=json.dumps(batch), headers=content_type, timeout=120)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 3)
    events = line.arrived()
    assert len(events) == 3
    check(events)
