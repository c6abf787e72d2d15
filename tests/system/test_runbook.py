"""The runbook on planted incidents: its commands print what it shows, in the order of its sections."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from builders import make_chunk, make_event
from chalicelib.core import chunk as chunks
from local_stack import LocalStack
from waiting import eventually

RUNBOOK = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()


def examples(section: str) -> list[tuple[list[str], str]]:
    """The commands of a section whose output it shows, each with that output."""
    text = RUNBOOK.partition(f"\n### {section}\n")[2].partition("\n### ")[0]
    found = re.findall(r"^    \.venv/bin/millrace ([^\n]+)\n\n```\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert found
    return [(command.split(), output) for command, output in found]


def form(output: str) -> list[str]:
    """The lines of an output without what differs each time: ids, times and the widths of columns."""
    for varying in (r"\d{4}-\d\d-\d\dT[\d:.]+Z", r"\b[0-9A-Z]{26}-\S+", r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b"):
        output = re.sub(varying, "VARIES", output)
    return [" ".join(line.split()) for line in output.splitlines() if line]


def message(name: str, age: timedelta = timedelta()) -> str:
    events = [make_event(f"{name}-{number}", user=name) for number in range(3)]
    return chunks.encode(make_chunk(*events, project="default", received=datetime.now(UTC) - age))


def send(stack: LocalStack, queue: str, *bodies: str) -> None:
    for body in bodies:
        stack.clients.sqs.send_message(QueueUrl=stack.environment()[queue], MessageBody=body)


def prints_what_is_shown(stack: LocalStack, section: str) -> None:
    ids: list[str] = []
    for command, shown in examples(section):
        here = [ids[0] if re.fullmatch(r"[0-9a-f-]{36}", word) else word for word in command]
        printed = stack.run(*here)
        ids = ids or [line.split()[0] for line in printed.splitlines()[1:]]
        assert form(printed) == form(shown), command


def test_the_runbook_shows_what_its_commands_print(own_stack: LocalStack) -> None:
    send(own_stack, "DEAD_LETTER_URL", message("ann"), message("bob"))
    prints_what_is_shown(own_stack, "DeadLetters")

    send(own_stack, "QUEUE_URL", message("eve", timedelta(days=31)), '{"hello": "world"}')
    listed = "quarantine", "list", "--json"
    eventually(lambda: len(own_stack.run(*listed).splitlines()) == 2, "both messages to be in quarantine")
    prints_what_is_shown(own_stack, "Quarantined")
    prints_what_is_shown(own_stack, "Undecodable")
    undecodable = "quarantine", "list", "--code", "not_a_chunk", "--json"
    own_stack.run("quarantine", "discard", json.loads(own_stack.run(*undecodable))["id"])
    assert own_stack.run(*undecodable) == ""
