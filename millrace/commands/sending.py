"""The command that sends events."""

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
@click.option("--source", metavar="NAME", help="The server that wrote FILE: the same line of another is another event.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to wait for receipts."
)
@client_options
def send(
    client: Client, file: BufferedReader, format_name: str, source: str | None, wait: float, *, as_json: bool
) -> None:
    """Send events from FILE (default: standard input), plain or gzip; sending it again adds nothing.

    FILE holds JSON objects, one a line, or an access log of Apache or nginx, each request as a page_view: the common
    or combined format, with or without a virtual host before a line and more fields behind it. Bad lines are
    reported by number and cost only themselves. Exits with 3 if a line was not readable, rejected, or not
    processed in time, and with 1 if the sending broke off.

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
    """Send all that can be sent, and collect the receipts of it in any case. Raises CommandError."""
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
            f"{message} {totals.accepted} events were accepted until then. Send the file again: what was accepted "
            "will be duplicates, which change nothing."
        )
