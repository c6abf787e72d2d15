"""A proxy in front of AWS that injects faults by rules, as a process of its own (microburst)."""

from __future__ import annotations

import json
import runpy
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from millrace.local.up import end_with_standard_input
from waiting import eventually


class Proxy:
    """`rules`: what goes wrong, as microburst's documentation has it; the first that fires decides."""

    def __init__(self, upstream: str, rules: list[dict[str, Any]], folder: Path) -> None:
        port = _free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        config = folder / "rules.yaml"
        config.write_text(json.dumps({"upstream": upstream, "port": port, "rules": rules}))  # JSON is YAML
        self._log = folder / "proxy.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(config)], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        try:
            eventually(self._answers, "the proxy to answer")
        except BaseException:
            self.stop()
            raise

    def faults(self) -> Counter[str]:
        """How many faults fired, as "dynamodb error:InternalServerError"."""
        fired = [(each["service"], each["action"]) for each in self._ask("fired?limit=100000")]
        return Counter(f"{service} {'latency' if 'latency' in action else action}" for service, action in fired)

    def stop(self) -> None:
        self._process.kill()  # asked politely, it waits for the connections of those that are gone
        self._process.communicate()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            self._ask("health")
        except OSError:  # URLError among them
            return False
        return True

    def _ask(self, question: str) -> Any:
        with urlopen(f"{self.endpoint}/_microburst/{question}", timeout=60) as answer:  # noqa: S310 - our own
            return json.load(answer)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    end_with_standard_input()
    sys.argv = ["microburst", "--no-resign", "--config", sys.argv[1]]
    runpy.run_module("microburst", run_name="__main__")
