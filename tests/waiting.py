"""Waiting for what a test needs, and making sure that what it starts never outlives it."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Far more than anything here takes: a test fails for what it finds, not for a machine that is busy.
PATIENCE_SECONDS = 300
_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def eventually(probe: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """What the probe answers as soon as it is true. `what` is waited for, as a failure says it."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; the last answer was {answer!r}"
        time.sleep(pause)
        pause = min(2 * pause, 0.25)
    return answer


def processes_of(folder: Path) -> list[int]:
    """Those whose command line names a folder of the test's own: a local stack, its emulator and its functions."""
    everyone = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [pid for pid in everyone if str(folder) in command_line(pid)]


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that started it is gone, however that ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has just ended
        return ""
