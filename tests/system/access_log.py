"""The real access log, sent once for all tests of the folder: it takes ten CPU seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local_stack import LocalStack

ROOT = Path(__file__).parents[2]
#: No test sends other events of its days.
LOG = ROOT / "examples" / "access.log.gz"
EMPTY = {"unreadable": 0, "rejected": 0, "chunks_in_flight": 0, "chunks_quarantined": 0}


@pytest.fixture(scope="session")
def sent(stack: LocalStack) -> LocalStack:
    """The shared stack, to which the log was sent as the README says."""
    totals = json.loads(stack.run("send", "--json", str(LOG)))
    assert totals == EMPTY | {"lines": 10000, "accepted": 10000, "stored": 10000, "duplicates": 0}
    return stack
