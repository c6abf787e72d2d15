"""Options that several commands share, and the arguments that commands get for them."""

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
    help="Folder with the local stack's state (MILLRACE_STATE).",
)
stage_option = click.option("--stage", envvar="MILLRACE_STAGE", help="A deployed stage; default: the local stack.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one document per line.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Change nothing, and print what would be done.")


def client_options(command: Command) -> Command:
    """Add the options of commands that use a stage's HTTP API. The command gets a `client`, and `as_json`."""

    @functools.wraps(command)
    def with_client(*, url: str | None, stage: str | None, state: Path, key: str | None, **options: Any) -> Any:
        from millrace.io.client import Client  # commands that only use AWS do not need it

        return command(client=Client(url or stage_address.stage_url(stage, state), key, say=output.say), **options)

    url = click.option("--url", envvar="MILLRACE_URL", help="The stage's address.")
    key = click.option(
        "--key",
        envvar="MILLRACE_KEY",
        help="A key of the project. MILLRACE_KEY is safer: no process list shows it.",
    )
    return url(key(stage_option(state_option(json_option(with_client)))))


def pipeline_options(command: Command, *, makes_project: bool = False) -> Command:
    """Add the options of commands that use a stage's queue, table and archive. The command gets a `pipeline`.

    A project that does not exist is an error, unless the command creates it.
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
                f"The stage did not answer. Run the command again: finished work is kept. ({error})"
            ) from error

    return stage_option(state_option(json_option(with_pipeline)))


#: The same options for a command that may create a project. Then the command says that it did.
making_options = functools.partial(pipeline_options, makes_project=True)


def time_span(span: dict[str, str | None]) -> Span:
    """Return the span of `span_options`, for a command that evaluates it itself."""
    return read_span(span["from"], span["to"])


def span_options(command: Command) -> Command:
    """Add the options for a range of times. The command gets a `span`."""

    @functools.wraps(command)
    def with_span(*, start: str | None, end: str | None, **options: Any) -> Any:
        read_span(start, end)
        return command(span={"from": start, "to": end}, **options)

    first = click.option(
        "--from", "start", metavar="TIME", help="Begin, inclusive, e.g. 2015-05-17 or 2015-05-17T10:00:00Z."
    )
    return first(click.option("--to", "end", metavar="TIME", help="End, exclusive.")(with_span))


def selection_options(command: Command) -> Command:
    """Add the options that select messages. The command gets a `selection`."""

    @functools.wraps(command)
    def with_selection(
        *, project: str | None, code: str | None, chunk: str | None, span: dict[str, str | None], **options: Any
    ) -> Any:
        selection = Selection(project, code, chunk, read_span(span["from"], span["to"]))
        return command(selection=selection, **options)

    only = click.option("--project", help="Only messages of this project.")
    why = click.option("--code", type=click.Choice(list(REASONS)), help="Only messages that failed for this reason.")
    which = click.option("--chunk", metavar="ID", help="Only this chunk, or this undecodable message.")
    return only(why(which(span_options(with_selection))))
