"""The error that a command ends with: one sentence for a person, and an exit code."""

from __future__ import annotations

import click


class CommandError(click.ClickException):
    """Exit code 1. The sentence says what went wrong and what to do next."""


class Interrupted(CommandError):
    """Ctrl-C. The sentence says what was done until then; the exit code is that of a shell."""

    exit_code = 130  # 128 + SIGINT
