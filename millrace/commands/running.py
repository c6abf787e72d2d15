"""Commands that run the local stack, and say what it is."""

from __future__ import annotations

from pathlib import Path

import click

from millrace import output
from millrace.access import local_stack_at
from millrace.commands.options import state_option

_CURL = """\
  curl -s {url}/events -d '{{"event_type": "page_view", "user_id": "u123", "page": "/home"}}'
  curl -s '{url}/events?user_id=u123'"""


@click.command()
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


@click.command()
@state_option
def env(state: Path) -> None:
    """Print the running local stack's environment, for tools that need it.

    \b
    Example:
      env $(millrace env) chalice local --stage local --port 8001 --no-autoreload
    """
    for name, value in local_stack_at(state).environment.items():
        click.echo(f"{name}={value}")
