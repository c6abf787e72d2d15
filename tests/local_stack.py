"""The local stack as a user runs it: a process of its own, spoken to over HTTP and by commands."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from click.testing import CliRunner

from chalicelib.adapters import aws
from chalicelib.core.turn import YOUNG
from chalicelib.flows import quarantine
from chalicelib.settings import Settings
from millrace.cli import main
from millrace.io.client import Client
from millrace.stage_address import running_stack
from millrace.testing import Events, end
from oracle import Findings
from stage import Clients, Stage
from waiting import eventually, processes_of

COMMAND = Path(sys.executable).with_name("millrace")
_COMMAND_SECONDS = 600
# Never, while tests run: each run would look at every hour of the last two minutes. See `run_schedule`.
_AGGREGATE_SECONDS = 100_000


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One running stack for all tests of a folder: each looks at what is its own by project, user, type or time."""
    running = LocalStack(tmp_path_factory.mktemp("state"))
    try:
        running.start()
        yield running
    finally:
        running.end()


@contextlib.contextmanager
def as_in_its_own_process() -> Iterator[None]:
    """Undo what a command leaves behind in a process: the environment that it is led by, and sessions of the SDK."""
    before = dict(os.environ)
    _forget_sessions()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget_sessions()


def _forget_sessions() -> None:
    aws._session.cache_clear()  # noqa: SLF001
    boto3.DEFAULT_SESSION = None


class LocalStack:
    """`millrace up` with a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state, self.url = state, ""
        self._log = state / "up.log"

    def start(self, *options: str) -> None:
        """Start it; leaves nothing behind if that fails."""
        schedule = ["--aggregate-every", str(_AGGREGATE_SECONDS)]
        command = ["up", "--attached", "--state", str(self.state), "--port", "0", *schedule, *options]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen([COMMAND, *command], stdin=subprocess.PIPE, stdout=output, stderr=output)
        try:
            self.url = eventually(self._address, f"the local stack in {self.state} to start")
            self.__dict__.pop("clients", None)  # the emulator has another port now
        except BaseException:
            self.end()
            raise

    def is_running(self) -> bool:
        return self.process.poll() is None

    def printed(self) -> str:
        return self._log.read_text()

    def stop(self, signum: int) -> None:
        """Ask it to end, as a user does, and wait until it has; nothing of it may be left."""
        self.process.send_signal(signum)
        self.end_of_all()

    def end_of_all(self) -> None:
        """Wait until nothing of it is left."""
        eventually(lambda: not self.is_running(), "the local stack to end")
        assert self.process.stdin is not None
        self.process.stdin.close()
        eventually(lambda: not processes_of(self.state), "all processes of the local stack to end")

    def end(self) -> None:
        """End it, whatever happened to it; nothing of it may be left."""
        end(self.process)
        self.end_of_all()

    def _address(self) -> str | None:
        assert self.is_running(), self.printed()
        said = re.search(r"Millrace runs at (\S+)", self.printed())  # and all that it says before
        return said.group(1) if said else None

    def run(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        """A command's standard output. It runs in this process, which takes a tenth of the CPU of another one."""
        with as_in_its_own_process():
            found = CliRunner(env={"MILLRACE_STATE": str(self.state)}).invoke(main, arguments, input=stdin)
        if found.exception and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == code, (found.stdout, found.stderr)
        return found.stdout

    def run_apart(self, *arguments: str, stdin: str | None = None) -> str:
        """The same in a process of its own, as a user runs it."""
        environment = {**os.environ, "MILLRACE_STATE": str(self.state)}
        done = subprocess.run(
            [COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def key(self, kind: str) -> str:
        """A new key of the project `shop`."""
        return self.run("keys", "create", "--project", "shop", "--kind", kind).split()[-1]

    def get(self, path: str, *, key: str = "", **parameters: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return requests.get(self.url + path, params=parameters, headers=headers, timeout=120).json()

    def environment(self) -> dict[str, str]:
        running = running_stack(self.state)
        assert running, self.printed()
        return running.environment

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.environment())

    def findings(self) -> Findings:
        environment = self.environment()
        return Findings(self.clients, environment["TABLE_NAME"], environment["BUCKET_NAME"])

    def run_schedule(self) -> None:
        """Do once what the schedule does: make all reports, so late that no mark is left, and settle the quarantine."""
        stage = Stage(self.clients, settings=Settings.from_environ(self.environment()))
        stage.aggregate(datetime.now(UTC) + YOUNG)
        quarantine.settle(stage.quarantine)

    def forget_events(self) -> None:
        Events(Client(self.url), self.environment()).reset()
