"""Dead letters and the quarantine by their commands, on the running local stack."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from builders import make_chunk, make_event
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk
from local_stack import LocalStack
from waiting import eventually


def fresh_chunk(name: str, *, age: timedelta = timedelta()) -> Chunk:
    return make_chunk(
        *(make_event(f"{name}-{number}", user=name) for number in range(3)),
        project="default",
        received=datetime.now(UTC) - age,
    )


def bury(stack: LocalStack, *bodies: str) -> None:
    for body in bodies:
        stack.clients.sqs.send_message(QueueUrl=stack.environment()["DEAD_LETTER_URL"], MessageBody=body)


def run_json(stack: LocalStack, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.run(*arguments, "--json", code=code).splitlines()]


def is_committed(stack: LocalStack, chunk: Chunk) -> bool:
    return bool(stack.get(f"/chunks/{chunk.chunk_id}")["status"] == "committed")


def settle(stack: LocalStack, *given: Chunk) -> None:
    """Every chunk is committed, and nothing is wrong in the whole stage."""
    for chunk in given:
        eventually(partial(is_committed, stack, chunk), f"{chunk.chunk_id} to be committed")
    findings = stack.findings()
    stored = Counter((event["user_id"], event["event_id"]) for event in findings.stored_events())
    assert findings.violations(Counter(dict.fromkeys(stored, 1))) == []


def test_dead_letters_are_looked_at_replayed_twice_and_quarantined(own_stack: LocalStack) -> None:
    stack, waiting = own_stack, [fresh_chunk(f"u{number}") for number in range(12)]
    bodies = [chunks.encode(chunk) for chunk in waiting]
    bury(stack, *bodies, bodies[0], "garbage")

    for _ in range(2):  # looking leaves everything where it is
        listed = run_json(stack, "dlq", "list", "--limit", "0")
        assert Counter(row["code"] for row in listed) == {"unfinished": 13, "not_a_chunk": 1}
    (shown,) = run_json(stack, "dlq", "show", waiting[1].chunk_id)
    assert (shown["message"], shown["events"], shown["project"]) == (bodies[1], 3, "default")
    assert run_json(stack, "dlq", "list", "--code", "not_a_chunk")[0]["project"] is None
    assert run_json(stack, "dlq", "replay", "--dry-run")[0]["selected"] == 14
    stack.run("dlq", "show", "no-such-id", code=1)

    (one,) = run_json(stack, "dlq", "replay", "--chunk", waiting[5].chunk_id)
    assert one["moved"] == 1
    settle(stack, waiting[5])
    (rest,) = run_json(stack, "dlq", "replay")
    assert rest["moved"] + rest["done"] == 13
    settle(stack, *waiting)
    # The processor sets aside what it cannot decode.
    eventually(lambda: run_json(stack, "quarantine", "list"), "the garbage to be in quarantine")

    bury(stack, *bodies)
    (again,) = run_json(stack, "dlq", "replay", "--project", "default")
    assert (again["moved"], again["done"]) == (0, 12)
    settle(stack, *waiting)

    assert run_json(stack, "dlq", "list") == []
    (entry,) = run_json(stack, "quarantine", "list")
    assert (entry["code"], entry["project"]) == ("not_a_chunk", None)
    assert run_json(stack, "quarantine", "show", entry["id"])[0]["message"] == "garbage"
    assert stack.findings().quarantine_violations(["garbage"]) == []


def test_a_quarantined_chunk_is_replayed_under_its_own_chunk_id(own_stack: LocalStack) -> None:
    stack = own_stack
    young, old = fresh_chunk("young"), fresh_chunk("old", age=timedelta(days=31))
    bury(stack, *map(chunks.encode, (young, old)))
    assert run_json(stack, "dlq", "quarantine")[0]["moved"] == 2
    receipt = stack.get(f"/chunks/{young.chunk_id}")
    assert (receipt["status"], receipt["code"]) == ("quarantined", "unfinished")

    stack.run("quarantine", "discard", young.chunk_id, code=1)  # it has accepted events
    assert run_json(stack, "quarantine", "replay", code=3)[0] == {"sent": 1, "refused": 1, "failed": 0}
    settle(stack, young)
    assert [row["id"] for row in run_json(stack, "quarantine", "list")] == [old.chunk_id]
    assert run_json(stack, "quarantine", "replay", "--renew")[0]["sent"] == 1
    settle(stack, young, old)
    assert run_json(stack, "quarantine", "list") == []
    stack.run_schedule()  # by which what was committed leaves the quarantine
    assert stack.findings().quarantine_violations([]) == []
    assert len(stack.get("/events", user_id="old")["events"]) == 3
