"""The running stack, and a tap before it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from line import Line
from tap import Tap

from local_stack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    running = LocalStack(tmp_path_factory.mktemp("state"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def line(stack: LocalStack) -> Iterator[Line]:
    tap = Tap(stack.url)
    yield Line(stack, tap)
    tap.close()
