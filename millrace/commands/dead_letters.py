"""The commands for the dead-letter queue: dlq list, show, replay, quarantine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from chalicelib.wiring import Pipeline
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import dry_run_option, pipeline_options, selection_options
from millrace.ops import dead_letter_moves
from millrace.ops.dead_letter_moves import MoveOutcome
from millrace.ops.dead_letters import DeadLetter, DeadLetterScan
from millrace.ops.selection import Selection

_COLUMNS = ("id", "project", "code", "events", "received_at", "last_failed_at", "deliveries")


@click.group()
def dlq() -> None:
    """List dead letters, send them back, or move them to the quarantine. They are never simply deleted."""


@dlq.command(name="list")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@selection_options
@pipeline_options
def list_(pipeline: Pipeline, selection: Selection, limit: int, *, as_json: bool) -> None:
    """List dead letters and the reasons of their failures. They stay in the queue.

    \b
    Example:
      millrace dlq list --project acme --code commit_failed
    """
    with _round(pipeline) as scan:
        rows = [dead_letter.to_json() for dead_letter in itertools.islice(_selected(scan, selection), limit or None)]
    output.show_rows(rows, _COLUMNS, as_json=as_json)


@dlq.command()
@click.argument("name", metavar="ID")
@pipeline_options
def show(pipeline: Pipeline, name: str, *, as_json: bool) -> None:
    """Show one whole dead letter, by its chunk_id, or by its message id if it is undecodable.

    \b
    Example:
      millrace dlq show 01M83R65PBPAHAWPN5Q45HM2TH-2026-11-23T08
    """
    with _round(pipeline) as scan:
        found = next(_selected(scan, Selection(chunk=name)), None)
    if found is None:
        raise CommandError(f"No visible dead letter has the id {name}. List them with: millrace dlq list")
    output.show(found.to_json() | {"message": found.message.body}, as_json=as_json)


@dlq.command()
@click.option("--limit", type=click.IntRange(min=0), default=0, show_default=True, help="How many; 0: all.")
@dry_run_option
@selection_options
@pipeline_options
def replay(pipeline: Pipeline, selection: Selection, limit: int, *, dry_run: bool, as_json: bool) -> None:
    """Send dead letters back to the queue to be processed. Safe to repeat at any time.

    Without a filter, SQS itself moves them all if it can. Exit status 3 if any message could not be moved.

    \b
    Examples:
      millrace dlq replay --dry-run
      millrace dlq replay --code owner_unknown --from 2026-11-23
    """
    outcome = MoveOutcome()
    if dry_run:
        _tell_plan(pipeline, selection, limit, as_json=as_json)
        return
    if selection.is_everything and not limit and pipeline.dead_letters.start_moving_all():
        _follow_move(pipeline, outcome)
    else:
        with _round(pipeline) as scan:
            _show_progress(pipeline, dead_letter_moves.redrive(scan, selection, limit, outcome, queue=pipeline.queue))
    _finish(outcome, as_json=as_json)


@dlq.command()
@click.option("--limit", type=click.IntRange(min=0), default=0, show_default=True, help="How many; 0: all.")
@dry_run_option
@selection_options
@pipeline_options
def quarantine(pipeline: Pipeline, selection: Selection, limit: int, *, dry_run: bool, as_json: bool) -> None:
    """Move whole dead letters into the quarantine, where they do not expire. Safe to repeat at any time.

    From there, `millrace quarantine replay` sends chunks again. Exit status 3 if any message could not be moved.

    \b
    Example:
      millrace dlq quarantine --code not_a_chunk
    """
    outcome = MoveOutcome()
    if dry_run:
        _tell_plan(pipeline, selection, limit, as_json=as_json)
        return
    now = datetime.now(UTC)
    with _round(pipeline) as scan:
        moving = dead_letter_moves.move_to_quarantine(
            scan, selection, limit, outcome, quarantine=pipeline.quarantine, now=now
        )
        _show_progress(pipeline, moving)
    _finish(outcome, as_json=as_json)


def _round(pipeline: Pipeline) -> DeadLetterScan:
    return DeadLetterScan(pipeline.dead_letters, pipeline.commits, pipeline.failure_notes, now=datetime.now(UTC))


def _selected(scan: DeadLetterScan, selection: Selection) -> Iterator[DeadLetter]:
    return (dead_letter for some in scan.batches() for dead_letter in some if dead_letter.is_in(selection))


def _tell_plan(pipeline: Pipeline, selection: Selection, limit: int, *, as_json: bool) -> None:
    with _round(pipeline) as scan:
        chosen = list(itertools.islice(_selected(scan, selection), limit or None))
    output.show({"dry_run": True, "selected": len(chosen)}, as_json=as_json, counted="messages")


def _show_progress(pipeline: Pipeline, looked_at: Iterator[int]) -> None:
    with output.progress() as bar:
        task = bar.add_task("dead letters", total=pipeline.dead_letters.depth())
        for count in looked_at:
            bar.advance(task, count)


def _follow_move(pipeline: Pipeline, outcome: MoveOutcome) -> None:
    output.say("SQS itself moves all dead letters. Ctrl-C does not stop the move.")
    with output.progress() as bar:
        task = bar.add_task("dead letters", total=pipeline.dead_letters.depth())
        for moved in dead_letter_moves.move_all(pipeline.dead_letters):
            bar.update(task, completed=moved)
            outcome.moved = moved


def _finish(outcome: MoveOutcome, *, as_json: bool) -> None:
    for problem in outcome.problems:
        output.say(problem)
    output.show(outcome.to_json(), as_json=as_json, counted="messages")
    if outcome.failed or outcome.copies_left:
        output.say("Some messages could not be moved, or left a harmless copy in the queue. Run the command again.")
    if not outcome.is_clean:
        raise SystemExit(3)
