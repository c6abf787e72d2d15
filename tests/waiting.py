"""Waiting for what a test needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Far more than anything here takes: a test fails for what it finds, not for a machine that is busy.
PATIENCE_SECONDS = 300


def eventually(probe: Callable[[], Any], what: str, failure: type[AssertionError] = AssertionError) -> Any:
    """What the probe answers as soon as it is true. Raises `failure`, which says that it waited for `what`."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.01
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise failure(f"waited {PATIENCE_SECONDS} s for {what}; the last answer was {answer!r}")
        time.sleep(pause)
        pause = min(2 * pause, 0.25)
    return answer


def processes_of(folder: Path) -> list[int]:
    """Those whose command line names a folder of the test's own: a local stack, its emulator and its functions."""
    everyone = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [pid for pid in everyone if str(folder) in command_line(pid)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has just ended
        return ""
