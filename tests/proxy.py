"""A proxy in front of AWS that injects faults by rules, as a process of its own (microburst)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from millrace.local.emulator import free_port

_START_SECONDS = 20


class Proxy:
    """`rules`: what goes wrong, as microburst's documentation has it; the first that fires decides."""

    def __init__(self, upstream: str, rules: list[dict[str, Any]], folder: Path) -> None:
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        config = folder / "rules.yaml"
        config.write_text(json.dumps({"upstream": upstream, "port": port, "rules": rules}))  # JSON is YAML
        with (folder / "proxy.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "microburst", "--no-resign", "--config", str(config)],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._ask("health")
            except (URLError, ConnectionError):
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.05)
            else:
                return

    def faults(self) -> Counter[str]:
        """How many faults fired, as "dynamodb error:InternalServerError"."""
        fired = [(each["service"], each["action"]) for each in self._ask("fired?limit=100000")]
        return Counter(f"{service} {'latency' if 'latency' in action else action}" for service, action in fired)

    def stop(self) -> None:
        self._process.kill()  # asked politely, it waits for the connections of those that are gone
        self._process.wait()

    def _ask(self, question: str) -> Any:
        with urlopen(f"{self.endpoint}/_microburst/{question}", timeout=5) as answer:  # noqa: S310 - our own
            return json.load(answer)
