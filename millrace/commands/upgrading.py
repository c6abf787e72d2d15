"""The command that upgrades a stage's data to the format of this version."""

from __future__ import annotations

from pathlib import Path

import click

from chalicelib.errors import StoreFailed
from millrace import output, stage_address
from millrace.command_error import CommandError
from millrace.commands.options import stage_option, state_option


@click.command()
@stage_option
@state_option
def upgrade(stage: str | None, state: Path) -> None:
    """Upgrade a stage's data to the format of this version, while the stage runs. Safe to repeat.

    On an empty stage, the command only records the format. Deploy the new version first: it knows both formats.

    \b
    Example:
      millrace upgrade --stage prod
    """
    from millrace.ops.upgrade import upgrade as bring_up_to_date

    try:
        recorded = bring_up_to_date(stage_address.stage_pipeline(stage, state, of_any_format=True), output.say)
    except StoreFailed as error:
        raise CommandError(
            f"The stage did not answer. Run the command again: it continues where it stopped. ({error})"
        ) from error
    output.say(f"The stage's data has format {recorded.written}.")
