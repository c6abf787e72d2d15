"""Local stacks: one that is shared, and one that tests may end, kill and empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_stack import LocalStack, stack
from system.access_log import sent

__all__ = ["sent", "stack"]


@pytest.fixture(scope="session")
def mortal_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    mortal = LocalStack(tmp_path_factory.mktemp("mortal"))
    mortal.start()
    yield mortal
    mortal.end()


@pytest.fixture
def own_stack(mortal_stack: LocalStack) -> LocalStack:
    """A stack that is the test's own while it runs: empty, and nobody minds what becomes of it."""
    if not mortal_stack.is_running():
        mortal_stack.start()
    mortal_stack.forget_events()
    return mortal_stack
