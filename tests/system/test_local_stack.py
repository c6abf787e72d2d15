"""The local stack as a process: first event, mistakes, restarts and kills."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests

from local_stack import COMMAND, LocalStack, eventually
from millrace.local.emulator import free_port

EXAMPLE = {"event_type": "page_view", "user_id": "u123", "page": "/home"}


def test_the_first_event_comes_back_with_its_unknown_field_as_a_property(stack: LocalStack) -> None:
    reply = requests.post(f"{stack.url}/events", json=EXAMPLE, timeout=10)
    assert reply.status_code == 200
    (event,) = eventually(lambda: stack.get("/events", user_id="u123")["events"])
    assert event["properties"] == {"page": "/home"}
    assert event["key"] == reply.json()["events"][0]["key"]
    assert stack.get(f"/events/{event['key']}") == event
    assert stack.get(f"/chunks/{reply.json()['chunks'][0]}")["status"] == "committed"


def test_gzip_and_chunked_bodies_are_taken(stack: LocalStack) -> None:
    def pieces() -> Iterator[bytes]:
        body = gzip.compress(json.dumps([EXAMPLE | {"user_id": "zip"}]).encode())
        yield body[:20]
        yield body[20:]

    reply = requests.post(f"{stack.url}/events", data=pieces(), timeout=10)
    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)


def test_a_body_above_the_gateways_limit_answers_413(stack: LocalStack) -> None:
    reply = requests.post(f"{stack.url}/events", data=b" " * (5 * 1024 * 1024), timeout=30)
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mw_secret"}])
def test_a_path_that_there_is_not_answers_as_the_deployed_stage_does(
    stack: LocalStack, headers: dict[str, str]
) -> None:
    reply = requests.get(f"{stack.url}/nowhere", headers=headers, timeout=10)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_a_send_with_bad_lines_says_which_and_exits_with_3(stack: LocalStack) -> None:
    lines = ['{"event_type": "signup", "user_id": "u1"}', "not json", '{"event_type": "signup"}']
    totals = json.loads(stack.run("send", "--json", stdin="\n".join(lines), code=3))
    assert (totals["lines"], totals["accepted"], totals["rejected"], totals["unreadable"]) == (3, 1, 1, 1)


def test_a_second_stack_on_the_same_state_is_refused_with_the_address_of_the_first(stack: LocalStack) -> None:
    second = subprocess.run(
        [COMMAND, "up", "--state", stack.state, "--port", str(free_port())],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert second.returncode == 1
    assert stack.url in second.stderr


def test_a_taken_port_is_named_with_what_to_do(stack: LocalStack, tmp_path: Path) -> None:
    second = subprocess.run(
        [COMMAND, "up", "--state", tmp_path, "--port", str(stack.port)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"Port {stack.port} is taken" in second.stderr


def test_commands_without_a_stack_say_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "counts", "--state", tmp_path], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert "make run" in done.stderr


def test_the_ledger_balances_and_says_when_a_message_vanishes(own_stack: LocalStack) -> None:
    stack = own_stack
    stack.run("send", stdin='{"event_type": "signup", "user_id": "u1"}\n{"event_type": "signup"}', code=3)
    expected = {"accepted": 1, "stored": 1, "duplicates": 0, "in_flight": 0, "rejected": 1, "balances": True}
    eventually(lambda: expected.items() <= json.loads(stack.run("ledger", "--json")).items())
    environment = stack.environment()
    metric = {
        "MetricName": "chunks",
        "Dimensions": [{"Name": "service", "Value": environment["STACK_NAME"]}],
        "Value": 1,
    }
    # As if ingestion had queued one more: nothing here can make the real queue lose a message.
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    cloudwatch.put_metric_data(Namespace="Millrace", MetricData=[metric])
    assert json.loads(stack.run("ledger", "--json", code=3))["chunks"]["missing"] == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ending_it_ends_everything_and_a_restart_remembers(own_stack: LocalStack, signum: int) -> None:
    stack = own_stack
    endpoint = stack.environment()["AWS_ENDPOINT_URL"]
    requests.post(f"{stack.url}/events", json=EXAMPLE, timeout=10)
    eventually(lambda: stack.get("/events", user_id="u123")["events"])
    stack.stop(signum)
    assert stack.process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(endpoint, timeout=5)

    stack.start()
    assert len(stack.get("/events", user_id="u123")["events"]) == 1
    stack.stop()
    stack.start("--fresh")
    assert stack.get("/events", user_id="u123")["events"] == []


def test_workers_that_are_killed_are_replaced(own_stack: LocalStack) -> None:
    stack = own_stack
    kill = ["pkill", "-9", "-f", f"millrace.local.function {stack.state} process"]
    eventually(lambda: subprocess.run(kill, check=False).returncode == 0)
    requests.post(f"{stack.url}/events", json=EXAMPLE, timeout=10)
    eventually(lambda: stack.get("/events", user_id="u123")["events"])


@pytest.mark.parametrize("victims", ["the stack alone", "the emulator as well"])
def test_a_kill_while_sending_loses_and_doubles_nothing_once_sent_again(own_stack: LocalStack, victims: str) -> None:
    stack = own_stack
    events = [
        {
            "event_type": "view",
            "user_id": f"u{number % 50}",
            "event_id": f"e{number}",
            "timestamp": 1_700_000_000 + number,
        }
        for number in range(3000)
    ]
    acknowledged: list[int] = []

    def send(*, until_refused: bool) -> None:
        for start in range(0, len(events), 20):
            try:
                reply = requests.post(f"{stack.url}/events", json=events[start : start + 20], timeout=10)
            except requests.RequestException:
                if until_refused:
                    return
                raise
            if until_refused and reply.status_code == 503:
                return  # the emulator died first
            assert reply.status_code == 200
            acknowledged.append(start)

    sending = threading.Thread(target=send, kwargs={"until_refused": True})
    sending.start()
    enough = random.randint(5, 100)  # noqa: S311 - any moment must do
    eventually(lambda: len(acknowledged) >= enough)
    if victims == "the emulator as well":
        subprocess.run(["pkill", "-9", "-f", str(stack.state)], check=True)
    else:
        stack.process.kill()
    stack.process.communicate(timeout=30)
    sending.join()

    stack.start()
    send(until_refused=False)
    expected = Counter({(event["user_id"], event["event_id"]): 1 for event in events})
    eventually(lambda: stack.findings().violations(expected) == [], seconds=60)
