"""Carries the requests of boto3's clients to an endpoint: with less work than urllib3, and on fresh connections."""

from __future__ import annotations

import io
import time
import weakref
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

# Long before the emulator closes one, which it does after 75 seconds.
_MAX_IDLE_SECONDS = 20
# Nothing of the emulator takes long; on a busy machine everything does.
_TIMEOUT_SECONDS = 60


class Wire:
    """Connections to one endpoint; any number of threads may send at once. `token`: the emulator's secret."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._address, self._token = urlsplit(endpoint).netloc, token
        self._idle: list[tuple[HTTPConnection, float]] = []
        weakref.finalize(self, _close, self._idle)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """The answer to a request. Raises a BotoCoreError where there is none."""
        connection = self._connection()
        parts = urlsplit(request.url)
        headers = {name: _text(value) for name, value in request.headers.items() if name != "Expect"}
        headers["X-Amz-Security-Token"] = self._token
        try:
            connection.request(request.method, f"{parts.path}?{parts.query}", request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError as error:
            connection.close()
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (HTTPException, OSError) as error:
            connection.close()
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        self._idle.append((connection, time.monotonic()))
        return make_answer(request, answer.status, body, dict(answer.getheaders()))

    def _connection(self) -> HTTPConnection:
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < _MAX_IDLE_SECONDS:
                return connection
            connection.close()
        return HTTPConnection(self._address, timeout=_TIMEOUT_SECONDS)


def _close(idle: list[tuple[HTTPConnection, float]]) -> None:
    for connection, _ in idle:
        connection.close()


def make_answer(
    request: AWSPreparedRequest, status: int, body: bytes, headers: dict[str, str] | None = None
) -> AWSResponse:
    return AWSResponse(request.url, status, headers or {}, _Raw(body))


class _Raw(io.BytesIO):
    """What botocore reads, at once or as a stream."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
