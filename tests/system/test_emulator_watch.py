"""An emulator that ends or hangs while the local stack runs is noticed and told in one sentence."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from local_stack import LocalStack
from millrace.local.emulator import Emulator
from millrace.local.emulator_watch import watched
from waiting import PATIENCE_SECONDS, command_line, eventually, processes_of


def emulator_of(folder: Path) -> int:
    return next(pid for pid in processes_of(folder) if "emulator_main" in command_line(pid))


def test_an_emulator_that_hangs_or_ends_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emulator, ended, said = Emulator(tmp_path), threading.Event(), [""]

    def has_said(text: str) -> bool:
        said[0] += capsys.readouterr().err
        return text in said[0]

    try:
        with watched(emulator, ended.set, look_seconds=0.2):
            os.kill(emulator_of(tmp_path), signal.SIGSTOP)
            eventually(lambda: has_said("The AWS emulator does not answer."), "the word of an emulator that hangs")
            os.kill(emulator_of(tmp_path), signal.SIGCONT)
            eventually(lambda: has_said("The AWS emulator answers again."), "the word of one that goes on")
            assert not ended.is_set()
            os.kill(emulator_of(tmp_path), signal.SIGKILL)
            assert ended.wait(PATIENCE_SECONDS)
        eventually(lambda: has_said(f"has ended unexpectedly. Its log: {tmp_path}/emulator.log"), "the word of its end")
    finally:
        emulator.stop()


def test_an_emulator_that_is_ended_on_purpose_is_no_news(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emulator, ended = Emulator(tmp_path), threading.Event()
    with watched(emulator, ended.set):
        pass
    emulator.stop()
    assert (ended.is_set(), capsys.readouterr().err) == (False, "")


def test_a_local_stack_ends_with_its_emulator_and_says_so(tmp_path: Path) -> None:
    local = LocalStack(tmp_path)
    local.start()
    os.kill(emulator_of(tmp_path), signal.SIGKILL)
    local.end_of_all()
    assert local.process.returncode == 1
    assert local.printed().splitlines()[-1] == (
        "Error: The local stack cannot continue without its emulator. Start it again."
    )
