"""The commands for the quarantine: list, show, replay, discard."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from chalicelib.core.failures import Quarantined
from chalicelib.wiring import Pipeline
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import dry_run_option, pipeline_options, selection_options
from millrace.ops import erasure, quarantine_replay
from millrace.ops.selection import Selection

_COLUMNS = ("id", "project", "code", "events", "received_at", "quarantined_at")


@click.group()
def quarantine() -> None:
    """List quarantined messages, send them again, or discard those that are no chunks.

    The entry of a chunk stays until the chunk is committed.
    """


@quarantine.command(name="list")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@selection_options
@pipeline_options
def list_(pipeline: Pipeline, selection: Selection, limit: int, *, as_json: bool) -> None:
    """List the messages in the quarantine and their reasons.

    \b
    Example:
      millrace quarantine list --project acme --code too_old
    """
    rows = [
        quarantine_replay.to_json(entry) for entry in quarantine_replay.selected(pipeline.quarantine, selection, limit)
    ]
    output.show_rows(rows, _COLUMNS, as_json=as_json)


@quarantine.command()
@click.argument("name", metavar="ID")
@pipeline_options
def show(pipeline: Pipeline, name: str, *, as_json: bool) -> None:
    """Show one whole entry, by its chunk_id, or by its message id if it is undecodable.

    \b
    Example:
      millrace quarantine show 01M83R65PBPAHAWPN5Q45HM2TH-2026-11-23T08
    """
    entry = _entry(pipeline, name)
    kept = json.loads(pipeline.quarantine.content(entry) or "{}")
    output.show(quarantine_replay.to_json(entry) | kept, as_json=as_json)


@quarantine.command()
@click.argument("name", metavar="ID")
@pipeline_options
def discard(pipeline: Pipeline, name: str, *, as_json: bool) -> None:
    """Delete one undecodable message, by its message id. Show it first: nothing brings it back.

    A chunk has accepted events, so no command deletes it.

    \b
    Example:
      millrace quarantine discard 43644e95-9395-462c-a61d-989ceea1eb20
    """
    entry = _entry(pipeline, name)
    if entry.project:
        raise CommandError(f"{name} is a chunk with accepted events. Send it again: millrace quarantine replay")
    pipeline.quarantine.remove(entry)
    output.show({"discarded": name}, as_json=as_json)


def _entry(pipeline: Pipeline, name: str) -> Quarantined:
    """Return the entry with this id. Raises CommandError if there is none."""
    for entry in quarantine_replay.selected(pipeline.quarantine, Selection(chunk=name), 1):
        return entry
    raise CommandError(f"No entry of the quarantine has the id {name}. List them with: millrace quarantine list")


@quarantine.command()
@click.option("--limit", type=click.IntRange(min=0), default=0, show_default=True, help="How many; 0: all.")
@click.option("--renew", is_flag=True, help="Reset the age of chunks that are too old.")
@dry_run_option
@selection_options
@pipeline_options
def replay(pipeline: Pipeline, selection: Selection, limit: int, *, renew: bool, dry_run: bool, as_json: bool) -> None:
    """Send quarantined chunks again, under their own chunk_id. Safe to repeat at any time.

    An entry leaves the quarantine when its chunk is committed. Exit status 3 if any entry could not be sent.

    \b
    Examples:
      millrace quarantine replay --dry-run
      millrace quarantine replay --code too_old --renew
    """
    entries, outcome = (
        quarantine_replay.selected(pipeline.quarantine, selection, limit),
        quarantine_replay.ReplayOutcome(),
    )
    with output.progress() as bar:
        task = bar.add_task("quarantined", total=len(entries))
        for count in quarantine_replay.replay(
            entries,
            outcome,
            queue=pipeline.queue,
            quarantine=pipeline.quarantine,
            now=datetime.now(UTC),
            lifetimes=pipeline.lifetimes,
            erased=erasure.erased_since(pipeline.erasure.receipts()),
            renew=renew,
            dry_run=dry_run,
        ):
            bar.advance(task, count)
    for problem in outcome.problems:
        output.say(problem)
    document = {"dry_run": True, **outcome.to_json()} if dry_run else outcome.to_json()
    output.show(document, as_json=as_json, counted="entries")
    if not outcome.is_clean:
        raise SystemExit(3)
