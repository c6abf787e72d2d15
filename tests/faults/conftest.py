"""Options of the fault tests."""

from __future__ import annotations

import pytest

from injector import Injector
from millrace.local.emulator import Emulator
from stage import Clients


@pytest.fixture(scope="session")
def injector(emulator: Emulator) -> Injector:
    """Faulty clients that do not retry: every fault reaches the product."""
    return Injector(Clients(emulator.environment()))


@pytest.fixture(scope="session")
def retrying_injector(emulator: Emulator) -> Injector:
    """Faulty clients whose SDK tries a second time by itself."""
    return Injector(Clients(emulator.environment(), attempts=2))
