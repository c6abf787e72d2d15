"""The commands that print events: to files, and to the terminal as they arrive; and shell completion."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.shell_completion import get_completion_class

from chalicelib.core.event import user_of
from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import client_options, span_options
from millrace.commands.sent_text import SENT_TEXT
from millrace.io import export as exporting
from millrace.io.client import Client, Refused
from millrace.io.exchange import NoAnswer

# An event can be queried some seconds after its own time. Clients' clocks add some more.
_LOOK_BACK = timedelta(minutes=2)
_SERVER_ERRORS = 500


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
@click.option("--format", "format_name", type=click.Choice(list(exporting.WRITERS)), default="json", show_default=True)
@click.option("--user", type=SENT_TEXT, help="Only this user's events.")
@click.option("--type", "event_type", type=SENT_TEXT, help="Only events of this type.")
@span_options
@client_options
def export(
    client: Client,
    span: dict[str, str],
    *,
    file: str,
    format_name: str,
    user: str | None,
    event_type: str | None,
    as_json: bool,
) -> None:
    """Write events, newest first, to FILE (default: standard output).

    FILE is replaced only when the export is complete: an interrupted export leaves the old file. Formats are JSON
    lines, CSV (cells that a spreadsheet would execute get an apostrophe), and Parquet.
    --json prints the number of events, unless the events themselves go to standard output.

    \b
    Examples:
      millrace export events.csv --format csv --from 2015-05-17 --to 2015-05-18
      millrace export --type page_view | gzip > page_views.jsonl.gz
    """
    rows = client.pages("/events", "events", 0, user_id=user, event_type=event_type, **span)
    count = 0
    with output.progress() as bar, exporting.whole_file(file) as target:
        task = bar.add_task("exporting", total=None)
        for written in exporting.WRITERS[format_name](rows, target):
            count += written
            bar.advance(task, written)
    if as_json and file != "-":
        output.print_json([{"events": count}])
    else:
        output.say(f"{count} events")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Continue until Ctrl-C.")
@click.option("--user", type=SENT_TEXT, help="Only this user's events.")
@click.option("--type", "event_type", type=SENT_TEXT, help="Only events of this type.")
@click.option(
    "--every", type=click.FloatRange(min=0.2), default=1.0, show_default=True, help="Seconds between queries."
)
@client_options
def tail(
    client: Client, user: str | None, event_type: str | None, every: float, *, follow: bool, as_json: bool
) -> None:
    """Print the events of the last two minutes by their own time, oldest first. With -f, also print new ones.

    Events that are sent with an older time, such as imports, are not shown. With -f, the command waits for a stage
    that does not answer.

    \b
    Example:
      millrace tail -f --type signup --json
    """
    seen: set[str] = set()
    wanted = {"user_id": user, "event_type": event_type}
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                since = datetime.now(UTC) - _LOOK_BACK
                rows = list(client.pages("/events", "events", 0, **wanted, **{"from": since.isoformat()}))
            except CommandError as error:
                if not follow or not _may_pass(error):
                    raise
                output.say(f"{error.message} Waiting.")
            else:
                for row in reversed(rows):
                    if row["key"] not in seen:
                        _print_event(row, as_json=as_json)
                seen = {row["key"] for row in rows}  # no later query returns events that are older than _LOOK_BACK
            if not follow:
                return
            time.sleep(every)


def _may_pass(error: CommandError) -> bool:
    """Return whether the stage may answer later, for example after a restart."""
    return isinstance(error, NoAnswer) or (isinstance(error, Refused) and error.status >= _SERVER_ERRORS)


def _print_event(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json([row])
        return
    output.print_line(f"{row['timestamp']}  {row['event_type']}  {user_of(row)}  {output.compact(row['properties'])}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes millrace's commands and options in a shell.

    \b
    Example:
      eval "$(millrace completion bash)"
    """
    script = get_completion_class(shell)
    assert script is not None  # click knows all three
    click.echo(script(click.get_current_context().find_root().command, {}, "millrace", "_MILLRACE_COMPLETE").source())
