"""The pytest plugin, as a team uses it to test its own tracking."""

from __future__ import annotations

import requests

from millrace.testing import Millrace


def post(millrace: Millrace, *events: dict[str, object]) -> None:
    requests.post(f"{millrace.url}/events", json=events, timeout=10)


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
