"""Starts and ends the emulator process, and says where it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from millrace.command_error import CommandError

#: The folder of the checkout; the local stack runs from one.
PROJECT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
_MAIN = Path(__file__).with_name("emulator_main.py")
_START_SECONDS = 30


class Emulator:
    """A running emulator. `crashed`: the one before it ended without saving its last moments.

    `enforces_iam`: refuse what no policy allows; the credentials of `environment` may do everything.
    """

    def __init__(self, state: Path, *, port: int | None = None, enforces_iam: bool = False) -> None:
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        state.mkdir(parents=True, exist_ok=True)
        log = (state / "emulator.log").open("ab")
        # A session of its own: Ctrl-C reaches us alone, and we end it in order. The bare environment
        # keeps credentials, proxies and this environment's packages out of it.
        self._process = subprocess.Popen(
            [_python(), str(_MAIN), str(state), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={
                "PATH": os.environ.get("PATH", ""),
                "TMPDIR": str(state),
                "AUTH": "true" if enforces_iam else "false",
            },
            start_new_session=True,
        )
        log.close()
        self.crashed = self._wait_until_ready(state) == b"restored-after-crash"

    def environment(self) -> dict[str, str]:
        """What makes boto3 speak to this emulator, and to nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
        }

    def stop(self) -> None:
        """End it and wait until its state is saved."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def _wait_until_ready(self, state: Path) -> bytes:
        deadline = time.monotonic() + _START_SECONDS
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        while time.monotonic() < deadline and self.is_alive():
            try:
                with urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                    return said
            except (URLError, OSError):
                time.sleep(0.02)
        self.stop()
        raise CommandError(f"The AWS emulator did not start. Its log: {state / 'emulator.log'}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _python() -> str:
    """The interpreter of the emulator's own environment: it pins other versions than we do."""
    python = Path(sys.prefix).with_name(".venv-emulator") / "bin" / "python"
    if not python.exists():
        raise CommandError("The AWS emulator is not installed. Run `make setup`.")
    return str(python)
