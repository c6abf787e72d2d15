"""Commands with their output, for docs/commands.md: tests/data/command-examples.txt, in the order of a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

#: What the examples send and push.
FILES = {
    "shop.jsonl": """\
{"event_type": "signup", "event_id": "u-1", "user_id": "ann", "timestamp": "2015-05-17T10:05:00Z", "plan": "pro"}
{"event_type": "page_view", "event_id": "u-2", "user_id": "ann", "timestamp": "2015-05-17T10:06:00Z", "page": "/home"}
{"event_type": "page_view", "event_id": "u-3", "timestamp": "2015-05-17T10:07:00Z", "page": "/prices"}
""",
    "now.jsonl": """\
{"event_type": "page_view", "event_id": "n-1", "user_id": "bob", "page": "/home"}
""",
    "events/signup.json": """\
{"required": ["plan"], "properties": {"plan": {"enum": ["free", "pro"]}}}
""",
}
#: Commands whose output is a stream, or a script for a shell.
WITHOUT = {"demo", "completion"}
#: Where the other commands are shown.
ELSEWHERE = {
    "up": "tutorial.md#1-start-the-pipeline",
    "env": "reports.md#try-it-on-your-machine",
    "ledger": "operating.md",
    "dlq list": "operating.md#deadletters",
    "dlq quarantine": "operating.md#olddeadletters",
    "dlq replay": "operating.md#deadletters",
    "dlq show": "operating.md#deadletters",
    "quarantine discard": "operating.md#undecodable",
    "quarantine list": "operating.md#quarantined",
    "quarantine replay": "operating.md#quarantined",
    "quarantine show": "operating.md#undecodable",
    "deploy": "first-deployment.md#2-deploy",
    "doctor": "first-deployment.md#3-check",
    "destroy": "first-deployment.md#8-take-it-down",
    "policies": "deploying.md#later",
    "package": "other-tools.md#terraform",
    "cost": "cost.md",
}


class Example(NamedTuple):
    """`line`: the arguments behind `millrace`."""

    line: str
    output: str

    @property
    def shown(self) -> str:
        return f"$ millrace {self.line}\n{self.output}"


def examples() -> list[Example]:
    text = (Path(__file__).parent / "data" / "command-examples.txt").read_text()
    return [Example(*found) for found in re.findall(r"^\$ millrace (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)]


def form(output: str) -> list[str]:
    """The lines of an output without what differs each time: ids, keys, times and the widths of columns."""
    for varying in (
        r"\d{4}-\d\d-\d\dT[\d:.]+Z",
        r"\bm[rw]_\w+",
        r"\b[0-9A-Z]{26}-\S+",
        r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b",
        r"\b[0-9a-f]{12}\b",
    ):
        output = re.sub(varying, "VARIES", output)
    return [" ".join(line.split()) for line in output.splitlines() if line]
