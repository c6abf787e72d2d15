"""Requests that neither the local stack's server nor its emulator may answer, over plain sockets."""

from __future__ import annotations

import json
import socket
import stat
from typing import Any

import pytest

from local_stack import LocalStack
from millrace.local.emulator import Emulator

MEBIBYTE = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"


def ask(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of what comes back, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), {name.lower(): value for name, value in headers.items()}, body


def request(*lines: str, body: str = "", closes: bool = True) -> bytes:
    closing = ["Connection: close"] if closes else []
    return ("\r\n".join([*lines, *closing, "", ""]) + body).encode("latin-1")


@pytest.fixture
def port(stack: LocalStack) -> int:
    return int(stack.url.rpartition(":")[2])


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "127.0.0.1", "localhost:{}", "LocalHost", "localhost:9"])
def test_the_local_stack_answers_to_its_own_names(port: int, host: str) -> None:
    status, _, _ = ask(port, request("GET /health HTTP/1.1", f"Host: {host.format(port)}"))
    assert status == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["Host: evil.example:{}"],
        ["Host: evil.example"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host: localhost.evil.example:{}"],
        ["Host: 127.0.0.1@evil.example"],
        ["Host: [::1]:{}"],
        ["Host:"],
        ["Host: 127.0.0.1", "Host: evil.example"],
        [],
    ],
)
@pytest.mark.parametrize("line", ["GET /events HTTP/1.1", "POST /events HTTP/1.1", "GET / HTTP/1.0"])
def test_the_local_stack_answers_to_no_other_name(port: int, hosts: list[str], line: str) -> None:
    status, _, body = ask(port, request(line, *(host.format(port) for host in hosts)))
    assert (status, json.loads(body)["code"]) == (403, "forbidden")


BROKEN: dict[str, tuple[list[str], str, str]] = {
    "a length that is no number": (["Content-Length: \xb2"], "", "bad_request"),
    "a negative length": (["Content-Length: -1"], "", "bad_request"),
    "a hexadecimal length": (["Content-Length: 0x24"], "", "bad_request"),
    "a length with an underscore": (["Content-Length: 2_4"], "", "bad_request"),
    "a length of 5,000 digits": (["Content-Length: " + "1" * 5000], "", "bad_request"),
    "two lengths": (["Content-Length: 2", "Content-Length: 3"], "[]", "bad_request"),
    "a negative chunk": ([CHUNKED], "-1\r\n[]", "bad_request"),
    "a chunk with a sign": ([CHUNKED], "+2\r\n[]\r\n0\r\n\r\n", "bad_request"),
    "a chunk that is no number": ([CHUNKED], "wide\r\n[]", "bad_request"),
    "an encoding that nobody knows": (["Transfer-Encoding: xchunked"], "2\r\n[]\r\n0\r\n\r\n", "bad_request"),
    "a head that is too large": (["X-Padding: " + "x" * 11_000], "", "bad_request"),
    "a line without a colon": (["nonsense"], "", "bad_request"),
    "a body that is said to be too large": ([f"Content-Length: {11 * MEBIBYTE}"], "[]", "body_too_large"),
    "a chunk that grows too large": ([CHUNKED], f"{11 * MEBIBYTE:x}\r\n" + " " * (10 * MEBIBYTE + 1), "body_too_large"),
    "a target that is no path": ([], "", "bad_request"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_request_that_is_no_http_or_too_large_is_refused_in_the_form_of_other_errors(
    stack: LocalStack, port: int, kind: str
) -> None:
    lines, body, code = BROKEN[kind]
    target = "nowhere" if kind == "a target that is no path" else "/events"
    sent = request(f"POST {target} HTTP/1.1", "Host: localhost", *lines, body=body)
    status, headers, answer = ask(port, sent)
    assert (json.loads(answer)["code"], headers["content-type"]) == (code, "application/problem+json")
    assert json.loads(answer)["status"] == status
    assert "Traceback" not in stack.printed()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO"])
def test_a_method_that_nobody_knows_is_a_problem_too(port: int, method: str) -> None:
    status, headers, body = ask(port, request(f"{method} /events HTTP/1.1", "Host: localhost"))
    assert (status, headers["content-type"]) == (405, "application/problem+json")
    assert json.loads(body)["code"] == "method_not_allowed"


def test_a_key_that_is_not_ascii_at_a_path_that_nobody_knows_is_a_problem_too(port: int) -> None:
    sent = request("GET /nowhere HTTP/1.1", "Host: localhost", "Authorization: Bearer \xe9")
    status, _, body = ask(port, sent)
    assert (status, json.loads(body)["code"]) == (404, "not_found")


def test_an_answer_to_head_has_no_body(port: int) -> None:
    status, _, body = ask(port, request("HEAD /health HTTP/1.1", "Host: localhost"))
    assert (status, body) == (200, b"")


def test_many_connections_that_say_nothing_keep_nobody_out(stack: LocalStack, port: int) -> None:
    half = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n["
    connections = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(200)]
    for connection in connections:
        connection.sendall(half)
    assert stack.get("/health")["open"]
    for connection in connections:
        connection.close()


def test_what_others_could_read_in_the_state_folder_is_for_its_owner_alone(stack: LocalStack) -> None:
    everything = [stack.state, *stack.state.rglob("*")]
    assert {"running.json", "functions.log", "emulator.log", "secret"} <= {each.name for each in everything}
    # The test's own log was there before.
    open_to_others = [each for each in everything if each.stat().st_mode & 0o077 and each.name != "up.log"]
    assert open_to_others == []
    assert stat.S_IMODE(stack.state.stat().st_mode) == 0o700


def ask_emulator(
    emulator: Emulator, *lines: str, token: str | None = None, target: str = "POST /", host: str | None = None
) -> tuple[int, dict[str, str]]:
    """List the tables, with other lines than a client of the stack would send."""
    secret = emulator.environment()["AWS_SESSION_TOKEN"] if token is None else token
    head = [
        f"{target} HTTP/1.1",
        f"Host: {host or '127.0.0.1:' + str(emulator.port)}",
        f"X-Amz-Security-Token: {secret}",
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "Content-Length: 2",
    ]
    status, headers, _ = ask(emulator.port, request(*head, *lines, body="{}"))
    return status, headers


def test_the_emulator_answers_who_knows_its_secret_without_a_word_to_browsers(emulator: Emulator) -> None:
    status, headers = ask_emulator(emulator)
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "changed",
    [
        {"token": ""},
        {"token": "0" * 32},
        {"host": "evil.example:80"},
        {"host": "localhost"},
        {"target": "POST /_ministack/reset"},
        {"target": "POST /_ministack/config"},
        {"target": "GET /_ministack/health"},
        {"target": "GET /_localstack/health"},
    ],
)
def test_the_emulator_refuses_strangers_other_names_and_paths_of_its_own(
    emulator: Emulator, changed: dict[str, Any]
) -> None:
    status, headers = ask_emulator(emulator, **changed)
    assert (status, headers.get("access-control-allow-origin")) == (403, None)


@pytest.mark.parametrize(
    "line", ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"]
)
def test_the_emulator_refuses_browsers_even_with_the_secret(emulator: Emulator, line: str) -> None:
    assert ask_emulator(emulator, line)[0] == 403


def test_the_emulator_opens_no_web_sockets(emulator: Emulator) -> None:
    head = ["GET / HTTP/1.1", f"Host: 127.0.0.1:{emulator.port}", "Upgrade: websocket", "Connection: Upgrade, close"]
    head += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"]
    assert ask(emulator.port, request(*head, closes=False))[0] == 403


@pytest.mark.parametrize(
    ("target", "scope"),
    [
        ("POST /2015-03-31/functions", "lambda"),
        ("POST /2015-03-31/functions/f/invocations", "lambda"),
        ("POST /restapis", "apigateway"),
        ("POST /", "iam"),
        ("POST /", "secretsmanager"),
        ("POST /", "ecs"),
        ("GET /oauth2/authorize", "cognito-idp"),
    ],
)
def test_the_emulator_has_no_services_that_the_stack_does_not_use(emulator: Emulator, target: str, scope: str) -> None:
    secret = emulator.environment()["AWS_SESSION_TOKEN"]
    head = [f"{target} HTTP/1.1", f"Host: 127.0.0.1:{emulator.port}", f"X-Amz-Security-Token: {secret}"]
    head.append(f"Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/{scope}/aws4_request")
    status, _, body = ask(emulator.port, request(*head))
    assert (status, b"Unsupported service" in body) == (400, True)
