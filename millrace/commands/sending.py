"""The command that sends events."""

from __future__ import annotations

from io import BufferedReader

import click

from millrace import output
from millrace.commands.options import client_options
from millrace.io import sending
from millrace.io.client import Client


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--format", "format_name", type=click.Choice(list(sending.READERS)), default="json", show_default=True)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to wait for receipts."
)
@client_options
def send(client: Client, file: BufferedReader, format_name: str, wait: float, *, as_json: bool) -> None:
    """Send events from FILE (default: standard input), plain or gzip; sending it again adds nothing.

    One JSON object a line, or with --format combined an Apache access log, each request as a page_view.
    Exits with 3 if a line was not readable, rejected, or not processed in time.

    \b
    Examples:
      echo '{"event_type": "signup", "user_id": "u1"}' | millrace send
      millrace send --format combined access.log.gz
    """
    totals = sending.Totals()
    events = sending.read_events(sending.open_lines(file), format_name, output.say, totals)
    with output.progress() as bar:
        task = bar.add_task("sending", total=None)
        for count in sending.send(client, events, output.say, totals):
            bar.advance(task, count)
        bar.update(task, total=totals.lines)
        task = bar.add_task("receipts", total=len(totals.chunks))
        for count in sending.collect_receipts(client.receipt, totals, wait):
            bar.advance(task, count)
    if as_json:
        output.print_json([totals.to_json()])
    else:
        output.print_table(("", "events"), list(totals.to_json().items()))
    if not totals.is_clean:
        raise SystemExit(3)
