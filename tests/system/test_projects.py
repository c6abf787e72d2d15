"""Projects, keys, catalogues and privacy by the commands, and what clients then see of them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from local_stack import LocalStack
from waiting import eventually


def one(printed: str) -> dict[str, Any]:
    [line] = printed.splitlines()
    return dict(json.loads(line))


def create(stack: LocalStack, project: str, kind: str) -> str:
    return str(one(stack.run("keys", "create", "--project", project, "--kind", kind, "--json"))["key"])


def post(stack: LocalStack, key: str, *events: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{stack.url}/events", json=list(events), headers=headers, timeout=60)


def listed(stack: LocalStack, project: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.run("keys", "list", "--project", project, "--json").splitlines()]


def is_refused(stack: LocalStack, key: str) -> bool:
    return post(stack, key, {}).status_code == 401


def test_a_keys_life(stack: LocalStack) -> None:
    write, read = create(stack, "life", "write"), create(stack, "life", "read")
    assert post(stack, write, {"event_type": "a", "user_id": "u"}).json()["accepted"] == 1
    rows = eventually(lambda: stack.run("events", "--json", "--key", read), "the event to be stored")
    assert one(rows)["project"] == "life"
    assert [row["kind"] for row in listed(stack, "life")].count("write") == 1
    assert read not in stack.run("keys", "list")
    rotated = one(stack.run("keys", "rotate", "--project", "life", "--grace-hours", "1", "--json"))["key"]
    assert post(stack, rotated, {"event_type": "a", "user_id": "u"}).status_code == 200
    for key in listed(stack, "life"):
        stack.run("keys", "revoke", key["id"])
    for secret in (write, rotated):  # settings are remembered for 20 seconds
        eventually(partial(is_refused, stack, secret), "a revoked key to be refused")
    stack.run("keys", "revoke", "5f2c7a90b1d3", code=1)


def test_a_projects_settings_hold_for_what_clients_send(stack: LocalStack) -> None:
    options = ["--ip", "drop", "--drop-property", "email", "--hash-user-ids", "--quota", "5"]
    shown = one(stack.run("projects", "set", "private", *options, "--json"))
    assert shown == {
        "project": "private",
        "quota": 5,
        "ip": "drop",
        "drop_properties": ["email"],
        "drop_emails": False,
        "earliest": None,
        "old_hours": 10000,
        "identify_by": "all",
        "max_event_bytes": None,
        "hash_user_ids": True,
        "catalogue": "off",
    }
    assert one(stack.run("projects", "show", "private", "--json")) == shown
    write, read = create(stack, "private", "write"), create(stack, "private", "read")
    event = {"event_type": "a", "user_id": "ann@example.com", "email": "ann@example.com", "plan": "pro"}
    post(stack, write, event)
    asked = ("events", "--json", "--key", read, "--user", "ann@example.com")
    row = one(eventually(lambda: stack.run(*asked), "the event to be stored"))
    assert "ann@" not in repr(row)
    assert "source_ip" not in row
    assert row["properties"] == {"plan": "pro"}
    answers = [post(stack, write, event) for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.json()["code"] == "quota_exceeded" for answer in refused)
    assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in refused)


def test_a_catalogue_from_files_to_rejections(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "signup.json").write_text('{"required": ["plan"]}')
    push = ["schemas", "push", str(tmp_path), "--project", "shop"]
    stack.run(*push, code=1)  # it makes no project
    stack.run("projects", "set", "shop")
    assert json.loads(stack.run(*push, "--dry-run", "--json")) == {"event_type": "signup", "change": "added"}
    assert stack.run("schemas", "list", "--project", "shop", "--json") == ""
    stack.run(*push)
    stack.run("projects", "set", "shop", "--catalogue", "enforce")
    assert json.loads(stack.run("schemas", "show", "signup", "--project", "shop", "--json")) == {"required": ["plan"]}
    write, read = create(stack, "shop", "write"), create(stack, "shop", "read")
    reply = post(stack, write, {"event_type": "signup", "user_id": "u"})
    assert (reply.status_code, reply.json()["events"][0]["code"]) == (422, "schema_violation")
    row = one(stack.run("rejections", "--json", "--code", "schema_violation", "--key", read))
    assert (row["code"], row["accepted"], row["field"]) == ("schema_violation", False, "properties")
    stack.run("schemas", "remove", "signup", "--project", "shop")
    assert stack.run("schemas", "list", "--project", "shop", "--json") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["projects", "show", "nobody"],
        ["projects", "set", "No Name"],
        ["keys", "create", "--project", "a#b"],
        ["schemas", "show", "x", "--project", "nobody"],
        ["schemas", "remove", "x"],
        ["schemas", "push", "."],
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(stack: LocalStack, arguments: list[str]) -> None:
    stack.run(*arguments, code=1)
