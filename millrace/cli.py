"""The `millrace` command: every command of the toolbox and its options."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Any

import click

from millrace import output, sending
from millrace.client import Client
from millrace.failure import Failure
from millrace.local.running import Running, running_stack

_CURL = """\
  curl -s {url}/events -d '{{"event_type": "page_view", "user_id": "u123", "page": "/home"}}'
  curl -s '{url}/events?user_id=u123'"""

state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MILLRACE_STATE",
    default=".millrace",
    show_default=True,
    help="Folder that keeps the local stack's state (MILLRACE_STATE).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")


def stage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for the stage that a command talks to, handed on as `client`, and for how it prints."""

    @functools.wraps(command)
    def with_client(*, url: str | None, state: Path, **options: Any) -> Any:
        return command(client=Client(url or _running(state).url), **options)

    url = click.option("--url", envvar="MILLRACE_URL", help="The stage's address; default: the local stack.")
    return url(state_option(json_option(with_client)))


def span_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for the event times that a command asks for, handed on as `span`."""

    @functools.wraps(command)
    def with_span(*, start: str | None, end: str | None, **options: Any) -> Any:
        return command(span={"from": start, "to": end}, **options)

    first = click.option("--from", "start", metavar="TIME", help="First time, as 2015-05-17 or 2015-05-17T10:00:00Z.")
    return first(click.option("--to", "end", metavar="TIME", help="The time after the last.")(with_span))


def _running(state: Path) -> Running:
    running = running_stack(state)
    if running is None:
        raise Failure("The local stack isn't running. Start it with `make run`, or name a stage with --url.")
    return running


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="millrace")
def main() -> None:
    """Millrace: an event pipeline whose effects happen exactly once."""


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=8000, show_default=True)
@state_option
@click.option("--fresh", is_flag=True, help="Forget all events first.")
@click.option(
    "--aggregate-every",
    type=click.FloatRange(min=0.1),
    default=5,
    show_default=True,
    help="Seconds between two runs of the aggregator; on AWS it is 5 minutes.",
)
def up(port: int, state: Path, *, fresh: bool, aggregate_every: float) -> None:
    """Run the whole pipeline on this machine, until Ctrl-C."""
    from millrace.local.up import local_stack, wait_for_the_end

    with local_stack(state.resolve(), port=port, fresh=fresh, aggregate_seconds=aggregate_every) as (running, crashed):
        if crashed:
            output.say(
                "The emulator was killed last time: its state is the last snapshot, some seconds older. "
                "What clients sent since then, they must send again; that is harmless."
            )
        click.echo(f"Millrace runs at {running.url} - try:\n\n{_CURL.format(url=running.url)}\n\nCtrl-C ends it.")
        wait_for_the_end()
        output.say("Saving ...")


@main.command()
@state_option
def env(state: Path) -> None:
    r"""Print the running local stack's environment, for tools that need it.

    \b
    Example:
      env $(millrace env) chalice local --stage local --port 8001 --no-autoreload
    """
    for name, value in _running(state).environment.items():
        click.echo(f"{name}={value}")


@main.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--format", "format_name", type=click.Choice(list(sending.READERS)), default="json", show_default=True)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to wait for receipts."
)
@stage_options
def send(client: Client, file: BufferedReader, format_name: str, wait: float, *, as_json: bool) -> None:
    r"""Send events from FILE (default: standard input), plain or gzip; sending it again adds nothing.

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
        for count in sending.collect_receipts(client, totals, wait):
            bar.advance(task, count)
    if as_json:
        output.print_json([totals.to_json()])
    else:
        output.print_table(("", "events"), list(totals.to_json().items()))
    if not totals.is_clean:
        raise SystemExit(3)


@main.command()
@click.option("--user", help="Only this user's events.")
@click.option("--type", "event_type", help="Only events of this type.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0 for all.")
@span_options
@stage_options
def events(
    client: Client, span: dict[str, str], user: str | None, event_type: str | None, limit: int, *, as_json: bool
) -> None:
    r"""List events, newest first.

    \b
    Example:
      millrace events --user u123 --from 2015-05-17 --to 2015-05-18 --json
    """
    rows = client.pages("/events", "events", limit, user_id=user, event_type=event_type, **span)
    if as_json:
        output.print_json(rows)
        return
    output.print_table(
        ("time", "type", "user", "properties"),
        (
            (
                row["timestamp"],
                row["event_type"],
                row.get("user_id", row.get("anonymous_id")),
                json.dumps(row["properties"]),
            )
            for row in rows
        ),
    )


@main.command()
@click.option("--type", "event_type", help="Only events of this type.")
@click.option("--grain", type=click.Choice(["minute", "hour", "day"]), default="hour", show_default=True)
@span_options
@stage_options
def counts(client: Client, span: dict[str, str], event_type: str | None, grain: str, *, as_json: bool) -> None:
    r"""Count distinct events by type, in minutes, hours or days.

    \b
    Example:
      millrace counts --grain day --from 2015-05-17 --to 2015-05-21
    """
    rows = client.get("/counts", event_type=event_type, grain=grain, **span)["counts"]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(("start", "type", "count"), [row.values() for row in rows])


@main.command()
@click.option("--grain", type=click.Choice(["hour", "day"]), default="day", show_default=True)
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0 for all.")
@span_options
@stage_options
def report(client: Client, span: dict[str, str], grain: str, limit: int, *, as_json: bool) -> None:
    r"""Show reports, newest first.

    \b
    Example:
      millrace report --grain hour --from 2015-05-17T10:00:00Z --to 2015-05-17T12:00:00Z
    """
    rows = client.pages("/reports", "reports", limit, grain=grain, **span)
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        output.print_text(_report_text(row))


def _report_text(document: dict[str, Any]) -> str:
    from chalicelib.core.report import Report, Window, plain_text

    head = {name: document.pop(name) for name in ("project", "grain", "start", "version")}
    window = Window(head["project"], head["grain"], head["start"][: 10 if head["grain"] == "day" else 13])
    return plain_text(Report(window, head["version"], document))
