"""What tests need and a machine may lack."""

from __future__ import annotations

import os

import pytest


def skip_without(found: object, reason: str) -> pytest.MarkDecorator:
    """Skip tests, and say why, where something is missing. In CI it may not be missing: there the run fails."""
    if not found and os.environ.get("CI"):
        raise RuntimeError(f"{reason}. In CI no test is skipped for that.")
    return pytest.mark.skipif(not found, reason=reason)
