"""What every kind of test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.local.emulator import Emulator
from stage import Clients, Stage


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", help="Run one fault scenario, as process/12:lost.")
    parser.addoption("--thorough", action="store_true", help="Run every fault scenario, not a sample.")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The AWS emulator, started for the session on a port of its own."""
    running = Emulator(tmp_path_factory.mktemp("aws"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> Clients:
    return Clients(emulator.environment())


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """An empty stage."""
    return Stage(clients)
