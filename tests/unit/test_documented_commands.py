"""Commands in the documentation exist, with the options and the choices that the pages name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from millrace.cli import main

ROOT = Path(__file__).parents[2]
PAGES = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
#: Pages that speak of former versions, and a page that is made from the commands themselves.
ELSEWHERE = ("CHANGELOG.md", "docs/commands.md", "tests/")


def commands(page: str) -> Iterator[list[str]]:
    """The words behind `millrace` of each command in a code span or a code block."""
    text = page.replace("\\\n", " ")
    code = re.findall(r"`(millrace [^`\n]+)`|^(?: {4}|\$ )[^\n#]*?(millrace [^\n]*)$", text, re.MULTILINE)
    for spans in code:
        for found in re.findall(r"(?:^|[/\s(])millrace ([a-z][^\n|&;>#)]*)", " ".join(spans)):
            yield [word for word in found.replace("'", "").replace("\\", "").split() if word[0] not in "[<"]


def mistake(words: list[str]) -> str:
    """What is wrong with a command; empty if nothing is."""
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command {name}"
        command, context = found, click.Context(found, context)
    try:
        given, _, order = command.make_parser(context).parse_args([word for word in words if word != "..."])
        for option in order:
            if isinstance(option.type, click.Choice) and isinstance(value := given.get(str(option.name)), str):
                option.type.convert(value, option, context)
    except click.BadOptionUsage:
        return ""  # an option is named without its value
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith(ELSEWHERE)])
def test_the_commands_of_a_page_exist(page: str) -> None:
    wrong = {" ".join(words): mistake(words) for words in commands((ROOT / page).read_text())}
    assert {words: why for words, why in wrong.items() if why} == {}


def test_a_command_that_does_not_exist_is_found() -> None:
    wrong = (
        "`millrace dlq bury`\n\n    .venv/bin/millrace send --fast FILE\n    millrace keys create --kind gold | cat\n"
    )
    assert [bool(mistake(words)) for words in commands(wrong)] == [True, True, True]
    right = "    .venv/bin/millrace send --json FILE > out # `millrace dlq`\n"
    assert [mistake(words) for words in commands(right)] == [""]
