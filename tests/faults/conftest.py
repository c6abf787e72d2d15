"""Clients of the fault tests. As the product does it, they leave it to the services to check a request."""

from __future__ import annotations

import pytest

from injector import Injector
from millrace.local.emulator import Emulator
from stage import Clients


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> Clients:
    """Clients without a fault."""
    return Clients(emulator.environment(), checked=False)


@pytest.fixture(scope="session")
def injector(emulator: Emulator) -> Injector:
    """Faulty clients that do not retry: every fault reaches the product."""
    return Injector(Clients(emulator.environment(), checked=False))


@pytest.fixture(scope="session")
def retrying_injector(emulator: Emulator) -> Injector:
    """Faulty clients whose SDK tries a second time by itself."""
    return Injector(Clients(emulator.environment(), attempts=2, checked=False))
