"""The running stack, and a tap before it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.line import Line
from clients.tap import Tap
from local_stack import LocalStack, stack

__all__ = ["stack"]


@pytest.fixture
def line(stack: LocalStack) -> Iterator[Line]:
    tap = Tap(stack.url)
    yield Line(stack, tap)
    tap.close()
