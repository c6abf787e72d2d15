"""Runs an event function in its own process, like an instance on Lambda. A queue or a schedule calls the function.

python -m millrace.local.function STATE process              a worker of the queue
python -m millrace.local.function STATE aggregate SECONDS    the schedule

When the standard input of the process ends, the process ends after the current call. So it never outlives the stack.
"""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from chalice.app import SQSEventConfig

from chalicelib.adapters import aws
from chalicelib.core import retries
from millrace.local.emulator import PROJECT, changes
from millrace.local.logs import output_watched
from millrace.local.triggers import WAIT_SECONDS, Due, QueueTrigger, Schedule

_log = logging.getLogger(__name__)

# The pauses between starts of a process that ends repeatedly.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30
_END_SECONDS = 60


class FunctionProcess(threading.Thread):
    """Keeps a function's process running, with the environment of this process. Starts it again if it dies."""

    def __init__(self, state: Path, *arguments: str) -> None:
        super().__init__(name=f"function {arguments[0]}", daemon=True)
        self._command = [sys.executable, "-m", "millrace.local.function", str(state), *arguments]
        self._ending, self._replacing = threading.Event(), threading.Lock()
        self._process = self._start_one()

    def run(self) -> None:
        pause: float = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            code = self._process.wait()
            if time.monotonic() - started > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._ending.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with self._replacing:
                if self._ending.is_set():
                    return
                _log.warning("a process of the %s ended with %d, and is started again", self.name, code)
                self._process = self._start_one()

    def end(self) -> None:
        """Let the process finish its current call and begin no other. Does not wait for the end."""
        self._ending.set()
        with self._replacing:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def wait_for_the_end(self) -> None:
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start_one(self) -> subprocess.Popen[bytes]:
        # Its own session: Ctrl-C reaches only the local stack, which ends everything in order.
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)


def load_app() -> Any:
    """Return the application of app.py."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if str(PROJECT) not in sys.path:
        sys.path.insert(0, str(PROJECT))
    return importlib.import_module("app").app


def make_caller(app: Any, name: str, every_seconds: float = 0) -> QueueTrigger | Schedule:
    """Return the caller of a function: its queue if app.py names one, or else the schedule."""
    function = app.handler_map[name]
    source = next(each for each in app.event_sources if each.name == name)
    if isinstance(source, SQSEventConfig):
        sqs = aws.client("sqs", replace(retries.CALL, timeouts=(2, 2 * WAIT_SECONDS)))
        return QueueTrigger(sqs, os.environ["QUEUE_URL"], source, function)
    return Schedule(function, every_seconds, is_due=Due(partial(changes, os.environ)))


def wait_for_standard_input_to_end() -> None:
    """Wait with os.read: the lock of Python's own buffer would be held when the interpreter ends."""
    while os.read(sys.stdin.fileno(), 1024):
        pass


def main(state: Path, name: str, *details: str) -> None:
    caller = make_caller(load_app(), name, *map(float, details))
    over = threading.Event()

    def call() -> None:
        try:
            caller.run()
        finally:  # whatever the reason, another process takes its place
            over.set()

    def end_with_standard_input() -> None:
        wait_for_standard_input_to_end()
        caller.end()
        over.set()

    with output_watched(state):
        for each in (call, end_with_standard_input):
            threading.Thread(target=each, daemon=True).start()
        over.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
    os._exit(0)  # an orderly exit of the interpreter would cost a third of its start
