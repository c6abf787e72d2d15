"""The `millrace` command: lists the commands and the modules that implement them."""

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

#: The sections of the help. Each maps commands to their module in millrace/commands/.
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
    """The group of all commands.

    It imports only the command that runs. To import all commands would take longer than many commands take.
    """

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
        """Run a command. Raises CommandError for expected errors of this machine and of AWS."""
        try:
            try:
                return super().invoke(context)
            finally:
                _flush()
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the program that read our output has ended, so click ends quietly
            raise CommandError(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}") from error
        except sqlite3.Error as error:
            raise CommandError(f"A temporary file cannot be written: {error}") from error
        except Exception as error:
            if _is_of_aws(error):
                raise CommandError(f"A call to AWS failed: {error}. Check AWS_PROFILE and AWS_REGION.") from error
            raise


def _flush() -> None:
    """Print buffered output. If that fails, discard the rest, since Python would try to print it again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _is_of_aws(error: Exception) -> bool:
    """Return whether the AWS SDK raised the error. Commands without the SDK do not import it for this check."""
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
    """Copy AWS_REGION to AWS_DEFAULT_REGION, which the SDK and Chalice read. Raises CommandError if the two differ.

    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
    """
    named = environ.get("AWS_REGION")
    if named and environ.setdefault("AWS_DEFAULT_REGION", named) != named:
        raise CommandError(
            f"AWS_REGION is {named} and AWS_DEFAULT_REGION is {environ['AWS_DEFAULT_REGION']}. Unset one of them."
        )
