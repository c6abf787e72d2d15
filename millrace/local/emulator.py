"""Starts and stops the emulator's process, and provides its address."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import subprocess
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from millrace import output
from millrace.command_error import CommandError

#: The folder of the checkout. The local stack needs one.
PROJECT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
_MAIN = Path(__file__).with_name("emulator_main.py")
# A busy machine may take long, but a process that hangs must end with a message.
_START_SECONDS = 180
_STOP_SECONDS = 60
_CHANGES_SECONDS = 60
_MAX_LOG_BYTES = 1_000_000


class Emulator:
    """A running emulator. `crashed`: the previous emulator ended without saving its last changes.

    It answers only requests with the secret of its state, which `environment` contains. `enforces_iam`: all services
    are available, as deployments need them, and functions may do only what their roles allow.
    Raises CommandError if the emulator does not start. Then nothing is left running.
    """

    def __init__(self, state: Path, *, enforces_iam: bool = False, start_seconds: float = _START_SECONDS) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log = _begin_log(state)
        self._secret = _secret_of(state)
        # We bind the port and hand it over. So no other process can take it, and early requests wait.
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log.open("ab") as log:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
            self.port: int = listener.getsockname()[1]
            self.endpoint = f"http://127.0.0.1:{self.port}"
            # Its own session: Ctrl-C reaches only us, and we stop the emulator in order. The minimal environment keeps
            # out credentials, proxies and this environment's packages.
            self._process = subprocess.Popen(
                [_python(), str(_MAIN), str(state), str(self.port), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # unbuffered, so that select() sees each line
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "TMPDIR": str(state),
                    "AUTH": "true" if enforces_iam else "false",
                },
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        try:
            self.crashed = self._wait_until_ready(time.monotonic() + start_seconds)
        except BaseException:
            self._process.kill()  # it has nothing to save
            self.stop()
            raise

    def environment(self) -> dict[str, str]:
        """Return the environment with which boto3 uses this emulator and nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": self._secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,  # the user's file could name other endpoints
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def stop(self) -> None:
        """Stop the emulator, and wait until its state is saved."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until it has ended for any reason."""
        self._process.wait()

    def _wait_until_ready(self, deadline: float) -> bool:
        """Wait until the emulator answers. Return whether it recovered from a crash."""
        said = self._next_line(deadline)
        if said == b"waiting":
            output.say("Another emulator still saves this state. Waiting for it to end ...")
            said = self._next_line(deadline)
        try:
            changes(self.environment(), at_most_seconds=max(1, deadline - time.monotonic()))
        except (OSError, HTTPException) as error:
            raise self._failure() from error
        return said == b"restored-after-crash"

    def _next_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], max(0, deadline - time.monotonic()))
        line = self._process.stdout.readline().strip() if readable else b""
        if not line:
            raise self._failure()
        return line

    def _failure(self) -> CommandError:
        return CommandError(f"The AWS emulator did not start. Its log: {self.log}")


def changes(environment: Mapping[str, str], *, at_most_seconds: float = _CHANGES_SECONDS) -> int:
    """Return the number of answered calls that may have changed something in an emulator.

    `environment` names the emulator. Raises OSError and HTTPException.
    """
    address = environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    with contextlib.closing(HTTPConnection(address, timeout=at_most_seconds)) as connection:
        headers = {"X-Amz-Security-Token": environment["AWS_SESSION_TOKEN"]}
        connection.request("GET", "/_millrace/changes", headers=headers)
        return int(connection.getresponse().read())


def _begin_log(state: Path) -> Path:
    """Return the emulator's log file. A large log of earlier runs is moved away."""
    log = state / "emulator.log"
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(state / "emulator.log.1")
    return log


def _secret_of(state: Path) -> str:
    """Return the secret of a state. It is created with the state, and only the owner can read it."""
    file = state / "secret"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


def _python() -> str:
    """Return the Python of the emulator's own environment, whose pinned versions differ from ours."""
    python = PROJECT / ".venv-emulator" / "bin" / "python"
    if not python.exists():
        raise CommandError(f"The AWS emulator is not installed. Run `make setup` in {PROJECT}.")
    return str(python)
