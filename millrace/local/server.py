"""The HTTP server of the local stack: Chalice's local gateway behind a robust server (waitress)."""

from __future__ import annotations

import base64
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

from chalice.local import LocalChalice, LocalGateway, LocalGatewayException
from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from chalicelib.errors import Problem
from millrace import gateway
from millrace.command_error import CommandError

_log = logging.getLogger(__name__)

# API Gateway's limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
_MAX_HEAD_BYTES = 10_240
# Parallel requests; more wait. Most of their time, requests wait for the emulator.
_THREADS = 16
_MAX_CONNECTIONS = 500
_BACKLOG = 128
_IDLE_SECONDS = 60
_END_SECONDS = 5
#: Names of this machine that no DNS server can redirect to it.
_HOSTS = ("127.0.0.1", "localhost")

_Answer = tuple[int, dict[str, Any], str | bytes | None]
_StartResponse = Callable[[str, list[tuple[str, str]]], object]


def listen(port: int) -> socket.socket:
    """Return a socket on 127.0.0.1. Requests before `serve` wait. Raises CommandError."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    except OSError as error:
        raise CommandError(f"Port {port} is taken. Choose another: PORT={port + 1} make run") from error


@contextlib.contextmanager
def serve(app: Any, config: Any, listener: socket.socket, path: str = "", hosts: Iterable[str] = ()) -> Iterator[None]:
    """Answer requests in other threads. At the end, finish the current requests and accept no others.

    `path`: precedes each route, as the name of a deployed stage does. `hosts`: additional names of this machine.
    """
    app.__class__ = LocalChalice  # it stores the current request per thread
    server = create_server(
        Application(_Gateway(app, config, path), hosts),
        sockets=[listener],
        backlog=_BACKLOG,
        threads=_THREADS,
        connection_limit=_MAX_CONNECTIONS,
        channel_timeout=_IDLE_SECONDS,
        max_request_body_size=_MAX_PAYLOAD_BYTES + 1,
        max_request_header_size=_MAX_HEAD_BYTES + 1,
        clear_untrusted_proxy_headers=False,  # the application sees what clients send, as on AWS
        asyncore_use_poll=True,  # select supports at most 1,024 files
        ident=None,
    )
    server.channel_class = _Channel
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits for a thread
    thread = threading.Thread(target=server.run, name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.task_dispatcher.shutdown(timeout=_END_SECONDS)
        server.trigger.pull_trigger(partial(wasyncore.close_all, server._map))
        thread.join()


class _Gateway(LocalGateway):
    """Chalice's local gateway, served below a path."""

    def __init__(self, app: Any, config: Any, path: str) -> None:
        super().__init__(app, config)
        self._path = path

    def _generate_lambda_event(self, method: str, path: str, headers: Any, body: bytes | None) -> Any:
        route = path.removeprefix(self._path)
        if self._path and (route == path or not (route + "/").startswith(("/", "?"))):
            raise ValueError(f"{path} is not below {self._path}")  # answered like any unknown path
        event = super()._generate_lambda_event(method, route if route.startswith("/") else f"/{route}", headers, body)
        event["requestContext"]["path"] = path.partition("?")[0]
        return event


class Application:
    """Passes requests to Chalice as API Gateway does (WSGI). `hosts`: additional names of this machine."""

    def __init__(self, chalice: LocalGateway, hosts: Iterable[str] = ()) -> None:
        self._chalice = chalice
        self._hosts = [*_HOSTS, *(host.lower() for host in hosts)]

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        status, headers, body = self._answer(environ)
        content = body.encode() if isinstance(body, str) else body or b""
        headers = {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(_pairs(headers)))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    def _answer(self, environ: dict[str, Any]) -> _Answer:
        # Through a name that DNS resolves to here, a page of another site could read the answers.
        if environ.get("HTTP_HOST", "").partition(":")[0].lower() not in self._hosts:
            names = " and ".join(self._hosts)
            advice = "To allow another name, start the stack with: millrace up --host NAME"
            return _problem(Problem("forbidden", f"The local stack answers only to {names} as its host. {advice}"))
        if not environ["REQUEST_URI"].startswith("/"):
            return _problem(Problem("bad_request", "The request names no path."))
        target, content = environ["REQUEST_URI"], environ["wsgi.input"].read() or None
        try:
            response = self._chalice.handle_request(environ["REQUEST_METHOD"], target, _headers(environ), content)
        except (LocalGatewayException, UnicodeEncodeError):  # the second comes from quoting an Authorization header
            return _problem(gateway.NO_SUCH_PATH)
        except Exception:  # noqa: BLE001 - no request may end the server
            _log.exception("a request was not answered")
            return _problem(Problem("internal_error"))
        body = base64.b64decode(response["body"]) if response.get("isBase64Encoded") else response["body"]
        return response["statusCode"], {**response["headers"], **response["multiValueHeaders"]}, body


class _Parser(HTTPRequestParser):  # type: ignore[misc] # waitress ships no types
    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # int() refuses thousands of digits
            raise ParsingError("Content-Length is invalid") from error


class _Refusal(ErrorTask):  # type: ignore[misc] # waitress ships no types
    """Answers a request that is not HTTP, or is too large, in the form of the API's other errors."""

    def execute(self) -> None:
        error = self.request.error
        too_large = error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        problem = gateway.BODY_TOO_LARGE if too_large else Problem("bad_request", f"{error.reason}: {error.body}.")
        status, headers, body = _problem(problem)
        self.status = f"{status} {HTTPStatus(status).phrase}"
        self.response_headers.extend(_pairs(headers))
        self.set_close_on_finish()
        content = str(body).encode()
        self.content_length = len(content)
        self.write(content)


class _Channel(HTTPChannel):  # type: ignore[misc] # waitress ships no types
    parser_class = _Parser
    error_task_class = _Refusal


def _problem(problem: Problem) -> _Answer:
    response = gateway.answer(problem)
    return response.status_code, dict(response.headers), response.body


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    names = [name for name in environ if name.startswith("HTTP_")]
    headers = {name.removeprefix("HTTP_").replace("_", "-").title(): environ[name] for name in names}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if name in environ:
            headers[name.replace("_", "-").title()] = environ[name]
    return headers


def _pairs(headers: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in headers.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)
