"""Measures POST latency at a constant arrival rate: each request starts when it is due, even if others wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from bench.side_by_side import CONTESTANTS, ROOT, say
from millrace.pricing.stub import Stub
from millrace.pricing.workload import Traffic

# Requests per second: a quiet site, and half of the capacity of one instance of the slowest implementation.
_RATES = (50, 150)
_WARM_UP = 50


def run(*, seconds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return percentiles of the milliseconds from when a request was due to its answer.

    They are grouped by implementation and by requests per second.
    """
    found = {}
    with Stub() as stub:
        for name, (functions, added) in CONTESTANTS.items():
            say(f"latency: {name}")
            with _server(
                [sys.executable, "-m", "bench.serving", functions], {**stub.environment("l"), **added}
            ) as port:
                found[name] = _loads(port, seconds)
    say("latency: the local stack")
    with _local_stack() as port:
        found["ours, local stack"] = _loads(port, seconds)
    return found


def _loads(port: int, seconds: int) -> dict[str, dict[str, float]]:
    return {str(rate): asyncio.run(_load(port, seconds, rate)) for rate in _RATES}


@contextlib.contextmanager
def _server(command: list[str], environment: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.communicate("")


@contextlib.contextmanager
def _local_stack() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "millrace", "up", "--port", str(port), "--state", state]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        process.stdout.readline()  # it prints its address when it is ready
        yield port
        process.terminate()
        process.wait(timeout=60)


async def _load(port: int, seconds: int, per_second: int) -> dict[str, float]:
    traffic = Traffic()
    bodies = [traffic.post(1).encode() for _ in range(seconds * per_second + _WARM_UP)]
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    start = time.perf_counter() + 0.5
    tasks = [_post(port, body, start + number / per_second, idle) for number, body in enumerate(bodies)]
    taken = sorted((await asyncio.gather(*tasks))[_WARM_UP:])
    for _, writer in idle:
        writer.close()
    return {
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[int(len(taken) * 0.99)] * 1000,
        "p99.9": taken[int(len(taken) * 0.999)] * 1000,
    }


async def _post(port: int, body: bytes, due: float, idle: list[Any]) -> float:
    """Return the seconds from `due` to the end of the answer, waiting included."""
    await asyncio.sleep(due - time.perf_counter())
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(f"A POST was answered: {head.decode()}")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].split(b":")[1]))
    taken = time.perf_counter() - due
    idle.append((reader, writer))
    return taken
