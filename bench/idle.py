"""Measures an unused local stack: the CPU seconds of each of its processes, as the kernel counts them.

python -m bench.idle [SECONDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.side_by_side import ROOT

# Work after a start: snapshots, first reports, caches.
_SETTLE_SECONDS = 30
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "millrace", "up", "--attached", "--port", "0", "--state", state]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it prints its address when it is ready
            time.sleep(_SETTLE_SECONDS)
            before = _cpu_seconds(process.pid)
            time.sleep(seconds)
            after = _cpu_seconds(process.pid)
            process.terminate()
    used = {pid: after[pid][1] - before[pid][1] for pid in before}
    for pid, taken in used.items():
        sys.stdout.write(f"{taken:6.2f} s  {after[pid][0]}\n")
    sys.stdout.write(f"{sum(used.values()):6.2f} s of CPU in {seconds:g} s\n")


def _cpu_seconds(root: int) -> dict[int, tuple[str, float]]:
    """Return the command of each process, and the CPU seconds of it and of its finished children."""
    return {pid: (_command(pid), _ticks(pid) / _TICKS_A_SECOND) for pid in _tree(root)}


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _command(pid: int) -> str:
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return " ".join(Path(each).name for each in arguments[1:] if each)


def _ticks(pid: int) -> int:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime, stime, cutime, cstime."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 60)
