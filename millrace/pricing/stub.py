"""A stub of AWS on a free port of 127.0.0.1, in its own process, with a cost meter for each access key."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from millrace.pricing.metering import Meter

_ACCESS_KEY = re.compile(rb"Credential=(\w+)/")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target: *([\w.]+)", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as botocore uses it: connections that stay open, and bodies with a known length."""

    def __init__(self, meters: dict[str, Meter]) -> None:
        self._meters = meters
        self._received = bytearray()
        self._told_to_continue = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            found = _LENGTH.search(head)
            total = end + 4 + (int(found[1]) if found else 0)
            if len(self._received) < total:
                if _EXPECTS.search(head) and not self._told_to_continue:
                    self._told_to_continue = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self._received[end + 4 : total])
            del self._received[:total]
            self._told_to_continue = False
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if path.startswith("/-/take/"):
            caller = path.removeprefix("/-/take/")
            content, kind = json.dumps(self._meters.pop(caller, Meter()).to_json()).encode(), "application/json"
        else:
            caller = found[1].decode() if (found := _ACCESS_KEY.search(head)) else "nobody"
            target = found[1].decode() if (found := _TARGET.search(head)) else ""
            content, kind = self._meters[caller].answer(method, target, body)
        lines = (f"Content-Type: {kind}", 'ETag: "e"', "x-amzn-RequestId: r", f"Content-Length: {len(content)}")
        return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + content


async def _serve() -> None:
    meters: dict[str, Meter] = defaultdict(Meter)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(meters), "127.0.0.1", 0, backlog=256)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # The stub ends with the process that started it, which closes its standard input.
    await loop.run_in_executor(None, sys.stdin.read)


class Stub:
    """The stub as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "millrace.pricing.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, _type: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._process.communicate("")

    def environment(self, caller: str) -> dict[str, str]:
        """Return the environment of a process that uses the stub as this caller, with the names of an open stage."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": caller,
            "AWS_SECRET_ACCESS_KEY": "made up",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "QUEUE_URL": f"{self.url}/000000000000/millrace-chunks",
            "TABLE_NAME": "millrace-table",
            "BUCKET_NAME": "millrace-archive",
            "TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:millrace-reports",
            "CURSOR_SECRET": "made up",
            "OPEN_STAGE": "true",
        }

    def take(self, caller: str) -> dict[str, Any]:
        """Return a caller's work since the last take: {"calls": {}, "units": {}, "messages": []}."""
        with urllib.request.urlopen(f"{self.url}/-/take/{caller}") as answer:
            taken: dict[str, Any] = json.load(answer)
        return taken


if __name__ == "__main__":
    asyncio.run(_serve())
