"""Starts that fail, at each stage: one sentence says why, and no process is left."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import COMMAND, LocalStack
from millrace.command_error import CommandError
from millrace.local.emulator import PROJECT, Emulator
from millrace.stack import Stack
from stage import Clients
from waiting import command_line, eventually, processes_of

LONG = 300


def start(state: Path, *options: str, code: int = 1, **environment: str) -> str:
    """Start a stack that will fail, and return what it says; nothing of it may be left."""
    done = subprocess.run(
        [COMMAND, "up", "--state", state, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
        env={**os.environ, "PORT": "0", **environment},
    )
    assert done.returncode == code, done.stderr
    eventually(lambda: not processes_of(state), "all processes to end")
    return done.stderr


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} is taken. Choose another" in start(tmp_path, "--port", str(port))
    assert not (tmp_path / "aws").exists()  # it is found before anything is started


def test_an_emulator_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "aws" / "lock").mkdir(parents=True)
    said = start(tmp_path)
    assert said == f"Error: The AWS emulator did not start. Its log: {tmp_path}/aws/emulator.log\n"
    assert "IsADirectoryError" in (tmp_path / "aws" / "emulator.log").read_text()


def test_an_emulator_that_hangs_is_given_up_and_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as an orphan has it that is never done
        with pytest.raises(CommandError, match=r"did not start\. Its log: .*emulator\.log"):
            Emulator(tmp_path, start_seconds=5)
        assert processes_of(tmp_path) == []
    assert "Another emulator still saves this state. Waiting" in capsys.readouterr().err
    assert "Another emulator has the state" in (tmp_path / "emulator.log").read_text()


def test_data_of_0_1_0_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(tmp_path / "aws")
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    Stack("millrace-local").apply(PROJECT / "stack.yaml", {})
    item = {"pk": {"S": "default#days"}, "sk": {"S": "2026-11-27#6"}}  # of a stage that records no format
    Clients(emulator.environment()).dynamodb.put_item(TableName="millrace-local-table", Item=item)
    emulator.stop()
    said = start(tmp_path)
    assert said.startswith("Error: This stage holds data of Millrace 0.1.0")
    assert "--fresh" in said


def test_an_error_that_nobody_foresaw_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "running.json").mkdir()
    assert start(tmp_path).startswith("Error: Is a directory: ")


@pytest.fixture
def broken_functions(tmp_path: Path) -> dict[str, str]:
    """An environment in which a function's process ends at once."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(
        "import os, sys\nif 'millrace.local.function' in sys.orig_argv: os._exit(3)\n"
    )
    return {"PYTHONPATH": str(tmp_path / "path")}


def test_functions_that_end_at_once_are_told_and_keep_nothing_from_ending(
    tmp_path: Path, broken_functions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in broken_functions.items():
        monkeypatch.setenv(name, value)
    local = LocalStack(tmp_path / "state")
    local.state.mkdir()
    local.start()
    eventually(lambda: "function process ended with 3" in local.printed(), "the end of a worker to be told")
    local.stop(signal.SIGTERM)
    assert local.process.returncode == 0


@pytest.fixture
def half_started(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A start that waits for the state of its emulator."""
    (tmp_path / "aws").mkdir()
    with (tmp_path / "aws" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command: list[str | Path] = [COMMAND, "up", "--attached", "--state", tmp_path, "--port", "0"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            eventually(lambda: len(processes_of(tmp_path)) == 2, "the emulator to be started")
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("how", ["killed", "interrupted", "its parent is gone"])
def test_a_start_that_is_broken_off_leaves_nothing(
    tmp_path: Path, half_started: subprocess.Popen[bytes], how: str
) -> None:
    assert half_started.stdin is not None
    match how:
        case "its parent is gone":
            half_started.stdin.close()
        case _:
            signals = {"killed": signal.SIGKILL, "interrupted": signal.SIGINT}
            half_started.send_signal(signals[how])
    half_started.wait(timeout=LONG)
    half_started.stdin.close()
    eventually(lambda: not processes_of(tmp_path), "all processes to end")


def test_a_running_stack_ends_when_the_program_is_gone_that_started_it(tmp_path: Path) -> None:
    local = LocalStack(tmp_path)
    local.start()
    assert len(processes_of(tmp_path)) == 5
    assert local.process.stdin is not None
    local.process.stdin.close()
    local.end_of_all()
    assert local.process.returncode == 0


_HANGING_COPY = f"""
import asyncio, os, sys, time
sys.path.insert(0, {str(PROJECT / "millrace" / "local")!r})
import emulator_main
emulator_main._LONGEST_SECONDS = 2
def hang():
    print(os.getpid(), flush=True)
    time.sleep(1000)
asyncio.run(emulator_main._done_by_a_copy(hang))
"""


def test_a_copy_of_the_emulator_that_hangs_does_not_outlive_it_for_ever() -> None:
    with subprocess.Popen([sys.executable, "-c", _HANGING_COPY], stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        copy = int(emulator.stdout.readline())
        emulator.kill()
    eventually(lambda: not command_line(copy), "the copy to end by itself")


_COPY_BESIDE_CONNECTIONS = f"""
import asyncio, os, socket, sys
sys.path.insert(0, {str(PROJECT / "millrace" / "local")!r})
import emulator_main
client, server = socket.socketpair()
asyncio.run(emulator_main._done_by_a_copy(lambda: print(os.path.exists(f"/dev/fd/{{server.fileno()}}"), flush=True)))
"""


def test_a_copy_of_the_emulator_holds_no_connection_that_the_emulator_may_close() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COPY_BESIDE_CONNECTIONS], capture_output=True, text=True, check=True, timeout=LONG
    )
    assert done.stdout == "False\n"
