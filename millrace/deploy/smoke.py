"""Tests a deployment with one event: posts it with a key, waits until it is processed, and queries it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

from chalicelib.wiring import Pipeline
from millrace.command_error import CommandError
from millrace.io.client import Client
from millrace.ops import registry

_WAIT_SECONDS = 90
# A new API, or a new deployment of one, does not reach all servers at once.
_ANSWERS_IN_A_ROW, _MOST_SECONDS = 20, 60
#: The project of the event, which no client uses.
PROJECT = "millrace-smoke-test"


def try_out(url: str, pipeline: Pipeline) -> str:
    """Post an event, and find it again. Return a text on the result. Raises CommandError.

    The temporary keys are removed at the end.
    """
    event = {"event_type": "smoke_test", "user_id": "millrace", "event_id": uuid4().hex}
    is_open = _await_answers(url)
    if not is_open:
        answer = requests.post(f"{url}/events", json=event, timeout=30)
        if answer.status_code != requests.codes.unauthorized:
            raise CommandError(
                f"An event without a key was answered {answer.status_code}. A closed stage must answer 401."
            )
    now = datetime.now(UTC)
    keys = [registry.create_key(pipeline.projects, PROJECT, kind, now) for kind in ("write", "read")]
    try:
        write, read = (Client(url, key) for key, _ in keys)
        reply = write.post_events([event])
        _await_commit(lambda: read.get(f"/chunks/{reply['chunks'][0]}"))
        if read.get(f"/events/{reply['events'][0]['key']}")["event_id"] != event["event_id"]:
            raise CommandError("The event that was found differs from the event that was posted.")
    finally:
        for _, kept in keys:
            pipeline.projects.remove_key(kept.key_id)
    access = "The stage is open: everybody may write and read." if is_open else "Without a key the stage says 401."
    return f"An event was posted, processed and found again. {access}"


def _await_answers(url: str) -> bool:
    """Wait for several correct answers in a row. Return whether the stage is open. Raises CommandError."""
    deadline, correct = time.monotonic() + _MOST_SECONDS, 0
    while correct < _ANSWERS_IN_A_ROW:
        try:
            is_open = bool(Client(url).get("/health")["open"])
            correct += 1
        except (CommandError, KeyError, TypeError) as error:
            if time.monotonic() > deadline:
                raise CommandError(f"GET /health did not answer reliably within {_MOST_SECONDS} s: {error}") from error
            correct = 0
            time.sleep(1)
    return is_open


def _await_commit(receipt: Callable[[], dict[str, Any]]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while (answer := receipt())["status"] == "in_flight":
        if time.monotonic() > deadline:
            raise CommandError(
                f"The event was queued and not processed in {_WAIT_SECONDS} s. Look at the log of the function "
                "process, and run millrace doctor."
            )
        time.sleep(0.5)
    if answer["status"] != "committed":
        raise CommandError(f"The event was not committed: {answer}")
