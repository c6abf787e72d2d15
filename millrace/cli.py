"""The `millrace` command: every command of the toolbox, by its module."""

from __future__ import annotations

import click

from chalicelib.core.data_format import CURRENT
from millrace.commands import (
    archiving,
    asking,
    cost,
    dead_letters,
    deploying,
    exporting,
    keys,
    ledger,
    projects,
    quarantine,
    reports,
    running,
    schemas,
    sending,
    upgrading,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="millrace", message=f"%(prog)s %(version)s (data format {CURRENT})")
def main() -> None:
    """Millrace: an event pipeline whose effects happen exactly once."""


_COMMANDS = (
    running.up,
    running.demo,
    running.env,
    sending.send,
    asking.events,
    asking.counts,
    asking.report,
    reports.reports,
    exporting.tail,
    exporting.export,
    ledger.ledger,
    archiving.replay,
    dead_letters.dlq,
    quarantine.quarantine,
    keys.keys,
    projects.projects,
    schemas.schemas,
    asking.rejections,
    archiving.sweep,
    archiving.erase,
    cost.cost,
    exporting.completion,
    deploying.deploy,
    upgrading.upgrade,
    deploying.destroy,
    deploying.policies,
    deploying.doctor,
    deploying.package,
)
for command in _COMMANDS:
    main.add_command(command)
