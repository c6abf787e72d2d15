"""The Makefile sets a checkout up once, however many runs of make begin at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import eventually

ALONE = Path(__file__).parents[2] / "requirements" / "alone.py"
# Takes until the test lets it go on, and notes that it ran.
SLOW = "import os, time; open('runs', 'a').write('x')\nwhile not os.path.exists('go-on'): time.sleep(0.01)"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locked.txt").touch()
    return tmp_path


def start(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ALONE), "ready", "locked.txt", "--", "Setting up ...", sys.executable, "-c", code]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def test_two_runs_at_once_set_up_once_and_the_second_says_that_it_waits(checkout: Path) -> None:
    first = start(SLOW)
    eventually((checkout / "runs").exists, "the first to begin")
    second = start(SLOW)
    assert second.stderr is not None
    waiting = second.stderr.readline()
    (checkout / "go-on").touch()
    assert end(first) == (0, "Setting up ...\n")
    assert (end(second), waiting) == ((0, ""), "Another make sets this checkout up. Waiting for it ...\n")
    assert (checkout / "runs").read_text() == "x"


def test_what_is_older_than_its_requirements_is_made_again(checkout: Path) -> None:
    note = "open('runs', 'a').write('x')"
    assert [end(start(note))[0] for _ in range(2)] == [0, 0]
    assert (checkout / "runs").read_text() == "x"
    made = (checkout / "ready").stat().st_mtime
    os.utime(checkout / "locked.txt", (made + 1, made + 1))
    end(start(note))
    assert (checkout / "runs").read_text() == "xx"


def test_what_fails_is_not_made_and_the_next_run_tries_again(checkout: Path) -> None:
    assert end(start("raise SystemExit(3)"))[0] == 3
    assert not (checkout / "ready").exists()
    assert end(start("pass"))[0] == 0


def test_a_run_that_is_killed_keeps_nobody_waiting(checkout: Path) -> None:
    first = start(SLOW)
    eventually((checkout / "runs").exists, "the first to begin")
    first.kill()
    (checkout / "go-on").touch()
    first.communicate(timeout=300)
    assert end(start("pass"))[0] == 0
