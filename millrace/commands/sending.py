"""The command that sends events from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BufferedReader

import click

from millrace import output
from millrace.command_error import CommandError, Interrupted
from millrace.commands.options import client_options
from millrace.io.client import Client
from millrace.io.lines import Line, read_lines
from millrace.io.reading import READERS, LineEvent, read_events
from millrace.io.receipts import Receipts
from millrace.io.sending import BadLines, Sender, Totals


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--format", "format_name", type=click.Choice(list(READERS)), default="auto", show_default=True)
@click.option("--source", metavar="NAME", help="The server that wrote FILE. Equal lines of two servers are two events.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to wait for receipts."
)
@client_options
def send(
    client: Client, file: BufferedReader, format_name: str, source: str | None, wait: float, *, as_json: bool
) -> None:
    """Send events from FILE (default: standard input), plain or gzip. Sending a file again adds nothing.

    FILE holds JSON objects, one per line, or an access log of Apache or nginx, whose requests become page_view events.
    The log has the common or combined format, optionally with a virtual host before and more fields behind.

    Bad lines are reported by number, and the others are still sent. Exit status 3 if a line was unreadable, rejected
    or not processed in time, and 1 if the sending was interrupted.

    \b
    Examples:
      echo '{"event_type": "signup", "user_id": "u1"}' | millrace send
      millrace send --source web1 access.log.gz
    """
    totals, bad_lines = Totals(), BadLines(output.say)
    receipts = Receipts(client.receipt, totals, wait, output.say)

    def unreadable(number: int, fault: str) -> None:
        totals.unreadable += 1
        bad_lines.add(number, fault)

    events = read_events(_counted(read_lines(file), totals), format_name, unreadable, source=source)
    try:
        _send(events, Sender(client, totals, receipts, output.say), receipts, totals)
    finally:
        bad_lines.finish()
        output.show(totals.to_json(), as_json=as_json, counted="events")
    if not totals.is_clean:
        raise SystemExit(3)


def _counted(lines: Iterable[Line], totals: Totals) -> Iterator[Line]:
    for line in lines:
        totals.lines += 1
        yield line


def _send(events: Iterable[LineEvent], sender: Sender, receipts: Receipts[str], totals: Totals) -> None:
    """Send events, and collect their receipts even if the sending fails. Raises CommandError."""
    broken: tuple[type[CommandError], str] | None = None
    with output.progress() as bar:
        try:
            task = bar.add_task("sending", total=None)
            try:
                for count in sender.send(events):
                    bar.advance(task, count)
            except CommandError as error:
                broken = CommandError, error.message
            bar.update(task, total=totals.lines)
            task = bar.add_task("receipts", total=totals.chunks_in_flight)
            for count in receipts.collect():
                bar.advance(task, count)
        except KeyboardInterrupt:
            broken = Interrupted, "Interrupted."
    if broken:
        kind, message = broken
        raise kind(
            f"{message} {totals.accepted} events were accepted before. Send the file again: accepted events will "
            "be duplicates, which change nothing."
        )
