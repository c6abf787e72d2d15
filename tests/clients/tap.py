"""A tap between a client library and the stack: hears every request, and can lose the first answers."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests

_LOST = b'{"code": "unavailable", "message": "The answer was lost.", "detail": "The answer was lost."}'
_OUT = {"Content-Type": "application/problem+json", "Retry-After": "5", "Access-Control-Allow-Origin": "*"}
_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Heard:
    """A request and the answer that the stack gave."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: bytes
    headers_of_answer: dict[str, str]

    @property
    def reply(self) -> dict[str, Any]:
        return dict(json.loads(self.answer))


class Tap:
    """`lose`: so many times a POST that the stack accepted is answered 503, as if the answer had been lost.

    `reset`: so many times the connection is closed instead. `path`: the stack is below it. `out_for`: seconds for which
    no POST reaches the stack, from the first one on; each is answered 503, or not at all if `out_is_mute`. `out_since`:
    when that one came.
    """

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self.target, self.path, self.heard = f"{address.scheme}://{address.netloc}", address.path, list[Heard]()
        self.lose, self.reset = 0, 0
        self.out_for, self.out_since, self.out_is_mute = 0.0, math.inf, False
        tap = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                tap.pass_on(self)

            do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 - the base class looks for these

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.path}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        if request.command == "POST" and self._is_out():
            _reset(request) if self.out_is_mute else _answer(request, 503, _OUT, _LOST)
            return
        got = self.send(request.command, request.path, headers, body)
        status, answer, headers = got.status_code, got.content, dict(got.headers)
        self.heard.append(Heard(request.command, request.path, dict(request.headers), body, status, answer, headers))
        if self.reset and request.command == "POST" and b'"chunks"' in answer:
            self.reset -= 1
            _reset(request)
            return
        if self.lose and request.command == "POST" and b'"chunks"' in answer:
            self.lose -= 1
            status, answer = 503, _LOST
            headers = {name: value for name, value in headers.items() if name.lower().startswith("access-")}
            headers["Content-Type"] = "application/problem+json"
        _answer(request, status, headers, answer)

    def _is_out(self) -> bool:
        self.out_since = min(self.out_since, time.time())
        return time.time() < self.out_since + self.out_for

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> requests.Response:
        return requests.request(method, self.target + path, headers=headers, data=body, timeout=120)

    @property
    def posts(self) -> list[Heard]:
        """The POSTs that were answered with verdicts, in the order in which they came."""
        return [each for each in self.heard if each.method == "POST" and b'"events"' in each.answer]


def _reset(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)


def _answer(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], answer: bytes) -> None:
    request.send_response(status)
    for name, value in headers.items():
        if name.lower() not in _HOP and name.lower() != "content-encoding":
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(answer)))
    request.end_headers()
    request.wfile.write(answer)
