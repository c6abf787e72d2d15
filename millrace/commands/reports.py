"""The commands for reports: list them, and recompute them from the archive."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from chalicelib.wiring import Pipeline
from millrace import output
from millrace.commands.asking import report
from millrace.commands.options import pipeline_options, span_options, time_span
from millrace.ops import archive_scan
from millrace.ops import rebuild as rebuilding
from millrace.ops.rebuild import Archived


@click.group()
def reports() -> None:
    """List reports, or recompute them from the archive."""


reports.add_command(report, "list")


@reports.command()
@click.option("--project", help="Only this project; default: all projects in the archive.")
@span_options
@pipeline_options
def rebuild(*, pipeline: Pipeline, project: str | None, span: dict[str, str | None], as_json: bool) -> None:
    """Compute hour and day reports from the archive, and print where the live reports differ.

    The range is extended to whole days. Prints nothing if all agree. Exit status 3 if any differ.

    \b
    Example:
      millrace reports rebuild --from 2015-05-17 --to 2015-05-18 --json
    """
    whole, archived, now = rebuilding.whole_windows(time_span(span)), Archived(), datetime.now(UTC)
    with output.progress() as bar:
        objects = archive_scan.objects_of(pipeline.archive, whole)
        task = bar.add_task("reading", total=len(objects))
        for count in rebuilding.read(
            objects,
            span=whole,
            project=project,
            archive=pipeline.archive,
            commits=pipeline.commits,
            is_forgotten=lambda minted: pipeline.lifetimes.is_forgotten(minted, now),
            report_properties=pipeline.settings.report_properties,
            archived=archived,
        ):
            bar.advance(task, count)
    found = list(rebuilding.differences(archived, pipeline.reports, whole, project))
    if as_json:
        output.print_json(found)
    elif found:
        columns = ("project", "grain", "start", "live", "archive")
        output.print_table(columns, [[output.compact(each[name]) for name in columns] for each in found])
    if found and any(True for _ in pipeline.marks.all()):
        output.say("Some hours wait for the aggregator: run the command again after its next run.")
    if archived.unreadable:
        output.say(f"{archived.unreadable} lines of the archive are unreadable.")
    if found or archived.unreadable:
        raise SystemExit(3)
