"""What other commands know of a running local stack."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """Its address, its process, and the environment that its functions see."""

    url: str
    pid: int
    environment: dict[str, str]


def running_stack(state: Path) -> Running | None:
    """The stack that runs with this state, if one does."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads((state / "running.json").read_text()))
        os.kill(running.pid, 0)
        return running
    return None
