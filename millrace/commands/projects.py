"""The commands for projects: list, show, set."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import click

from chalicelib.core import timestamps
from chalicelib.core.project import CATALOGUE_MODES, IDENTIFY_BY, IP_MODES, Project
from chalicelib.wiring import Pipeline
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import making_options, pipeline_options
from millrace.commands.sent_text import SENT_TEXT
from millrace.ops import registry

_names = functools.partial(click.option, multiple=True, metavar="NAME", type=SENT_TEXT)


@click.group()
def projects() -> None:
    """Manage projects: what they may send, and which values are stored."""


@projects.command("list")
@pipeline_options
def list_projects(pipeline: Pipeline, *, as_json: bool) -> None:
    """List projects with their settings.

    \b
    Example:
      millrace projects list --json
    """
    _print(pipeline.projects.all(), as_json=as_json)


@projects.command()
@click.argument("project")
@pipeline_options
def show(pipeline: Pipeline, project: str, *, as_json: bool) -> None:
    """Show a project's settings.

    \b
    Example:
      millrace projects show shop
    """
    _print([pipeline.projects.get(project) or Project(project)], as_json=as_json)


@projects.command("set")
@click.argument("project")
@click.option("--quota", type=click.IntRange(min=0), help="Events per minute; 0: no limit.")
@click.option(
    "--old-hours", type=click.IntRange(min=0), help="Different hours older than yesterday, per day; 0: no limit."
)
@click.option("--earliest", metavar="TIME", help="Reject events with an earlier time; 'any': accept every time again.")
@click.option("--identify-by", type=click.Choice(IDENTIFY_BY), help="What identifies an event that has an event_id.")
@click.option("--max-event-bytes", type=click.IntRange(min=0), help="Largest event; 0: the limit of its dialect.")
@click.option("--ip", type=click.Choice(IP_MODES), help="How IP addresses are stored.")
@_names("--drop-property", "dropped", help="Never store this property; may be repeated.")
@_names("--keep-property", "kept", help="Store this property again; may be repeated.")
@click.option("--drop-emails/--keep-emails", "drops_emails", default=None, help="Store no mail addresses.")
@click.option("--hash-user-ids/--keep-user-ids", "hashes_users", default=None, help="Store a keyed hash of user ids.")
@click.option(
    "--catalogue", type=click.Choice(CATALOGUE_MODES), help="What happens to events that violate their schema."
)
@making_options
def set_project(pipeline: Pipeline, project: str, *, as_json: bool, **settings: Any) -> None:
    """Change a project's settings, or create the project. Other settings stay. Takes effect within half a minute.

    Settings apply to events that arrive from then on. Stored events stay as they are.

    \b
    Example:
      millrace projects set shop --quota 6000 --ip truncate --drop-property email --hash-user-ids
    """
    changed = registry.change_project(pipeline.projects, project, lambda before: _changed(before, **settings))
    _print([changed], as_json=as_json)


def _changed(
    project: Project,
    *,
    quota: int | None,
    old_hours: int | None,
    earliest: str | None,
    identify_by: str | None,
    max_event_bytes: int | None,
    ip: str | None,
    dropped: tuple[str, ...],
    kept: tuple[str, ...],
    drops_emails: bool | None,
    hashes_users: bool | None,
    catalogue: str | None,
) -> Project:
    return replace(
        project,
        quota=project.quota if quota is None else quota or None,
        old_hours=project.old_hours if old_hours is None else old_hours or None,
        earliest=project.earliest if earliest is None else _time_in(earliest),
        identify_by=identify_by or project.identify_by,
        max_event_bytes=project.max_event_bytes if max_event_bytes is None else max_event_bytes or None,
        ip=ip or project.ip,
        dropped=(project.dropped | set(dropped)) - set(kept),
        drops_emails=project.drops_emails if drops_emails is None else drops_emails,
        hashes_users=project.hashes_users if hashes_users is None else hashes_users,
        catalogue_mode=catalogue or project.catalogue_mode,
    )


def _time_in(text: str) -> str | None:
    if text == "any":
        return None
    try:
        return timestamps.sortable(timestamps.parse_loosely(text))
    except (ValueError, OverflowError) as error:
        raise CommandError(f"--earliest: {error}.") from error


def _print(projects: list[Project], *, as_json: bool) -> None:
    output.show_rows(map(_row, projects), _row(Project("")), as_json=as_json)


def _row(project: Project) -> dict[str, Any]:
    return {
        "project": project.name,
        "quota": project.quota,
        "old_hours": project.old_hours,
        "earliest": project.earliest and timestamps.readable(project.earliest),
        "identify_by": project.identify_by,
        "max_event_bytes": project.max_event_bytes,
        "ip": project.ip,
        "drop_properties": sorted(project.dropped),
        "drop_emails": project.drops_emails,
        "hash_user_ids": project.hashes_users,
        "catalogue": project.catalogue_mode,
    }
