"""Options that commands share, and what they turn into before a command sees them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chalicelib.core.failures import REASONS
from chalicelib.core.windows import Span
from chalicelib.errors import StoreFailed
from millrace import output, stage_address
from millrace.command_error import CommandError
from millrace.ops import registry
from millrace.ops.selection import Selection, read_span

Command = Callable[..., Any]

state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MILLRACE_STATE",
    default=".millrace",
    show_default=True,
    help="Folder that keeps the local stack's state (MILLRACE_STATE).",
)
stage_option = click.option("--stage", envvar="MILLRACE_STAGE", help="A deployed stage; default: the local stack.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")


def client_options(command: Command) -> Command:
    """Options for the stage that a command speaks HTTP to, handed on as `client`, and for how it prints."""

    @functools.wraps(command)
    def with_client(*, url: str | None, stage: str | None, state: Path, key: str | None, **options: Any) -> Any:
        from millrace.io.client import Client  # not for commands that speak to AWS alone

        return command(client=Client(url or stage_address.stage_url(stage, state), key, say=output.say), **options)

    url = click.option("--url", envvar="MILLRACE_URL", help="The stage's address.")
    key = click.option(
        "--key",
        envvar="MILLRACE_KEY",
        help="A key of the project; better in MILLRACE_KEY, where no process list shows it.",
    )
    return url(key(stage_option(state_option(json_option(with_client)))))


def pipeline_options(command: Command, *, makes_project: bool = False) -> Command:
    """Options for the stage whose queue, table and archive a command works on, handed on as `pipeline`.

    A project that does not exist is a mistake, unless the command makes it.
    """

    @functools.wraps(command)
    def with_pipeline(*, stage: str | None, state: Path, **options: Any) -> None:
        try:
            pipeline = stage_address.stage_pipeline(stage, state)
            project = options.get("project") or getattr(options.get("selection"), "project", None)
            if project and not makes_project:
                registry.check_known(pipeline.projects, project)
            is_new = makes_project and pipeline.projects.get(str(project)) is None
            command(pipeline=pipeline, **options)
            if is_new:
                output.say(f"The project {project} is new.")
        except StoreFailed as error:
            raise CommandError(
                f"The stage did not answer. Run it again: what was done stays done. ({error})"
            ) from error

    return stage_option(state_option(json_option(with_pipeline)))


#: The same for a command that makes a project, and then says so.
making_options = functools.partial(pipeline_options, makes_project=True)


def time_span(span: dict[str, str | None]) -> Span:
    """The span that `span_options` hands on, for a command that doesn't leave it to the stage."""
    return read_span(span["from"], span["to"])


def span_options(command: Command) -> Command:
    """Options for the times that a command asks for, handed on as `span`."""

    @functools.wraps(command)
    def with_span(*, start: str | None, end: str | None, **options: Any) -> Any:
        read_span(start, end)
        return command(span={"from": start, "to": end}, **options)

    first = click.option("--from", "start", metavar="TIME", help="First time, as 2015-05-17 or 2015-05-17T10:00:00Z.")
    return first(click.option("--to", "end", metavar="TIME", help="The time after the last.")(with_span))


def selection_options(command: Command) -> Command:
    """Options for which messages a command is about, handed on as `selection`."""

    @functools.wraps(command)
    def with_selection(
        *, project: str | None, code: str | None, chunk: str | None, span: dict[str, str | None], **options: Any
    ) -> Any:
        selection = Selection(project, code, chunk, read_span(span["from"], span["to"]))
        return command(selection=selection, **options)

    only = click.option("--project", help="Only this project's.")
    why = click.option("--code", type=click.Choice(list(REASONS)), help="Only what is there for this reason.")
    which = click.option("--chunk", metavar="ID", help="Only this chunk, or this undecodable message.")
    return only(why(which(span_options(with_selection))))
