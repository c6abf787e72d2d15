"""Every command explains itself with examples that its own parser takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from millrace.cli import main


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = {" ".join(path): command for path, command in commands(main)}


def examples(command: click.Command) -> list[str]:
    """The lines behind "Example" in a command's help, of which each is for a shell."""
    _, found, behind = (command.help or "").partition("Example")
    lines = behind.partition(":")[2].split("\n\n")[0].replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip()] if found else []


def arguments(line: str) -> list[str]:
    """What stands behind `millrace` in a line for a shell."""
    inner = re.search(r"\$\((millrace [^)]*)\)", line)
    part = inner[1] if inner else next(each for each in re.split(r"\s*\|\s*", line) if "millrace" in each)
    words = shlex.split(part.partition(" > ")[0].partition(" < ")[0], comments=True)
    return words[words.index("millrace") + 1 :]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_it_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = examples(COMMANDS[name])
    assert shown, f"millrace {name} --help shows no example"
    for line in shown:
        given = arguments(line)
        for word in given:
            if word.endswith("/"):
                Path(word).mkdir(exist_ok=True)
            if re.fullmatch(r"[\w./-]+\.(gz|json|jsonl|yaml|csv)", word):  # a file that the command reads
                Path(word).parent.mkdir(parents=True, exist_ok=True)
                Path(word).touch()
        path = name.split()
        if given[: len(path)] != path:  # the same command, by its shorter name
            path = given[:1]
        assert COMMANDS[" ".join(path)] is COMMANDS[name], line
        COMMANDS[name].make_context(name, given[len(path) :]).close()


def test_the_help_shows_every_command_in_a_section() -> None:
    text = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    for name in main.list_commands(click.Context(main)):
        assert re.search(rf"^  {name} ", text, re.MULTILINE), name
    assert text.index("Send and ask:") < text.index("Operate a stage:") < text.index("Deploy it:")
