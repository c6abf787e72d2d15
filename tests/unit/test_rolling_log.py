"""A log that several processes write to never grows beyond twice its size, and no line of it is torn."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from millrace.local.logs import RollingLog

LINE = "x" * 99
MAX_BYTES = 20_000
WRITE = f"""
import sys
from pathlib import Path
from millrace.local.logs import RollingLog
log = RollingLog(Path(sys.argv[1]), {MAX_BYTES})
for _ in range(1000):
    log.write("{LINE}")
"""


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_log_that_is_full_makes_room_and_others_write_into_the_new_one(tmp_path: Path) -> None:
    path, old = tmp_path / "functions.log", tmp_path / "functions.log.1"
    one, other = RollingLog(path, 150), RollingLog(path, 150)
    one.write(LINE)
    one.write("the last of the old one" + LINE)
    other.write("the first of the new one")
    one.write("the second")
    assert lines_of(old)[-1] == "the last of the old one" + LINE
    assert lines_of(path) == ["the first of the new one", "the second"]
    one.close()
    other.close()


def test_processes_and_threads_that_write_at_once_tear_no_line_and_keep_the_size(tmp_path: Path) -> None:
    path = tmp_path / "functions.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, path]) for _ in range(3)]
    log = RollingLog(path, MAX_BYTES)

    def write() -> None:
        for _ in range(1000):
            log.write(LINE)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0, 0]
    log.close()
    for each in (path, tmp_path / "functions.log.1"):
        assert each.stat().st_size < MAX_BYTES + 10 * (len(LINE) + 1)
        assert set(lines_of(each)) <= {LINE}
