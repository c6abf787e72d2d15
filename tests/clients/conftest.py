"""The running stack, and a tap before it for each test; and a stack as stages are deployed: under a path, with keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class AsDeployed:
    """A stack under a path that wants keys."""

    stack: LocalStack
    write_key: str
    read_key: str


@pytest.fixture(scope="session")
def as_deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsDeployed]:
    running = LocalStack(tmp_path_factory.mktemp("deployed"))
    try:
        running.start("--path", "/api", "--closed")
        yield AsDeployed(running, running.key("write"), running.key("read"))
    finally:
        running.end()


@pytest.fixture
def line_as_deployed(as_deployed: AsDeployed) -> Iterator[Line]:
    tap = Tap(as_deployed.stack.url)
    yield Line(as_deployed.stack, tap, as_deployed.read_key)
    tap.close()
