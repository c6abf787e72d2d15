"""An event function in a process of its own, like an instance of it on Lambda: called for a queue, or every so often.

python -m millrace.local.function STATE process              a worker of the queue
python -m millrace.local.function STATE aggregate SECONDS    the schedule

Ends when its standard input does, after the call at hand: so it never outlives the local stack, however that dies.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import boto3
from chalice.app import SQSEventConfig
from chalice.cli.factory import CLIFactory

from millrace.local.emulator import PROJECT
from millrace.local.logs import output_watched
from millrace.local.triggers import QueueTrigger, Schedule

_log = logging.getLogger(__name__)

STAGE = "local"
_LOOK_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30  # between starts of one that ends again at once
_END_SECONDS = 10


class FunctionProcess(threading.Thread):
    """Keeps such a process running, with the environment of this one; if it dies, another takes its place."""

    def __init__(self, state: Path, *arguments: str) -> None:
        super().__init__(name=f"function {arguments[0]}", daemon=True)
        self._command = [sys.executable, "-m", "millrace.local.function", str(state), *arguments]
        self._ending = threading.Event()

    def run(self) -> None:
        process, pause = self._start_one(), _LOOK_SECONDS
        while not self._ending.wait(pause):
            if process.poll() is None:
                pause = _LOOK_SECONDS
                continue
            _log.warning("a process of the %s ended with %d, and is started again", self.name, process.returncode)
            process, pause = self._start_one(), min(2 * pause, _LONGEST_PAUSE_SECONDS)
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end(self) -> None:
        """Finish the call at hand, and begin no other."""
        self._ending.set()

    def _start_one(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the local stack alone, which ends everything in order.
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)


def load_app() -> tuple[Any, Any]:
    """The application, and Chalice's configuration of it."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    config = CLIFactory(str(PROJECT), environ=os.environ).create_config_obj(chalice_stage_name=STAGE)
    return config.chalice_app, config


def make_caller(app: Any, name: str, every_seconds: float = 0) -> QueueTrigger | Schedule:
    """What calls a function: the queue that app.py names for it, or else the schedule."""
    function = app.handler_map[name]
    source = next(each for each in app.event_sources if each.name == name)
    if isinstance(source, SQSEventConfig):
        return QueueTrigger(boto3.client("sqs"), os.environ["QUEUE_URL"], source, function)
    return Schedule(function, every_seconds)


def main(state: Path, name: str, *details: str) -> None:
    app, _ = load_app()
    caller = make_caller(app, name, *map(float, details))

    def end_with_standard_input() -> None:
        sys.stdin.read()
        caller.end()

    threading.Thread(target=end_with_standard_input, daemon=True).start()
    with output_watched(state):
        caller.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
