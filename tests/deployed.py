"""A stage deployed as an operator does it, into an AWS that runs its functions and enforces IAM."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import requests

from millrace.local.emulator import PROJECT, Emulator

BIN = Path(sys.executable).parent


class Deployment:
    """The stage dev, deployed from a fresh copy of the checkout.

    The emulator runs functions on this machine: what is compiled in their package must be for it, unless `as_shipped`.
    """

    def __init__(self, emulator: Emulator, folder: Path, *, as_shipped: bool = False) -> None:
        self.emulator, self.folder, self.url = emulator, folder, ""
        for name in ("app.py", "requirements.txt", "stack.yaml", ".chalice/config.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
        if not as_shipped and platform.machine() == "x86_64":
            config = folder / ".chalice" / "config.json"
            config.write_text(config.read_text().replace('"arm64"', '"x86_64"'))
        shutil.copytree(PROJECT / "chalicelib", folder / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, program: str, *arguments: str, code: int = 0, **environment: str) -> str:
        """A program of the toolbox's environment, run in the checkout; answers its standard output."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=self.folder,
            env={**kept, **self.emulator.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout

    def client(self, service: str) -> Any:
        environment = self.emulator.environment()
        return boto3.client(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment["AWS_SESSION_TOKEN"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )

    def post(self, *events: dict[str, Any]) -> requests.Response:
        return requests.post(f"{self.url}/events", json=list(events), timeout=120)

    def get(self, path: str, **parameters: Any) -> Any:
        return requests.get(self.url + path, params=parameters, timeout=120).json()

    def queue(self, name: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
