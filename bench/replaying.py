"""Sends recorded calls to an emulator as fast as it answers: prepared bytes over plain sockets, a thread per worker."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_HANDLE = re.compile(rb'"ReceiptHandle": ?"([^"]+)"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_READ_BYTES = 1 << 18


@dataclass(frozen=True)
class Call:
    """A recorded request. `operation`: the name in DynamoDB or SQS, or the HTTP method."""

    operation: str
    head: bytes
    body: bytes

    @property
    def receives(self) -> bool:
        return self.operation == "ReceiveMessage"

    @property
    def deletes(self) -> bool:
        return self.operation == "DeleteMessageBatch"


def replay(port: int, workers: Sequence[Sequence[Call]]) -> float:
    """Return the seconds from the first call to the last answer. Each worker's calls keep their order.

    Receipt handles differ in each replay, so deletions use the handles that this replay has received.
    """
    handles: deque[bytes] = deque()
    refusals: list[str] = []
    ready = threading.Barrier(len(workers) + 1)
    threads = [threading.Thread(target=_work, args=(port, calls, handles, ready, refusals)) for calls in workers]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - started
    if refusals or handles:
        raise SystemExit(f"The replay went wrong: {len(handles)} messages were left, and {refusals[:3]}")
    return taken


def _work(
    port: int, calls: Sequence[Call], handles: deque[bytes], ready: threading.Barrier, refusals: list[str]
) -> None:
    pieces = [_HANDLE.split(call.body)[::2] if call.deletes else [] for call in calls]
    connection = _Connection(port)
    ready.wait()
    for call, texts in zip(calls, pieces, strict=True):
        if call.deletes:
            body = _with_handles(texts, handles)
            status, answer = connection.ask(call.head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        else:
            status, answer = connection.ask(call.head + call.body)
        if call.receives:
            handles.extend(_HANDLE.findall(answer))
        if status != b"200" or (call.operation == "BatchExecuteStatement" and b'"Error"' in answer):
            refusals.append(f"{call.operation} was answered {status.decode()} {answer[:200]!r}")
    connection.close()


def _with_handles(texts: Sequence[bytes], handles: deque[bytes]) -> bytes:
    body = texts[0]
    for text in texts[1:]:
        body += b'"ReceiptHandle":"' + handles.popleft() + b'"' + text
    return body


class _Connection:
    """A kept-alive connection. The emulator closes it after some requests, and announces that in the last answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Return the status and the body of the answer."""
        self._socket.sendall(request)
        received = self._receive()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        found = _LENGTH.search(received, 0, end + 2)
        assert found, received
        while len(received) < end + 4 + int(found[1]):
            received += self._receive()
        if _CLOSES.search(received, 0, end + 2):
            self.close()
            self._open()
        return received[9:12], received[end + 4 :]

    def _receive(self) -> bytes:
        received = self._socket.recv(_READ_BYTES)
        if not received:
            raise ConnectionError("The emulator ended a connection without an answer.")
        return received

    def close(self) -> None:
        self._socket.close()
