"""Sets something of this checkout up while nobody else does: alone.py MADE MADE_FROM ... -- SAYING COMMAND ...

For the Makefile. Two runs of make at once would write into the same environment and leave it broken for good. SAYING is
said when the work begins. What is newer than all that it is made from is left as it is: another run has just made it.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

_LOCK = Path(".make.lock")
_SAY_EVERY_SECONDS = 30


def main(made: Path, made_from: list[Path], saying: str, command: list[str]) -> None:
    if sys.version_info < (3, 11):
        sys.exit("Millrace needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another make sets this checkout up. Waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_made(made, made_from):
            _say(saying)
            _run(command)
            made.touch()


def _is_made(made: Path, made_from: list[Path]) -> bool:
    return made.exists() and all(made.stat().st_mtime >= each.stat().st_mtime for each in made_from)


def _run(command: list[str]) -> None:
    """Run a command, and say from time to time that it still runs: it prints nothing itself."""
    started = time.monotonic()
    with subprocess.Popen(command) as process:  # noqa: S603 - the Makefile's own
        while True:
            try:
                code = process.wait(_SAY_EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                _say(f"... {time.monotonic() - started:.0f} s")
    if code:
        sys.exit(code)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    end = sys.argv.index("--")
    target, *sources = map(Path, sys.argv[1:end])
    main(target, sources, sys.argv[end + 1], sys.argv[end + 2 :])
