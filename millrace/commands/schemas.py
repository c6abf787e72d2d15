"""The commands for event catalogues: push, list, show, remove."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chalicelib.wiring import Pipeline
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import dry_run_option, pipeline_options
from millrace.commands.sent_text import SENT_TEXT
from millrace.ops import catalogue_files
from millrace.ops.catalogue_files import Schemas

_project = click.option("--project", default="default", show_default=True, help="The catalogue's project.")


@click.group()
def schemas() -> None:
    """Manage event catalogues: JSON Schemas for the properties of each event type."""


@schemas.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_project
@click.option("--prune", is_flag=True, help="Remove schemas that are not in FOLDER.")
@dry_run_option
@pipeline_options
def push(pipeline: Pipeline, folder: Path, project: str, *, prune: bool, dry_run: bool, as_json: bool) -> None:
    """Register the schemas in FOLDER. The name of each *.json file is its event type.

    All schemas take effect together, within half a minute. `millrace projects set PROJECT --catalogue warn` (or
    enforce) makes the project use them.

    \b
    Example:
      millrace schemas push events/ --project shop --dry-run
    """
    pushed = catalogue_files.read_folder(folder)
    before = catalogue_files.catalogue_of(pipeline.projects, project)
    _print_difference(before, pushed if prune else before | pushed, as_json=as_json)
    if dry_run:
        return
    changed = catalogue_files.change_catalogue(
        pipeline.projects, project, lambda now: pushed if prune else now | pushed
    )
    if changed.catalogue_mode == "off":
        output.say(f"No event is checked yet: millrace projects set {project} --catalogue warn")


@schemas.command("list")
@_project
@pipeline_options
def list_schemas(pipeline: Pipeline, project: str, *, as_json: bool) -> None:
    """List the event types that have a schema.

    \b
    Example:
      millrace schemas list --project shop
    """
    found = catalogue_files.catalogue_of(pipeline.projects, project)
    rows = [{"event_type": name, "bytes": len(text)} for name, text in sorted(found.items())]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(("type", "bytes"), [list(row.values()) for row in rows])


@schemas.command()
@click.argument("event_type", metavar="TYPE", type=SENT_TEXT)
@_project
@pipeline_options
def show(pipeline: Pipeline, event_type: str, project: str, *, as_json: bool) -> None:
    """Show the registered schema of an event TYPE.

    \b
    Example:
      millrace schemas show signup --project shop
    """
    schema = json.loads(_schema_of(catalogue_files.catalogue_of(pipeline.projects, project), event_type, project))
    if as_json:
        output.print_json([schema])
    else:
        output.print_text(json.dumps(schema, indent=2, ensure_ascii=False))


@schemas.command()
@click.argument("event_type", metavar="TYPE", type=SENT_TEXT)
@_project
@dry_run_option
@pipeline_options
def remove(pipeline: Pipeline, event_type: str, project: str, *, dry_run: bool, as_json: bool) -> None:
    """Remove the schema of an event TYPE, so that its events are not checked any more.

    \b
    Example:
      millrace schemas remove signup --project shop
    """
    before = catalogue_files.catalogue_of(pipeline.projects, project)
    _schema_of(before, event_type, project)
    _print_difference(before, _without(before, event_type), as_json=as_json)
    if not dry_run:
        catalogue_files.change_catalogue(pipeline.projects, project, lambda now: _without(now, event_type))


def _without(schemas: Schemas, event_type: str) -> Schemas:
    return {name: text for name, text in schemas.items() if name != catalogue_files.as_kept(event_type)}


def _schema_of(schemas: Schemas, event_type: str, project: str) -> str:
    found = schemas.get(catalogue_files.as_kept(event_type))
    if found is None:
        raise CommandError(f"{project} has no schema for {event_type}. List its schemas with `millrace schemas list`.")
    return found


def _print_difference(before: Schemas, after: Schemas, *, as_json: bool) -> None:
    rows = catalogue_files.difference(before, after)
    if as_json:
        output.print_json({"event_type": name, "change": change} for name, change in rows)
    else:
        output.print_table(("type", "change"), rows)
