"""The pytest plugin, as a team uses it to test its own tracking."""

from __future__ import annotations

import requests

from millrace.testing import Millrace
from stage import Clients


def post(millrace: Millrace, *events: dict[str, object]) -> None:
    requests.post(f"{millrace.url}/events", json=events, timeout=120)


def test_good_events_come_back_in_their_order(millrace: Millrace) -> None:
    post(
        millrace,
        {"event_type": "signup", "user_id": "ann", "timestamp": "2026-03-01T10:00:00Z", "plan": "pro"},
        {"event_type": "login", "user_id": "bob", "timestamp": "2026-03-01T09:00:00Z"},
    )
    assert [event["event_type"] for event in millrace.events.good()] == ["login", "signup"]
    (signup,) = millrace.events.good(event_type="signup", user_id="ann")
    assert signup["properties"] == {"plan": "pro"}


def test_every_test_starts_empty_though_identities_come_again(millrace: Millrace) -> None:
    assert millrace.events.all() == {"total": 0, "good": 0, "bad": 0}
    post(millrace, {"event_type": "signup", "user_id": "ann", "timestamp": "2026-03-01T10:00:00Z"})
    assert millrace.events.all() == {"total": 1, "good": 1, "bad": 0}


def test_bad_events_say_what_is_wrong_with_them(millrace: Millrace) -> None:
    post(millrace, {"event_type": "signup"}, {"event_type": "login", "user_id": "bob"})
    (bad,) = millrace.events.bad()
    assert (bad["code"], bad["field"]) == ("missing_field", "user_id")
    assert millrace.events.all() == {"total": 2, "good": 1, "bad": 1}


def test_every_rejected_event_is_seen_however_many_there_are(millrace: Millrace) -> None:
    for number in range(25):
        post(millrace, {"event_type": f"bad{number}"})
    many: list[dict[str, object]] = [{"event_type": "many"}] * 60
    post(millrace, *many)
    assert len(millrace.events.bad()) == 85
    assert millrace.events.all() == {"total": 85, "good": 0, "bad": 85}


def test_a_reset_leaves_no_dead_letter_and_no_count(millrace: Millrace) -> None:
    events = millrace.events
    post(millrace, {"event_type": "signup", "user_id": "ann"})
    assert events.all()["good"] == 1
    sqs, url = Clients(events.environment).sqs, events.environment["DEAD_LETTER_URL"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    events.reset()
    stage = requests.get(f"{millrace.url}/status", timeout=60).json()["stage"]
    assert stage["dead_letters"]["count"] == 0
    assert sqs.receive_message(QueueUrl=url).get("Messages", []) == []
    assert requests.get(f"{millrace.url}/counts", timeout=60).json() == {"counts": []}
