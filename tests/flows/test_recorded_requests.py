"""Requests of the vendors' libraries, replayed: each gets the outcome that docs/clients.md has for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import timestamps
from chalicelib.core.dialects.segment import CALLS
from fake_stage import FakeStage
from recorded import Recorded, events_of, leaves, requests

NOW = datetime(2026, 12, 20, 14, tzinfo=UTC)  # so long after they were recorded that no time is corrected
REQUESTS = requests()
KEYS = {"write-key", "Y", "N"}  # what the recorded libraries have as a key, and flags of their own in the key's place
LONG, LONGER = "x" * 40_000, "x" * 140_000

Change = Callable[[dict[str, Any]], Any]


def names(dialect: str | None) -> Any:
    chosen = [each for each in REQUESTS if dialect in (None, each.dialect)]
    return [pytest.param(each, id=f"{each.library} {each.path}") for each in chosen]


def send(stage: FakeStage, request: Recorded) -> Any:
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    return stage.post(request.path, request.body, **headers)


def hours_ahead(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize("request_", names(None))
def test_a_librarys_request_is_accepted_as_it_is_and_loses_nothing(request_: Recorded) -> None:
    stage = FakeStage(now=NOW)
    answer = send(stage, request_)
    assert answer.status_code == 200
    assert {event["status"] for event in answer.json_body["events"]} == {"accepted"}
    kept = {leaf for _, event in stage.queued() for leaf in leaves(event.to_json())}
    times = {
        event["time"] for event in events_of(request_.document) if request_.dialect == "cloudevents" and "time" in event
    }
    lost = set(leaves(request_.document)) - kept - times
    # Jitsu's libraries mask the secret behind the key.
    assert lost <= {"write-key", "write-key:***", "track"} | ({request_.call} & set(CALLS.values()))


@pytest.mark.parametrize("request_", names("segment") + names("posthog"))
def test_a_librarys_request_that_is_sent_again_changes_nothing(request_: Recorded) -> None:
    stage = FakeStage(now=NOW)
    for _ in range(2):
        send(stage, request_)
        stage.process()
        stage.now += timedelta(hours=1)
    assert sum(stage.world.counted().values()) == len(events_of(request_.document))


def drop(*fields: str) -> Change:
    return lambda event: [event.pop(field, None) for field in fields]


def put(**fields: Any) -> Change:
    return lambda event: event.update(fields)


def nobody(event: dict[str, Any]) -> None:
    """A PostHog event without an id of a user, wherever libraries put one."""
    event.pop("distinct_id", None)
    for name in ("distinct_id", "$device_id", "$anon_distinct_id"):
        event["properties"].pop(name, None)


# One thing changed in the first event of each request, and the verdict: the code of a rejection, or the time that the
# accepted event has (None: its own).
RECEIVED = timestamps.sortable(NOW)
CHANGES: list[tuple[str, str, Change, str | None]] = [
    ("segment", "no id of a user", drop("userId", "anonymousId"), "missing_field"),
    ("segment", "a track without event", lambda event: event.update(type="track", event=None), "missing_field"),
    ("segment", "a messageId of 150 characters", put(messageId="m" * 150), None),
    ("segment", "an event of 40 KB", put(properties={"long": LONG}), "too_large"),
    ("segment", "a time that is none", put(timestamp="soon", originalTimestamp=None), RECEIVED),
    (
        "segment",
        "a time in the future",
        put(timestamp=hours_ahead(2000), originalTimestamp=hours_ahead(2000)),
        RECEIVED,
    ),
    ("posthog", "no id of a user", nobody, "missing_field"),
    ("posthog", "no event", drop("event"), "missing_field"),
    ("posthog", "a uuid that is none", put(uuid="not a uuid"), None),
    ("posthog", "an event of 140 KB", put(properties={"long": LONGER, "distinct_id": "ann"}), "too_large"),
    ("posthog", "an event of 40 KB", lambda event: event["properties"].update(long=LONG), None),
    ("posthog", "a time that is none", put(timestamp="[optional timestamp in ISO 8601 format]"), RECEIVED),
    ("posthog", "a time in the future", put(timestamp=hours_ahead(2000)), RECEIVED),
    ("posthog", "a day ahead, but not by 24 hours", put(timestamp=hours_ahead(23.9), sent_at="none"), None),
]


@pytest.mark.parametrize(
    ("request_", "change", "outcome"),
    [
        pytest.param(*request.values, change, outcome, id=f"{request.id}: {name}")
        for dialect, name, change, outcome in CHANGES
        for request in names(dialect)
        if not (name == "a track without event" and request.values[0].call not in ("track", "t", "batch", "b"))
    ],
)
def test_a_request_with_one_thing_changed_has_the_outcome_that_the_docs_say(
    request_: Recorded, change: Change, outcome: str | None
) -> None:
    document = request_.document
    change(events_of(document)[0])
    stage = FakeStage(now=NOW)
    first, *others = send(stage, request_.saying(document)).json_body["events"]
    assert {event["status"] for event in others} <= {"accepted"}
    if outcome in (None, RECEIVED):
        assert first["status"] == "accepted"
        (time,) = (event.time for _, event in stage.queued() if event.event_id == first["event_id"])
        assert (time == RECEIVED) == (outcome == RECEIVED)
    else:
        assert first["code"] == outcome


@pytest.mark.parametrize("request_", names("segment") + names("posthog"))
def test_a_librarys_request_that_is_cut_short_is_refused_as_a_whole(request_: Recorded) -> None:
    stage = FakeStage(now=NOW)
    cut = Recorded(request_.library, request_.path, request_.headers, request_.body[:-5])
    assert send(stage, cut).status_code == 400
    assert stage.queue.bodies == []
