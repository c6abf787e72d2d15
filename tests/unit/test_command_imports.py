"""A command imports what it needs, so that none costs more than its work."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"boto3", "botocore", "chalice", "duckdb", "marshmallow", "requests", "rich"}


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("cli", set()),
        ("commands.running", set()),
        ("commands.asking", {"requests"}),
        ("commands.keys", {"botocore"}),
        ("commands.ledger", {"botocore"}),
        ("commands.dead_letters", {"botocore"}),
    ],
)
def test_a_command_imports_no_library_that_it_does_not_need(module: str, needed: set[str]) -> None:
    code = f"import sys, millrace.cli, millrace.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) <= needed
