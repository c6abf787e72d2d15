"""Serves one implementation's API function over HTTP, one request at a time like one instance on Lambda.

python -m bench.serving MODULE:API:PROCESSOR    prints its port
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from millrace.pricing.worker import load
from millrace.pricing.workload import Context, http_event

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


async def _serve(handler: Callable[[dict[str, Any], Any], Any]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            with redirect_stdout(StringIO()):
                answer = handler(http_event(body.decode()), Context())
            content = answer["body"].encode()
            writer.write(
                b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (answer["statusCode"], len(content)) + content
            )
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # The server ends with the process that started it, which closes its standard input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(load(sys.argv[1], "api")))
