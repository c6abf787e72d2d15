"""The `millrace` command: every command of the toolbox, by its module."""

from __future__ import annotations

import errno
import importlib
import os
import sqlite3
import sys
from collections.abc import MutableMapping
from typing import Any

import click

from chalicelib.ports import CURRENT_FORMAT
from millrace.command_error import CommandError

#: The sections of the help, and which module of millrace/commands/ has which commands.
_SECTIONS = {
    "Run it here": {"up": "running", "demo": "running", "env": "running"},
    "Send and ask": {
        "send": "sending",
        "events": "asking",
        "counts": "asking",
        "report": "asking",
        "rejections": "asking",
        "tail": "exporting",
        "export": "exporting",
    },
    "Projects": {"projects": "projects", "keys": "keys", "schemas": "schemas"},
    "Operate a stage": {
        "ledger": "ledger",
        "dlq": "dead_letters",
        "quarantine": "quarantine",
        "reports": "reports",
        "replay": "archiving",
        "sweep": "archiving",
        "erase": "archiving",
        "upgrade": "upgrading",
    },
    "Deploy it": {
        "deploy": "deploying",
        "doctor": "deploying",
        "destroy": "deploying",
        "policies": "deploying",
        "package": "deploying",
        "cost": "cost",
    },
    "Other": {"completion": "exporting"},
}
_COMMANDS = {name: module for commands in _SECTIONS.values() for name, module in commands.items()}


class _Toolbox(click.Group):
    """Imports a command when it is asked for: all of them would take as long as most of them run."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"millrace.commands.{_COMMANDS[name]}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        room = formatter.width - 6 - max(map(len, _COMMANDS))
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                commands = {name: self.get_command(context, name) for name in names}
                formatter.write_dl([(name, each.get_short_help_str(room)) for name, each in commands.items() if each])

    def invoke(self, context: click.Context) -> Any:
        """Run a command. Raises CommandError for whatever goes wrong on this machine and in AWS."""
        try:
            try:
                return super().invoke(context)
            finally:
                _flush()
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody reads any more: click ends quietly
            raise CommandError(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}") from error
        except sqlite3.Error as error:
            raise CommandError(f"A temporary file cannot be written: {error}") from error
        except Exception as error:
            if _is_of_aws(error):
                raise CommandError(f"AWS could not be asked: {error}. See AWS_PROFILE and AWS_REGION.") from error
            raise


def _flush() -> None:
    """Print what is still to be printed. Where that fails, drop it: Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _is_of_aws(error: Exception) -> bool:
    """Whether the AWS SDK raised it; commands that do without the SDK do not import it for this."""
    exceptions, parsers = (sys.modules.get(f"botocore.{name}") for name in ("exceptions", "parsers"))
    if exceptions is None or parsers is None:
        return False
    return isinstance(error, exceptions.BotoCoreError | exceptions.ClientError | parsers.ResponseParserError)


@click.group(cls=_Toolbox, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="millrace", message=f"%(prog)s %(version)s (data format {CURRENT_FORMAT})")
def main() -> None:
    """Millrace: an event pipeline whose effects happen exactly once."""
    use_region(os.environ)


def use_region(environ: MutableMapping[str, str]) -> None:
    """Let AWS_REGION count: the SDK and Chalice read AWS_DEFAULT_REGION alone. Raises CommandError if they differ.

    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
    """
    named = environ.get("AWS_REGION")
    if named and environ.setdefault("AWS_DEFAULT_REGION", named) != named:
        raise CommandError(
            f"AWS_REGION is {named} and AWS_DEFAULT_REGION is {environ['AWS_DEFAULT_REGION']}. Unset one of them."
        )
