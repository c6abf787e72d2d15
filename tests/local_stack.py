"""The local stack as a user runs it: a process of its own, spoken to over HTTP and by commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from millrace.local.emulator import free_port
from oracle import Findings
from stage import Clients

COMMAND = Path(sys.executable).with_name("millrace")
START_SECONDS = 30


def eventually(probe: Callable[[], Any], seconds: float = 30) -> Any:
    """What the probe answers as soon as it is true; it must become so before the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"{probe} stayed {answer!r}"
        time.sleep(0.05)
    return answer


class LocalStack:
    """`millrace up` with a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state, self.port = state, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, *options: str) -> None:
        state = ["--state", str(self.state), "--port", str(self.port), "--aggregate-every", "1"]
        self.process = subprocess.Popen(
            [COMMAND, "up", *state, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        eventually(self.answers, START_SECONDS)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.process.stdout and self.process.stdout.read()
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def stop(self, signum: int = signal.SIGINT) -> str:
        """What it printed."""
        self.process.send_signal(signum)
        printed, _ = self.process.communicate(timeout=60)
        return printed

    def run(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        """A command's standard output."""
        environment = {**os.environ, "MILLRACE_STATE": str(self.state)}
        done = subprocess.run(
            [COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=180,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout

    def get(self, path: str, **parameters: Any) -> Any:
        return requests.get(self.url + path, params=parameters, timeout=30).json()

    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.run("env").splitlines())

    def findings(self) -> Findings:
        environment = self.environment()
        return Findings(Clients(environment), environment["TABLE_NAME"], environment["BUCKET_NAME"])
