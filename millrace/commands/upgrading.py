"""The command that brings a stage's data to the format of this version."""

from __future__ import annotations

from pathlib import Path

import click

from chalicelib.errors import StoreFailed
from millrace import access, output
from millrace.commands.options import stage_option, state_option
from millrace.failure import Failure


@click.command()
@stage_option
@state_option
def upgrade(stage: str | None, state: Path) -> None:
    """Bring a stage's data to the format of this version, while it runs. Safe to repeat.

    On an empty stage this records the format. Deploy the new version first: it knows both formats.

    \b
    Example:
      millrace upgrade --stage prod
    """
    from millrace.upgrade import upgrade as bring_up_to_date

    try:
        recorded = bring_up_to_date(access.stage_pipeline(stage, state, of_any_format=True), output.say)
    except StoreFailed as error:
        raise Failure(f"The stage did not answer. Run this again: it goes on where it was. ({error})") from error
    output.say(f"The stage's data has format {recorded.written}.")
