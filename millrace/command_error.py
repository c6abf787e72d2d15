"""The error that ends a command: a message for people, and an exit code."""

from __future__ import annotations

import click


class CommandError(click.ClickException):
    """Exit code 1. The message says what went wrong and what to do next."""


class Interrupted(CommandError):
    """Ctrl-C ended the command. The message says what was done until then. Shells use the same exit code."""

    exit_code = 130  # 128 + SIGINT
