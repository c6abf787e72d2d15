"""The toolbox's client against servers that fail: what it sends again, how long it waits, what it says at last."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.core.retries import QUOTA, RECONNECT, REQUEST
from millrace.command_error import CommandError
from millrace.io.client import Client, Refused

EVENT = {"event_type": "view", "user_id": "ann"}
ACCEPTED = {"chunks": ["c"], "accepted": 1, "rejected": 0, "events": [{"index": 0, "status": "accepted"}]}
KEY = f"mw_{'0' * 12}_{'0' * 40}"

#: What the server does to a connection instead of answering.
Answer = bytes


def answer(status: int, body: bytes, **headers: str) -> Answer:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


GOOD = answer(200, json.dumps(ACCEPTED).encode())
BUSY = json.dumps({"code": "busy", "message": "Wait."}).encode()
HTML = b"<html>Bad gateway</html>"
#: Ways to give no whole answer.
BROKEN = {
    "closed": b"",
    "garbage": b"\x00\xff\xfe garbage\r\n\r\n",
    "not HTTP": b"220 mail.example.com ESMTP\r\n",
    "head cut": b"HTTP/1.1 200 OK\r\nContent-Le",
    "body cut": answer(200, json.dumps(ACCEPTED).encode())[:-10],
    "chunks cut": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"chunks"',
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "empty": answer(200, b""),
    "cut without a length": b'HTTP/1.1 200 OK\r\n\r\n{"accepted": 1, "eve',
    "no gzip": answer(200, b"not gzip", Content_Encoding="gzip"),
}
#: Whole answers that no stage gives.
FOREIGN = {
    "page": b"<html>Welcome</html>",
    "object": b"{}",
    "list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "not UTF-8": b'"\xff"',
    "words": b'{"accepted": 1, "events": "accepted", "chunks": []}',
    "rows": b'{"events": [1], "counts": [{}], "reports": [[]], "rejections": [null], "status": 5, "chunks": [1]}',
    "cursor": b'{"events": [], "counts": [], "reports": [], "rejections": [], "status": {}, "chunks": {}, "next": 5}',
}


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, and then with success."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.received: list[tuple[str, str, Any, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self) -> list[Any]:
        return [body for _, _, body, _ in self.received]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append(
            (self.command, self.path, json.loads(body) if body else None, self.headers.get("Authorization"))
        )
        self.wfile.write(self.server.answers.pop(0) if self.server.answers else GOOD)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST  # noqa: N815 - the name is the method's

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is its own."""


@pytest.fixture
def server() -> Iterator[Server]:
    yield from running()


@pytest.fixture
def other() -> Iterator[Server]:
    yield from running()


def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Waiting:
    """A client of a server that does not really wait."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.pauses: list[float] = []
        self.said: list[str] = []
        self.client = Client(url, key, say=self.said.append, pause=self.pauses.append)

    def post(self) -> dict[str, Any]:
        return self.client.post_events([EVENT])


ASKED: dict[str, Callable[[Client], Any]] = {
    "post": lambda client: client.post_events([EVENT]),
    "get": lambda client: client.get("/health"),
    "receipt": lambda client: client.receipt("c"),
    **{
        name: lambda client, name=name: list(client.pages(f"/{name}", name, 0))  # type: ignore[misc]
        for name in ("events", "counts", "reports", "rejections")
    },
}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("body", [BUSY, HTML])
def test_a_post_that_is_answered_with_a_passing_failure_is_sent_again(server: Server, status: int, body: bytes) -> None:
    server.answers = [answer(status, body)]
    assert Waiting(server.url).post() == ACCEPTED
    assert server.bodies() == [[EVENT], [EVENT]]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_post_whose_answer_does_not_come_whole_is_sent_again(server: Server, broken: bytes) -> None:
    server.answers = [broken]
    assert Waiting(server.url).post() == ACCEPTED
    assert server.bodies() == [[EVENT], [EVENT]]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_never_comes_whole_is_told_in_one_sentence(server: Server, broken: bytes) -> None:
    server.answers = [broken] * 50
    with pytest.raises(CommandError, match="gives no complete answer") as told:
        Waiting(server.url).post()
    assert "\n" not in told.value.message
    assert len(server.received) == RECONNECT.attempts


@pytest.mark.parametrize("ask", [ask for name, ask in ASKED.items() if name != "get"])
@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_an_answer_that_is_not_a_stages_is_never_taken_for_one(
    server: Server, ask: Callable[[Client], Any], body: bytes
) -> None:
    server.answers = [answer(200, body)]
    with pytest.raises(Refused, match="no answer of a stage") as told:
        ask(Client(server.url))
    assert "\n" not in told.value.message
    assert len(server.received) == 1


@pytest.mark.parametrize("verdicts", [[], [{"index": 0, "status": "accepted"}] * 2, ["accepted"], None])
def test_a_reply_without_a_verdict_for_each_event_is_not_a_stages(server: Server, verdicts: Any) -> None:
    server.answers = [answer(200, json.dumps(ACCEPTED | {"events": verdicts}).encode())]
    with pytest.raises(Refused, match="no answer of a stage"):
        Client(server.url).post_events([EVENT])


def test_connections_that_break_between_answers_are_not_counted_together(server: Server) -> None:
    server.answers = [b"", answer(429, BUSY)] * 5
    assert Waiting(server.url).post() == ACCEPTED


def test_the_sum_of_accepted_events_is_that_of_the_verdicts(server: Server) -> None:
    verdicts = [{"index": 0, "status": "accepted"}, {"index": 1, "status": "rejected", "message": "m"}]
    server.answers = [answer(200, json.dumps(ACCEPTED | {"accepted": 2, "events": verdicts}).encode())]
    reply = Client(server.url).post_events([EVENT, EVENT])
    assert (reply["accepted"], reply["rejected"]) == (1, 1)


def test_the_verdicts_of_a_post_whose_events_are_all_rejected_are_a_reply(server: Server) -> None:
    problem = {"code": "all_rejected", "message": "m", "events": [{"index": 0, "status": "rejected", "message": "m"}]}
    server.answers = [answer(422, json.dumps(problem).encode())]
    reply = Client(server.url).post_events([EVENT])
    assert (reply["accepted"], reply["rejected"], reply["chunks"]) == (0, 1, [])


@pytest.mark.parametrize("in_form", ["7", "date"])
def test_the_time_that_an_answer_names_is_waited_for_and_said(server: Server, in_form: str) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server.answers = [answer(429, BUSY, Retry_After=moment if in_form == "date" else in_form)]
    waiting = Waiting(server.url)
    assert waiting.post() == ACCEPTED
    (pause,) = waiting.pauses
    assert 1 < pause <= 40
    assert f"trying again in {pause:.0f} s" in waiting.said[0]


@pytest.mark.parametrize("named", ["0", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 400, "1e9", ""])
def test_whatever_time_an_answer_names_the_wait_is_a_minute_at_most(server: Server, named: str) -> None:
    server.answers = [answer(503, BUSY, Retry_After=named)]
    waiting = Waiting(server.url)
    assert waiting.post() == ACCEPTED
    assert 0 <= waiting.pauses[0] <= 60


def test_a_quota_is_waited_for_minute_after_minute(server: Server) -> None:
    server.answers = [answer(429, BUSY, Retry_After="60")] * 20
    waiting = Waiting(server.url)
    assert waiting.post() == ACCEPTED
    assert waiting.pauses == [60] * 20


@pytest.mark.parametrize(
    ("status", "ask", "attempts"),
    [
        (429, "post", QUOTA.attempts),
        (429, "events", REQUEST.attempts),
        (503, "post", REQUEST.attempts),
        (500, "get", REQUEST.attempts),
        (400, "post", 1),
        (401, "events", 1),
        (413, "post", 1),
        (404, "receipt", 1),
    ],
)
def test_an_answer_that_stays_is_told_after_as_many_attempts_as_it_deserves(
    server: Server, status: int, ask: str, attempts: int
) -> None:
    server.answers = [answer(status, BUSY)] * 100
    with pytest.raises(Refused, match=f"{status} busy: Wait"):
        ASKED[ask](Waiting(server.url).client)
    assert len(server.received) == attempts


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/stage/events", "{url}/stage/events", "events2?a=b"])
def test_a_redirect_is_followed_with_the_same_method_body_and_key(server: Server, status: int, where: str) -> None:
    server.answers = [answer(status, HTML, Location=where.format(url=server.url))]
    assert Waiting(server.url, KEY).post() == ACCEPTED
    (first, second) = server.received
    assert (second[0], second[2], second[3]) == (first[0], first[2], first[3]) == ("POST", [EVENT], f"Bearer {KEY}")
    assert second[1] != first[1]


def test_a_key_is_not_sent_where_another_server_says(server: Server, other: Server) -> None:
    server.answers = [answer(307, b"", Location=f"{other.url.replace('127.0.0.1', 'localhost')}/events")]
    assert Waiting(server.url, KEY).post() == ACCEPTED
    assert [key for *_, key in other.received] == [None]


@pytest.mark.parametrize("where", ["/events", "http://[", "ftp://example.com/", "//", "http://"])
def test_a_redirect_to_nowhere_is_told_in_one_sentence(server: Server, where: str) -> None:
    server.answers = [answer(302, b"", Location=where)] * 50
    with pytest.raises(CommandError, match=r".") as told:
        Waiting(server.url).post()
    assert "\n" not in told.value.message
    assert len(server.received) < 10


def test_nobody_there_is_told_with_what_to_do(server: Server) -> None:
    server.server_close()
    with pytest.raises(CommandError, match=r"Nothing answers at http.*`make run`"):
        Waiting(server.url).client.get("/health")


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "localhost", "ftp://example.com", "http://", "http://[", "http://a:b", "", "http://h:99999"],
)
def test_what_is_no_address_is_told_before_anything_is_asked(url: str) -> None:
    with pytest.raises(CommandError, match="is not the address of a stage"):
        Client(url)


@pytest.mark.parametrize("key", ["shop", "mw_", KEY[:-1], KEY.upper(), f"{KEY}\n", "mw_ключ"])
def test_what_is_no_key_is_told_before_anything_is_sent(server: Server, key: str) -> None:
    with pytest.raises(CommandError, match="not a key"):
        Client(server.url, key)
    assert server.received == []
