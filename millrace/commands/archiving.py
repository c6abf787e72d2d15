"""The commands for the archive: replay, sweep and erase. Erase works on the table too."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, replace
from datetime import UTC, datetime

import click

from chalicelib.core.windows import DAY
from chalicelib.errors import StoreFailed
from chalicelib.flows import query
from chalicelib.wiring import Pipeline
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import dry_run_option, pipeline_options, span_options, time_span
from millrace.commands.sent_text import SENT_TEXT
from millrace.io.receipts import MOST_WAITING, Receipts
from millrace.ops import archive_replay, archive_scan, erasure
from millrace.ops import sweep as sweeping
from millrace.ops.archive_replay import Replayed, Selection
from millrace.ops.erasure import Erased, Eraser, Person
from millrace.ops.sweep import Swept

project_option = click.option("--project", help="Only this project; default: all.")


@click.command()
@click.option("--type", "event_type", type=SENT_TEXT, help="Only events of this type.")
@project_option
@span_options
@click.option("--after", metavar="OBJECT", default="", help="Continue after this object, named by an interrupted run.")
@click.option("--expired", is_flag=True, help="Include events that expired in the table. Only for an empty table.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=300, show_default=True, help="Seconds to wait for receipts."
)
@dry_run_option
@pipeline_options
def replay(
    *,
    pipeline: Pipeline,
    span: dict[str, str | None],
    project: str | None,
    event_type: str | None,
    after: str,
    wait: float,
    expired: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send archived events through the pipeline again. Stored events become duplicates.

    --from and --to select by event time.

    Restores events and counters into an empty table, and adds nothing to a healthy one. Safe while the pipeline runs,
    and safe to repeat. Exit status 3 if lines were unreadable or events were not processed in time.

    \b
    Examples:
      millrace replay --from 2015-05-17 --to 2015-05-18 --type page_view --dry-run
      millrace replay --json
    """
    now = datetime.now(UTC)
    # Events that may expire before they are processed are left out. They would be stored as new ones and counted twice,
    # since counters live longer.
    selection = Selection(time_span(span), project, event_type, None if expired else pipeline.lifetimes, now)
    totals = Replayed()
    with output.progress() as bar:
        objects = archive_scan.objects_of(pipeline.archive, selection.span)
        if after and after not in {each.name for each in objects}:
            raise CommandError(f"--after: no archived object of these times has the name {after!r}. Check the name.")
        objects = [each for each in objects if each.name > after]
        task, last = bar.add_task("replaying", total=len(objects)), after
        receipts = Receipts[tuple[str, str]](lambda chunk: _receipt(pipeline, *chunk), totals, wait, output.say)
        try:
            for step in archive_replay.replay(
                objects,
                selection=selection,
                archive=pipeline.archive,
                commits=pipeline.commits,
                queue=None if dry_run else pipeline.queue,
                now=now,
                totals=totals,
            ):
                last = step.last
                bar.advance(task, step.objects)
                receipts.add(step.queued)
                for _ in receipts.collect(leave=MOST_WAITING):
                    pass
        except (StoreFailed, KeyboardInterrupt) as error:
            where = f"--after {last}" if last else "the same command"
            raise CommandError(f"The replay was interrupted ({error or 'Ctrl-C'}). Continue with {where}.") from error
        task = bar.add_task("receipts", total=totals.chunks_in_flight)
        for count in receipts.collect():
            bar.advance(task, count)
    output.show(asdict(totals), as_json=as_json, counted="number")
    if not totals.is_clean:
        raise SystemExit(3)


def _receipt(pipeline: Pipeline, chunk_id: str, project: str) -> dict[str, object]:
    return query.get_receipt(
        chunk_id,
        project=project,
        commits=pipeline.commits,
        quarantine=pipeline.quarantine,
        failure_notes=pipeline.failure_notes,
        lifetimes=pipeline.lifetimes,
        now=datetime.now(UTC),
    )


@click.command()
@click.option("--project", required=True, help="The project that the user belongs to.")
@click.option(
    "--user",
    type=SENT_TEXT,
    required=True,
    help="The user_id, or the anonymous_id of events without a user_id. Give - to read it as JSON from standard input.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@dry_run_option
@pipeline_options
def erase(*, pipeline: Pipeline, project: str, user: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Erase a user's events from table, counts, reports and archive, for good.

    Only the events' identities are kept, so that an event that is sent again is not stored as a new one. Events from
    before the user was known are stored under an anonymous id. They are not erased, since several users may share a
    device. The command prints the anonymous ids in the user's events. Erase these separately.

    Prints a receipt and stores it in the archive. Exit status 3 if events were left.

    \b
    Examples:
      millrace erase --project default --user u123 --dry-run
      millrace erase --project default --user u123 --yes --json
    """
    started, totals, left = datetime.now(UTC), Erased(), dict[str, int]()
    person = Person(project, unicodedata.normalize("NFC", user))
    if not (yes or dry_run):
        click.confirm(f"Erase all events of {user!r} in {project!r}? They cannot be restored.", abort=True, err=True)
    for stored_as in _ids_of(pipeline, person):
        eraser = Eraser(
            stored_as,
            events=pipeline.events,
            commits=pipeline.commits,
            quarantine=pipeline.quarantine,
            erasure=pipeline.erasure,
            archive=pipeline.archive,
            is_settled=lambda minted: pipeline.lifetimes.is_settled(minted, started),
            dry_run=dry_run,
            totals=totals,
        )
        left |= _erase(eraser)
    receipt = erasure.receipt(person, totals, started, datetime.now(UTC))
    for stored_as in [] if dry_run else _ids_of(pipeline, person):
        pipeline.erasure.save_receipt(erasure.receipt_name(receipt, stored_as), json.dumps(receipt))
    output.show(receipt | ({"anonymous_ids": left} if left and as_json else {}), as_json=as_json)
    for anonymous_id, number in left.items():
        output.say(f"The user's events contain the anonymous id {anonymous_id!r}. Events left under this id: {number}.")
    if len(_ids_of(pipeline, person)) > 1:
        output.say("Searched under the id as sent, and under the hash that the project stores instead.")
    if not any(asdict(totals).values()):
        output.say(f"No events of {user!r} were found in {project!r}. Check both names: a user id is case-sensitive.")
    if not totals.is_settled:
        output.say("Some events or lines were left. docs/erasing.md says for each number what to do.")
    if not totals.is_complete:
        raise SystemExit(3)


def _ids_of(pipeline: Pipeline, person: Person) -> list[Person]:
    """Return the person under each id that events may have: the id as sent, and the id as the project stores it."""
    project = pipeline.projects.get(person.project)
    hidden = project.user_as_stored(person.user) if project else person.user
    return [replace(person, user=user) for user in dict.fromkeys((person.user, hidden))]


def _erase(eraser: Eraser) -> dict[str, int]:
    """Erase events and archived lines. Return how many events are left under the person's anonymous ids."""
    with output.progress() as bar:
        task = bar.add_task("events", total=None)
        for count in eraser.erase_events():
            bar.advance(task, count)
        objects = list(eraser.archive.find())
        task = bar.add_task("archive", total=len(objects))
        for count in eraser.erase_lines(objects):
            bar.advance(task, count)
        eraser.count_left()
    return eraser.count_anonymous()


@click.command()
@span_options
@dry_run_option
@pipeline_options
def sweep(*, pipeline: Pipeline, span: dict[str, str | None], dry_run: bool, as_json: bool) -> None:
    """Remove archived objects that crashes left. No event is lost: each is also in an object of a commit record.

    Also removes all hour summaries that crashes left. --from and --to do not apply to them.

    Examines objects that were processed between --from and --to. Skips objects that a worker may still commit, and
    objects whose commit records may have expired. Exit status 3 if an object holds unreadable lines.

    \b
    Example:
      millrace sweep --dry-run
    """
    now, wanted, totals = datetime.now(UTC), time_span(span), Swept()
    with output.progress() as bar:
        objects = [
            each
            for each in pipeline.archive.find(DAY.name_of(wanted.first))
            if sweeping.may_be_judged(each, now, pipeline.lifetimes) and sweeping.was_processed(each, wanted)
        ]
        task = bar.add_task("sweeping", total=len(objects))
        for count in sweeping.sweep(
            objects, archive=pipeline.archive, commits=pipeline.commits, totals=totals, dry_run=dry_run
        ):
            bar.advance(task, count)
    sweeping.sweep_summaries(pipeline.hour_summaries, now, totals, dry_run=dry_run)
    output.show(asdict(totals), as_json=as_json, counted="number")
    if totals.unreadable:
        raise SystemExit(3)
