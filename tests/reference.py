"""The pages of docs/ that are made from the code: `make openapi` writes them, and a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from command_examples import ELSEWHERE, FILES, examples
from emulator_gaps import BY_EMULATOR
from millrace.cli import main

DOCS = Path(__file__).parents[1] / "docs"
_WIDTH = 100


def pages() -> dict[str, str]:
    """Each page's text, by its name in docs/."""
    return {"commands.md": "\n".join(_commands()), "emulators.md": "\n".join(_emulators())}


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "This page has the help of every command, as `millrace COMMAND --help` prints it, and an example with output."
    yield "The examples use these files:\n"
    for name, text in FILES.items():
        yield f"```\n$ cat {name}\n{text}```\n"
    top = click.Context(main, info_name="millrace", terminal_width=_WIDTH, **main.context_settings)
    for context in _below(top):
        yield f"## {context.command_path}\n\n```\n{context.get_help()}\n```\n"
        if not isinstance(context.command, click.Group):
            yield from _output(context.command_path.removeprefix("millrace "))


def _output(command: str) -> Iterator[str]:
    yield from (f"```\n{each.shown}```\n" for each in examples() if f"{each.line} ".startswith(f"{command} "))
    if page := ELSEWHERE.get(command):
        yield f"An example with its output is on another page: [{page}]({page}).\n"


def _emulators() -> Iterator[str]:
    yield "# What the emulators cannot do\n"
    yield "Tests run on emulators, not on AWS. This page lists what the emulators cannot do, and how the tests"
    yield "make up for it."
    yield "ministack runs the local stack and the tests of deployments. Moto's server is a second emulator for"
    yield "the tests of ports."
    yield "If the last column says yes, a test shows the gap. The test fails when a new version closes it.\n"
    for emulator, gaps in BY_EMULATOR.items():
        yield f"## {emulator}\n\n| service | gap | consequence | has a test |\n|---|---|---|---|"
        for gap in gaps:
            yield f"| {gap.service} | {gap.lacks} | {gap.so} | {'yes' if gap.probe else 'no'} |"
        yield ""
    yield "## Every emulator\n"
    yield "No emulator can show latency, scaling, prices, quotas of a new account, API Gateway's role for logs,"
    yield "and mail."
    yield "[A first deployment](first-deployment.md) says how to check them on AWS.\n"


def _below(parent: click.Context) -> Iterator[click.Context]:
    """A context for every command of a group and of the groups in it."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command
        context = click.Context(command, parent=parent, info_name=name)
        yield context
        if isinstance(command, click.Group):
            yield from _below(context)


if __name__ == "__main__":
    for page, text in pages().items():
        (DOCS / page).write_text(text)
