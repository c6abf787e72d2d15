"""A stage that tests deploy, in an AWS of its own which enforces IAM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployed import Deployment
from millrace.local.emulator import Emulator


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    emulator = Emulator(tmp_path_factory.mktemp("aws"), enforces_iam=True)
    try:
        yield Deployment(emulator, tmp_path_factory.mktemp("checkout"))
    finally:
        emulator.stop()
