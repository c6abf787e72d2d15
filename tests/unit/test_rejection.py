"""A row of the rejections holds no secret, no key and nothing that its project hides, whatever the event is like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.core.project import Project
from chalicelib.core.rejection import make_row

COMMON_NAMES = (
    "secret_key secretKey client-secret private_key privateKey pwd PWD passwd password password_confirmation "
    "passphrase x-api-key X_API_KEY apikey api_keys accessKey write_key credentials Authorization cookie auth "
    "proxy-authorization set-cookie sessionid session_id bearer jwt access_token refreshToken signing_key otp pin cvv"
)
PLAIN = Project("acme", secret="s")
HIDING = Project("acme", secret="s", hashes_users=True, dropped=frozenset({"email"}))


def row_of(raw: Any, project: Project = PLAIN, name: str = "x") -> dict[str, Any]:
    return make_row(raw, {"index": 0, "code": "c", "field": name, "message": f"{name} is given twice."}, project)


@pytest.mark.parametrize("name", COMMON_NAMES.split())
def test_a_value_under_a_common_name_of_secrets_is_not_kept(name: str) -> None:
    nested = json.dumps({"deep": [{name: "hunter2"}]})
    row = row_of({name: "hunter2", "headers": {name: ["hunter2"]}, "properties": nested})
    assert "hunter2" not in json.dumps(row)
    assert name in row["event"]


@pytest.mark.parametrize("name", ["page", "keyboard", "monkey", "spinner", "author", "tokyo", "passenger", "compass"])
def test_other_names_hide_nothing(name: str) -> None:
    assert "shown" in row_of({name: "shown"})["event"]


@pytest.mark.parametrize("before", ["", "x" * 8, "x" * 30])
def test_no_part_of_a_key_is_kept_of_a_name_that_holds_one(before: str) -> None:
    key = f"{before}mr_{'0a' * 6}_{'1b' * 20}"
    assert "1b" not in json.dumps(row_of({key: 1, "properties": {key: 2}}, name=key[:60]))


@pytest.mark.parametrize(
    "event",
    [
        {"specversion": "1.0", "id": 5, "source": "s", "type": "t", "subject": "ann-smith"},
        {"event_type": "v", "user_id": {"id": "ann-smith"}},
        {"event_type": "v", "userId": ["ann-smith"], "user_id": {}},
        {"event_type": "v", "user_id": "ann-smith", "properties": '{"email": "ann-smith", "by": "ann-smith"}'},
        {"event_type": "v", "user_id": "u", "properties": '{"email": "ann-smith"'},
        {"event_type": "v", "user_id": "u", "context": {"traits": '[{"email": "ann-smith"}]'}},
        '{"user_id": "ann-smith"}',
        ["ann-smith"],
    ],
    ids=repr,
)
def test_what_a_project_hides_is_hidden_whatever_is_wrong_with_the_event(event: Any) -> None:
    assert "ann-smith" not in json.dumps(row_of(event, HIDING))


def test_a_person_is_hidden_in_field_and_message_too() -> None:
    row = row_of({"user_id": "ann-smith", "ann-smith": 1}, HIDING, name="ann-smith")
    assert "ann-smith" not in json.dumps(row)
    assert row["field"].startswith("u_")


@pytest.mark.parametrize(
    ("event", "library"),
    [
        ({"properties": {"$lib": "posthog-python", "$lib_version": "7.91.1"}}, "posthog-python 7.91.1"),
        ({"context": {"library": {"name": "analytics-node", "version": "3.1.0"}}}, "analytics-node 3.1.0"),
        ({"properties": {"$lib": "web"}, "context": {"library": "x"}}, "web"),
        ({"properties": {"$lib": "x" * 100}}, "x" * 60),
        ({"properties": {"$lib": 7}, "context": []}, None),
        ({}, None),
        (5, None),
    ],
)
def test_a_rejection_names_the_library_that_lost_the_event(event: Any, library: str | None) -> None:
    verdict = {"index": 0, "code": "too_large", "field": None, "message": "m"}
    assert make_row(event, verdict, Project("p"))["library"] == library
