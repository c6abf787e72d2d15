"""A server whose answer never ends, though each of its bytes comes in time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from millrace.command_error import CommandError
from millrace.io.exchange import Exchange

BEGINNINGS = {
    "its status": b"HTTP/1.1 2",
    "its headers": b"HTTP/1.1 200 OK\r\nX-A: ",
    "a body of a known length": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{",
    "a body that goes on": b"HTTP/1.1 200 OK\r\n\r\n{",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
}


@pytest.fixture(params=BEGINNINGS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.sendall(BEGINNINGS[request.param])
            while not ended.wait(0.01):
                try:
                    connection.sendall(b"0")
                except OSError:
                    return

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()


def test_a_request_ends_though_its_answer_does_not(url: str) -> None:
    exchange = Exchange(url, None, lambda _: None, lambda _: None, whole_seconds=0.3)
    with pytest.raises(CommandError, match="has not completed its answer within 0 s"):
        exchange.ask("GET", "/health")
