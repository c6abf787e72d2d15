"""The project that a request's events go to: decided by the first thing that has the form of a key, for all of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from chalicelib.core import access_key
from fake_stage import FakeStage

PROXY = "Basic " + base64.b64encode(b"proxy:password").decode()
OWN = {"event_type": "t", "user_id": "ann"}
TRACK = {"type": "track", "event": "t", "userId": "ann"}
CAPTURE = {"event": "t", "distinct_id": "ann"}

#: How each dialect names keys in a body: (path, body for these keys, one an event; None: the event names none).
BODIES: dict[str, Any] = {
    "own array": ("/events", lambda *keys: [OWN | with_key("write_key", key) for key in keys]),
    "own events": ("/events", lambda *keys: {"events": [OWN | with_key("writeKey", key) for key in keys]}),
    "segment": ("/v1/batch", lambda *keys: {"batch": [TRACK | with_key("writeKey", key) for key in keys]}),
    "posthog api_key": ("/batch", lambda *keys: {"batch": [CAPTURE | with_key("api_key", key) for key in keys]}),
    "posthog token": ("/e", lambda *keys: [CAPTURE | {"properties": with_key("token", key)} for key in keys]),
}
each_body = pytest.mark.parametrize("name", BODIES)


def with_key(name: str, key: str | None) -> dict[str, str]:
    return {name: key} if key else {}


def projects(stage: FakeStage) -> list[str]:
    return [project for project, _ in stage.queued()]


def verdicts(answer: Any) -> list[str]:
    return [event.get("code", event["status"]) for event in answer.json_body["events"]]


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("foreign", ["authorization", "x_write_key", "query"])
@each_body
def test_what_is_no_key_does_not_hide_the_key_in_the_body(name: str, foreign: str, is_open: bool) -> None:
    stage = FakeStage(is_open)
    path, body = BODIES[name]
    headers = {"authorization": {"authorization": PROXY}, "x_write_key": {"x_write_key": "phc_1"}}.get(foreign, {})
    answer = stage.post(f"{path}?key=theirs" if foreign == "query" else path, body(stage.key("shop")), **headers)
    assert answer.status_code == 200
    assert projects(stage) == ["shop"]


@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_no_key_hides_no_key_in_a_later_place(is_open: bool) -> None:
    stage = FakeStage(is_open)
    key = stage.key("shop")
    for target, headers in (
        (f"/events?write_key=x&api_key={key}", {}),
        (f"/events?key={key}", {"authorization": PROXY}),
        ("/events", {"x_write_key": "theirs", "authorization": f"Bearer {key}"}),
    ):
        assert stage.post(target, OWN, **headers).status_code == 200
    assert projects(stage) == ["shop"] * 3


@pytest.mark.parametrize(("is_open", "status"), [(True, 200), (False, 401)])
def test_where_nothing_has_the_form_of_a_key_only_an_open_stage_takes_the_events(is_open: bool, status: int) -> None:
    stage = FakeStage(is_open)
    assert stage.post("/e?key=x", CAPTURE | {"api_key": "phc_1"}, authorization=PROXY).status_code == status
    assert projects(stage) == ["default"] * is_open


@each_body
def test_an_event_that_names_the_key_of_another_project_is_rejected_alone(name: str) -> None:
    stage = FakeStage(is_open=False)
    path, body = BODIES[name]
    answer = stage.post(path, body(stage.key("shop"), stage.key("other"), None))
    assert verdicts(answer) == ["accepted", "other_key", "accepted"]
    assert projects(stage) == ["shop", "shop"]


@each_body
def test_a_key_in_a_header_decides_and_events_of_another_project_are_rejected(name: str) -> None:
    stage = FakeStage(is_open=False)
    path, body = BODIES[name]
    answer = stage.post(path, body(stage.key("shop"), stage.key("shop")), x_write_key=stage.key("other"))
    assert (answer.status_code, verdicts(answer)) == (422, ["other_key", "other_key"])
    assert projects(stage) == []


def test_the_key_of_an_envelope_holds_for_each_event_that_names_none() -> None:
    stage = FakeStage(is_open=False)
    mine, theirs = stage.key("shop"), stage.key("other")
    for path, named, event in (("/v1/batch", "writeKey", TRACK), ("/batch", "api_key", CAPTURE)):
        body = {"batch": [event, event | {named: mine}], named: theirs}
        assert verdicts(stage.post(path, body, x_write_key=mine)) == ["other_key", "accepted"]
    body = {"events": [OWN, OWN | {"write_key": mine}], "write_key": theirs}
    assert verdicts(stage.post("/events", body, x_write_key=mine)) == ["other_key", "accepted"]


@each_body
def test_two_keys_of_one_project_are_good_together(name: str) -> None:
    stage = FakeStage(is_open=False)
    path, body = BODIES[name]
    assert verdicts(stage.post(path, body(stage.key("shop"), stage.key("shop")))) == ["accepted", "accepted"]


@each_body
def test_a_key_that_nobody_issued_or_that_may_not_send_names_no_project_of_the_request(name: str) -> None:
    stage = FakeStage(is_open=True)
    path, body = BODIES[name]
    strange = "mw_" + "0" * 12 + "_" + "0" * 40
    answer = stage.post(path, body(stage.key("shop"), strange, stage.key("shop", "read"), "phc_1"))
    assert verdicts(answer) == ["accepted", "other_key", "other_key", "accepted"]


def test_many_keys_in_a_body_cost_few_reads() -> None:
    stage = FakeStage(is_open=False)
    path, body = BODIES["segment"]
    keys = [stage.key("shop") for _ in range(9)]
    answer = stage.post(path, body(*keys))
    assert verdicts(answer) == ["accepted"] * 3 + ["other_key"] * 6
    assert sum(read != "shop" for read in stage.store.reads) == 3


@each_body
def test_a_key_is_not_kept(name: str) -> None:
    stage = FakeStage(is_open=False)
    path, body = BODIES[name]
    key = stage.key("shop")
    assert stage.post(path, body(key)).status_code == 200
    assert access_key.id_in(key)
    assert key not in "".join(stage.queue.bodies)


def test_a_token_that_is_no_key_is_a_property_like_any_other() -> None:
    stage = FakeStage(is_open=False)
    for headers, token in (({"x_write_key": stage.key("shop")}, "apns-123"), ({}, stage.key("shop"))):
        body = CAPTURE | {"properties": {"token": token}, "uuid": token}
        assert stage.post("/e", body, **headers).status_code == 200
    assert [event.properties for _, event in stage.queued()] == [{"token": "apns-123"}, {}]
