"""The README's quickstart: each command prints what the README says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any

from local_stack import COMMAND, LocalStack
from system.access_log import LOG, ROOT
from waiting import eventually

README = (ROOT / "README.md").read_text()
#: A command, and the block of output that follows it, if one does.
EXAMPLES = re.findall(
    r"^    (curl [^\n]+|\.venv/bin/millrace (?!deploy)[^\n]+)\n(?:\n```\w*\n(.*?)```)?",
    README,
    re.MULTILINE | re.DOTALL,
)


def run(command: str, stack: LocalStack) -> str:
    words = shlex.split(command.replace("http://127.0.0.1:8000", stack.url))
    if words[0] != "curl":
        return stack.run_apart(*words[1:])
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def is_like(found: Any, shown: Any) -> bool:
    """Whether a JSON value is what is shown; "..." stands for any text."""
    if shown == "...":
        return isinstance(found, str)
    if isinstance(shown, dict) and isinstance(found, dict):
        return found.keys() == shown.keys() and all(is_like(found[name], shown[name]) for name in shown)
    if isinstance(shown, list) and isinstance(found, list):
        return len(found) == len(shown) and all(map(is_like, found, shown))
    return bool(found == shown)


def test_the_quickstart_prints_what_the_readme_shows(own_stack: LocalStack, sent: LocalStack) -> None:
    assert len(EXAMPLES) == 4
    for command, shown in EXAMPLES:
        if command == f".venv/bin/millrace send {LOG.relative_to(ROOT)}":
            continue  # the log was sent to the other stack
        if shown.startswith("{"):
            what = f"the answer of {command}"
            eventually(lambda: is_like(json.loads(run(command, own_stack)), json.loads(shown)), what)  # noqa: B023
        else:
            assert run(command, sent).endswith(shown), command


def test_the_readme_names_the_commands_that_exist() -> None:
    named = set(re.findall(r"^    make (\w+)", README, re.MULTILINE)) | set(re.findall(r"`make (\w+)`", README))
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "test" in named <= targets
    assert COMMAND.exists()
    assert len(README.splitlines()) <= 100
