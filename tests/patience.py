"""Waiting for a condition: long enough for any machine, and without asking all the time."""

from __future__ import annotations

import time
from collections.abc import Iterator


def patiently(seconds: float = 120) -> Iterator[None]:
    """Yields again and again, after pauses that grow to half a second, until the time is over.

    The loop over it ends with `return` or `break` when what it waits for is there, and has an `else` that says what
    did not come.
    """
    deadline, pause = time.monotonic() + seconds, 0.02
    yield
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
        yield
