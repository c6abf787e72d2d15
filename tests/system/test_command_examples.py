"""Commands print what docs/commands.md shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_examples import FILES, examples, form
from local_stack import LocalStack, as_in_its_own_process
from millrace.cli import main


def test_commands_print_what_their_page_shows(
    own_stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, since each process of a command takes a third of a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_STATE", str(own_stack.state))
    for name, text in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    key_id = ""
    for example in examples():
        if example.line == "report":
            own_stack.run_schedule()
        line = re.sub(r"revoke \w+", f"revoke {key_id}", example.line)
        with as_in_its_own_process():
            printed = CliRunner().invoke(main, shlex.split(line)).output
        # Projects and keys of other tests stay.
        missing = [each for each in form(example.output) if each not in form(printed)]
        assert (example.line, missing) == (example.line, []), printed
        key_id = next(iter(re.findall(r"mw_([0-9a-f]{12})_", printed)), key_id)
