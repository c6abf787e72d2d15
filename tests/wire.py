"""Carries the requests of boto3's clients to an endpoint: with less work than urllib3, and on fresh connections."""

from __future__ import annotations

import io
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

# Long before the emulator closes one, which it does after 75 seconds.
_MAX_IDLE_SECONDS = 20
# Nothing of the emulator takes long; on a busy machine everything does.
_TIMEOUT_SECONDS = 60
# We say ourselves how long the body is, and wait for no permission to send it. Each Chalice app of a process makes the
# user agent longer, until a proxy refuses it.
_LEFT_OUT = ("content-length", "transfer-encoding", "expect", "user-agent")


class Wire:
    """Connections to one endpoint; any number of threads may send at once. `token`: the emulator's secret."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._host, _, port = urlsplit(endpoint).netloc.partition(":")
        self._port, self._token = int(port), token
        self._idle: list[tuple[_Connection, float]] = []
        weakref.finalize(self, _close, self._idle)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """The answer to a request. Raises a BotoCoreError where there is none."""
        try:
            connection = self._connection()
            status, headers, body = connection.ask(request.method, self._written(request))
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (OSError, ValueError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        if connection.is_open:
            self._idle.append((connection, time.monotonic()))
        return make_answer(request, status, body, headers)

    def _written(self, request: AWSPreparedRequest) -> bytes:
        """A request as it goes over the wire."""
        url, body = urlsplit(request.url), _bytes(request.body)
        lines = [f"{request.method} {url.path or '/'}{'?' if url.query else ''}{url.query} HTTP/1.1"]
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _LEFT_OUT}
        headers |= {"Host": url.netloc, "Content-Length": str(len(body)), "X-Amz-Security-Token": self._token}
        lines += [f"{name}: {value if isinstance(value, str) else value.decode()}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _connection(self) -> _Connection:
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < _MAX_IDLE_SECONDS:
                return connection
            connection.close()
        return _Connection(self._host, self._port)


class _Connection:
    """One connection, on which a request is one write. The standard library's makes two, and takes twice the CPU."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self.is_open = True

    def ask(self, method: str, written: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; the connection is closed where there is none."""
        try:
            self._socket.sendall(written)
            version, status, *_ = self._file.readline().decode("latin-1").split(" ")
            headers = dict(self._headers())
            body = b"" if method == "HEAD" or status == "204" else self._body(headers)
        except BaseException:
            self.close()
            raise
        if version == "HTTP/1.0" or headers.get("connection") == "close":
            self.close()
        return int(status), headers, body

    def close(self) -> None:
        self.is_open = False
        self._file.close()
        self._socket.close()

    def _headers(self) -> Iterator[tuple[str, str]]:
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        length = int(headers.get("content-length", -1))
        body = self._file.read(length)
        if length > len(body):
            raise ConnectionResetError("the answer is not whole")
        return body

    def _chunks(self) -> Iterator[bytes]:
        while length := int(self._file.readline(), 16):
            yield self._file.read(length)
            self._file.readline()
        self._file.readline()


def _close(idle: list[tuple[_Connection, float]]) -> None:
    for connection, _ in idle:
        connection.close()


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body if isinstance(body, (bytes, bytearray)) else body.read())


def make_answer(
    request: AWSPreparedRequest, status: int, body: bytes, headers: dict[str, str] | None = None
) -> AWSResponse:
    return AWSResponse(request.url, status, headers or {}, _Raw(body))


class _Raw(io.BytesIO):
    """What botocore reads, at once or as a stream."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
