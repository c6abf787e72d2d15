"""The commands for the local stack: up, demo, env."""

from __future__ import annotations

import contextlib
import random
import re
import secrets
from pathlib import Path
from typing import Any

import click

from millrace import output
from millrace.commands.options import stage_option, state_option
from millrace.stage_address import local_stack_at, running_stack, stage_url

_CURL = """\
  curl -s {url}/events -d '{{"event_type": "page_view", "user_id": "u123", "page": "/home"}}'
  curl -s '{url}/events?user_id=u123'"""


def _path(_context: object, _parameter: object, given: str) -> str:
    """Return a path with a slash in front and none at the end."""
    if not re.fullmatch(r"[\w./-]*", given):
        raise click.BadParameter("a path has letters, digits, and ., _, - and / alone.")
    return "".join(f"/{part}" for part in given.split("/") if part)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), envvar="PORT", default=8000, show_default=True, help="0: any.")
@click.option(
    "--path", metavar="PATH", default="", callback=_path, help="Serve below this path, as deployed stages do."
)
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Another name of this machine in requests, e.g. host.docker.internal.",
)
@click.option("--closed", is_flag=True, help="Require keys, as a deployed stage does.")
@state_option
@click.option("--fresh", is_flag=True, help="Delete all events first.")
@click.option(
    "--attached", is_flag=True, help="Stop when standard input ends, so that no program leaves a stack behind."
)
@click.option(
    "--aggregate-every",
    type=click.FloatRange(min=0.1),
    default=5,
    show_default=True,
    help="Seconds between runs of the aggregator, while anything changes. On AWS it is 5 minutes.",
)
def up(
    port: int,
    path: str,
    state: Path,
    *,
    hosts: tuple[str, ...],
    closed: bool,
    fresh: bool,
    attached: bool,
    aggregate_every: float,
) -> None:
    """Run the whole pipeline on this machine, until Ctrl-C.

    \b
    Examples:
      millrace up --port 8001
      millrace up --fresh
      millrace up --host host.docker.internal
    """
    from millrace.local.up import end_with_standard_input, local_stack, wait_for_the_end

    if attached:
        end_with_standard_input()
    options: Any = {"path": path, "hosts": hosts, "closed": closed, "fresh": fresh}
    with local_stack(state.resolve(), port=port, aggregate_seconds=aggregate_every, **options) as (running, crashed):
        if crashed:
            output.say(
                "The emulator was killed last time. Its state comes from the last snapshot, some seconds earlier. "
                "Clients must send again what they sent since then; that is harmless."
            )
        click.echo(f"Millrace runs at {running.url} - try:\n\n{_CURL.format(url=running.url)}\n\nCtrl-C ends it.")
        wait_for_the_end()
        output.say("Saving ...")


@click.command()
@state_option
def env(state: Path) -> None:
    """Print the environment of the running local stack, for other tools.

    \b
    Example:
      env $(millrace env) chalice local --stage local --port 8001 --no-autoreload
    """
    for name, value in local_stack_at(state).environment.items():
        click.echo(f"{name}={value}")


@click.command()
@click.option("--rate", type=click.FloatRange(min=0.1, max=500), default=20, show_default=True, help="Events a second.")
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=8000, show_default=True)
@click.option("--url", envvar="MILLRACE_URL", help="The address of a stage; default: the local stack.")
@click.option("--key", envvar="MILLRACE_KEY", help="A write key of the project; safer in MILLRACE_KEY.")
@stage_option
@state_option
def demo(*, rate: float, port: int, url: str | None, key: str | None, stage: str | None, state: Path) -> None:
    """Stream 10,000 requests of a real web site as if they happened now, so that the live page shows traffic.

    Some events come twice, as from a client that retries, and some are rejected. Starts the local stack if no stage is
    named and it is not running. Ctrl-C stops it.

    \b
    Examples:
      millrace demo --rate 50
      millrace demo --stage prod --key mw_0123456789ab_0123456789abcdef
    """
    from millrace.io.client import Client
    from millrace.io.demo import live, stream
    from millrace.io.lines import read_lines
    from millrace.io.reading import read_events
    from millrace.local.emulator import PROJECT
    from millrace.local.up import local_stack

    with contextlib.ExitStack() as closing:
        if not url and not stage and running_stack(state) is None:
            running, _ = closing.enter_context(local_stack(state.resolve(), port=port))
            url = running.url
        client = Client(url or stage_url(stage, state), key, say=output.say)
        click.echo(f"Look at {client.url}/ - {rate:g} events a second. Ctrl-C ends it.")
        log = closing.enter_context((PROJECT / "examples" / "access.log.gz").open("rb"))
        events = (line.event for line in read_events(read_lines(log), "combined", lambda *_: None))
        traffic = live(events, random.Random(), secrets.token_hex(4))  # noqa: S311 - a demo
        with contextlib.suppress(KeyboardInterrupt), output.progress() as bar:
            task = bar.add_task("streaming", total=10_000)
            for count in stream(client, traffic, rate):
                bar.advance(task, count)
