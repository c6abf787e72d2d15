"""The pages of docs/ that are made from the code: `make openapi` writes them, and a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from emulator_gaps import BY_EMULATOR
from millrace.cli import main

DOCS = Path(__file__).parents[1] / "docs"
_WIDTH = 100


def pages() -> dict[str, str]:
    """Each page's text, by its name in docs/."""
    return {"commands.md": "\n".join(_commands()), "emulators.md": "\n".join(_emulators())}


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "This page is the help of every command, as `millrace COMMAND --help` prints it.\n"
    top = click.Context(main, info_name="millrace", terminal_width=_WIDTH, **main.context_settings)
    for context in _below(top):
        yield f"## {context.command_path}\n\n```\n{context.get_help()}\n```\n"


def _emulators() -> Iterator[str]:
    yield "# What the emulators cannot do\n"
    yield "No test runs on AWS. This page is what no test can show for that reason, or shows in another way."
    yield "ministack runs the local stack and the tests of deployments; moto's server is a second opinion on the ports."
    yield "Each gap that an emulator can show has a test, which fails when the gap is closed.\n"
    for emulator, gaps in BY_EMULATOR.items():
        yield f"## {emulator}\n\n| service | what it lacks | what follows | tried |\n|---|---|---|---|"
        for gap in gaps:
            yield f"| {gap.service} | {gap.lacks} | {gap.so} | {'yes' if gap.probe else 'no'} |"
        yield ""
    yield "## Every emulator\n"
    yield "Latency, scaling, prices, quotas of a new account, API Gateway's role for logs, and mail are AWS's alone."
    yield "[A first deployment](first-deployment.md) says what to look at there.\n"


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
