"""The flows behind plain Lambda handlers, which docs/chalice.md shows, where Chalice cannot be imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handlers.api_client import Api
from millrace.local.emulator import PROJECT
from millrace.pricing.workload import http_event, queue_event

HANDLERS = re.search(r"^```python\n(.*?)^```$", (PROJECT / "docs" / "chalice.md").read_text(), re.DOTALL | re.MULTILINE)
#: A module that is None cannot be imported.
CALLER = """
import sys
sys.modules["chalice"] = None
import json, handlers
called = json.load(sys.stdin)
print(json.dumps(getattr(handlers, called["handler"])(called["event"], None)))
"""
EVENT = {"event_type": "page_view", "user_id": "ann"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert HANDLERS
    (tmp_path / "handlers.py").write_text(HANDLERS[1])
    return tmp_path


def call(folder: Path, handler: str, event: Any) -> Any:
    """What a handler answers, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CALLER],
        input=json.dumps({"handler": handler, "event": event}),
        env={**os.environ, "PYTHONPATH": f"{folder}:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # metrics come before it


def test_the_three_flows_run_behind_plain_handlers_where_there_is_no_chalice(api: Api, folder: Path) -> None:
    answer = call(folder, "api", http_event(json.dumps(EVENT)))
    reply = json.loads(answer["body"])
    assert (answer["statusCode"], reply["accepted"]) == (200, 1)

    call(folder, "process", queue_event(api.take_messages()))
    key = reply["events"][0]["key"]
    asked = http_event("", "GET", "/events/{key}") | {"pathParameters": {"key": key}}
    assert json.loads(call(folder, "api", asked)["body"])["user_id"] == "ann"

    call(folder, "aggregate", {})
    assert api.get("/reports", grain="hour").json_body["reports"]


def test_an_error_is_a_problem_where_there_is_no_chalice(api: Api, folder: Path) -> None:  # noqa: ARG001 - its stage
    answer = call(folder, "api", http_event("no json"))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "not_json")
