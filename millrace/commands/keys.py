"""The commands for keys: create, list, rotate, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from chalicelib.core.access_key import KINDS, AccessKey
from chalicelib.wiring import Pipeline
from millrace import output
from millrace.commands.options import making_options, pipeline_options
from millrace.ops import registry

_project = click.option("--project", default="default", show_default=True, help="The key's project.")
_kind = click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="write",
    show_default=True,
    help="write: may send events and read their receipts, and may be public. read: may query, and is secret.",
)


@click.group()
def keys() -> None:
    """Manage the keys with which clients send and query events."""


@keys.command()
@_project
@_kind
@making_options
def create(pipeline: Pipeline, project: str, kind: str, *, as_json: bool) -> None:
    """Create a key, and the project if it does not exist. The key is shown only once.

    \b
    Example:
      millrace keys create --project shop --kind read
    """
    key, kept = registry.create_key(pipeline.projects, project, kind, datetime.now(UTC))
    _show_new(key, kept.project, kind, as_json=as_json)


@keys.command("list")
@click.option("--project", help="Only this project's keys.")
@pipeline_options
def list_keys(pipeline: Pipeline, project: str | None, *, as_json: bool) -> None:
    """List keys by their ids. The keys themselves are not stored.

    \b
    Example:
      millrace keys list --project shop
    """
    rows = [_row(key) for key in pipeline.projects.all_keys() if project in (None, key.project)]
    output.show_rows(rows, ("id", "project", "kind", "created", "expires"), as_json=as_json)


@keys.command()
@click.option("--project", required=True, help="The project whose keys are replaced.")
@_kind
@click.option(
    "--grace-hours",
    type=click.FloatRange(min=0, max=24 * 365),
    default=24,
    show_default=True,
    help="How long the older keys still work; 0: not at all.",
)
@pipeline_options
def rotate(pipeline: Pipeline, project: str, kind: str, grace_hours: float, *, as_json: bool) -> None:
    """Create a key that replaces all other keys of the project and kind. They stop working after a grace period.

    \b
    Example:
      millrace keys rotate --project shop --kind write --grace-hours 48
    """
    key = registry.rotate_keys(
        pipeline.projects, project, kind, now=datetime.now(UTC), grace=timedelta(hours=grace_hours)
    )
    _show_new(key, project, kind, as_json=as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@pipeline_options
def revoke(pipeline: Pipeline, key_id: str, *, as_json: bool) -> None:
    """Revoke a key by its ID, as `keys list` shows it. It stops working within half a minute.

    \b
    Example:
      millrace keys revoke 5f2c7a90b1d3
    """
    revoked = registry.revoke_key(pipeline.projects, key_id)
    if as_json:
        output.print_json([_row(revoked)])
    else:
        output.say(f"Revoked {revoked.key_id}, a {revoked.kind} key of {revoked.project}.")


def _show_new(key: str, project: str, kind: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json([{"key": key, "project": project, "kind": kind}])
        return
    output.say(f"A {kind} key of {project}. It is shown only once:")
    click.echo(key)


def _row(key: AccessKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "project": key.project,
        "kind": key.kind,
        "created": f"{key.created:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{key.expires:%Y-%m-%dT%H:%M:%SZ}" if key.expires else "",
    }
