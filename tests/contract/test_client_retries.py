"""The toolbox's client against a server that fails: what is sent again, how often, and what is said in the end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from chalicelib.core.retries import RECONNECT, REQUEST
from millrace.command_error import CommandError
from millrace.io.client import Client

EVENT = {"event_type": "view", "user_id": "ann"}
ACCEPTED = {"chunks": ["c"], "accepted": 1, "rejected": 0, "events": []}


class Server(ThreadingHTTPServer):
    """Answers with each status in turn, then with success. 0: closes the connection unanswered."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.retry_after: str | None = None
        self.received: list[tuple[float, Any]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((time.monotonic(), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if not status:
            self.close_connection = True
            return
        answer = json.dumps(ACCEPTED if status == 200 else {"code": "busy", "message": "Wait.", "events": []}).encode()
        self.send_response(status)
        if self.server.retry_after and status != 200:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is its own."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(f"http://127.0.0.1:{server.server_port}")


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_post_that_may_not_have_arrived_is_sent_again_as_it_was(server: Server, client: Client, status: int) -> None:
    server.statuses = [status]
    assert client.post_events([EVENT]) == ACCEPTED
    assert [body for _, body in server.received] == [[EVENT], [EVENT]]


def test_the_time_that_an_answer_names_is_waited_for(server: Server, client: Client) -> None:
    server.statuses, server.retry_after = [503], "1"
    client.post_events([EVENT])
    (first, _), (second, _) = server.received
    assert second - first >= 1


def test_an_answer_that_stays_busy_is_told_after_all_attempts(server: Server, client: Client) -> None:
    server.statuses = [503] * 50
    with pytest.raises(CommandError, match="503 busy: Wait"):
        _without_pauses(client).post_events([EVENT])
    assert len(server.received) == REQUEST.attempts


def test_a_connection_that_keeps_breaking_is_told_after_some_attempts(server: Server, client: Client) -> None:
    server.statuses = [0] * 50
    with pytest.raises(CommandError, match="Nothing answers"):
        _without_pauses(client).post_events([EVENT])
    assert len(server.received) == RECONNECT.attempts


@pytest.mark.parametrize(("status", "said"), [(400, "400 busy"), (500, "500 busy")])
def test_what_would_fail_again_is_not_sent_again(server: Server, client: Client, status: int, said: str) -> None:
    server.statuses = [status]
    with pytest.raises(CommandError, match=said):
        client.post_events([EVENT])
    assert len(server.received) == 1


def test_nobody_there_is_told(server: Server) -> None:
    server.server_close()
    with pytest.raises(CommandError, match="Nothing answers at http"):
        _without_pauses(Client(f"http://127.0.0.1:{server.server_port}")).get("/health")


def _without_pauses(client: Client) -> Client:
    for adapter in client._session.adapters.values():  # noqa: SLF001
        assert isinstance(adapter, HTTPAdapter)
        adapter.max_retries = adapter.max_retries.new(backoff_factor=0)
    return client
