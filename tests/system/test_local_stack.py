"""The local stack as a process: first event, mistakes, restarts and kills."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from builders import make_chunk
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk_id import chunk_hash
from local_stack import COMMAND, LocalStack
from millrace.local.up import WORKERS
from waiting import command_line, eventually, processes_of

EXAMPLE = {"event_type": "page_view", "user_id": "u123", "page": "/home"}


def test_the_first_event_comes_back_with_its_unknown_field_as_a_property(stack: LocalStack) -> None:
    reply = requests.post(f"{stack.url}/events", json=EXAMPLE, timeout=60)
    assert reply.status_code == 200
    (event,) = eventually(lambda: stack.get("/events", user_id="u123")["events"], "the event to be stored")
    assert event["properties"] == {"page": "/home"}
    assert event["key"] == reply.json()["events"][0]["key"]
    assert stack.get(f"/events/{event['key']}") == event
    assert stack.get(f"/chunks/{reply.json()['chunks'][0]}")["status"] == "committed"


def test_gzip_and_chunked_bodies_are_taken(stack: LocalStack) -> None:
    def pieces() -> Iterator[bytes]:
        body = gzip.compress(json.dumps([EXAMPLE | {"user_id": "zip"}]).encode())
        yield body[:20]
        yield body[20:]

    reply = requests.post(f"{stack.url}/events", data=pieces(), timeout=60)
    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)


def test_a_body_above_the_gateways_limit_answers_413(stack: LocalStack) -> None:
    reply = requests.post(f"{stack.url}/events", data=b" " * (5 * 1024 * 1024), timeout=60)
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mw_secret"}])
def test_a_path_that_there_is_not_answers_as_the_deployed_stage_does(
    stack: LocalStack, headers: dict[str, str]
) -> None:
    reply = requests.get(f"{stack.url}/nowhere", headers=headers, timeout=60)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_head_is_answered_without_a_body_and_leaves_the_connection_usable(stack: LocalStack) -> None:
    with requests.Session() as session:
        for path, status in (("/health", 200), ("/events?limit=0", 400), ("/batch", 405), ("/nowhere", 404)):
            head = session.head(stack.url + path, timeout=60)
            assert (head.status_code, head.content) == (status, b"")
            assert session.get(f"{stack.url}/health", timeout=60).json()["status"] == "ok"


def test_a_send_with_bad_lines_says_which_and_exits_with_3(stack: LocalStack) -> None:
    lines = ['{"event_type": "signup", "user_id": "u1"}', "not json", '{"event_type": "signup"}']
    totals = json.loads(stack.run("send", "--json", stdin="\n".join(lines), code=3))
    assert (totals["lines"], totals["accepted"], totals["rejected"], totals["unreadable"]) == (3, 1, 1, 1)


def test_its_environment_is_printed_for_tools_that_need_it(stack: LocalStack) -> None:
    assert dict(line.split("=", 1) for line in stack.run("env").splitlines()) == stack.environment()


def test_a_second_stack_on_the_same_state_is_refused_with_the_address_of_the_first(stack: LocalStack) -> None:
    second = subprocess.run(
        [COMMAND, "up", "--state", stack.state, "--port", "0"], capture_output=True, text=True, check=False, timeout=300
    )
    assert second.returncode == 1
    assert stack.url in second.stderr


def test_commands_without_a_stack_say_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "counts", "--state", tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert "make run" in done.stderr


def test_the_ledger_balances_and_reads_the_log_where_sums_differ_and_misses_a_message(
    own_stack: LocalStack,
) -> None:
    stack = own_stack
    stack.end()
    stack.start("--fresh")  # without the metrics of all before
    stack.run("send", stdin='{"event_type": "signup", "user_id": "u1"}\n{"event_type": "signup"}', code=3)
    expected = {"accepted": 1, "stored": 1, "duplicates": 0, "in_flight": 0, "rejected": 1, "balances": True}
    eventually(
        lambda: expected.items() <= json.loads(stack.run("ledger", "--json")).items(), "the ledger to say what was sent"
    )
    send_past_ingestion(stack)
    explained = expected | {"accepted": 2, "stored": 2, "unanswered": 1, "uncertain": []}
    assert explained.items() <= json.loads(stack.run("ledger", "--json")).items()
    note_queued_chunk(stack)  # nothing here can make the real queue lose a message
    assert json.loads(stack.run("ledger", "--json", code=3))["chunks"]["missing"] == 1


def send_past_ingestion(stack: LocalStack) -> None:
    """Have a chunk processed that no POST has measured, and wait for the log line that says so."""
    chunk = make_chunk(project="default", received=datetime.now(UTC))
    queue, log = stack.environment()["QUEUE_URL"], stack.state / "functions.log"
    stack.clients.sqs.send_message(QueueUrl=queue, MessageBody=chunks.encode(chunk))
    eventually(lambda: chunk_hash(chunk.chunk_id) in log.read_text(), "the processor to log the chunk")


def note_queued_chunk(stack: LocalStack) -> None:
    """Have it that ingestion queued one more chunk: in its metrics and in its log."""
    environment, now = stack.environment(), datetime.now(UTC)
    metric = {
        "MetricName": "chunks",
        "Dimensions": [{"Name": "service", "Value": environment["STACK_NAME"]}],
        "Value": 1,
    }
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    )
    cloudwatch.put_metric_data(Namespace="Millrace", MetricData=[metric])
    line = {"_aws": {"Timestamp": int(now.timestamp() * 1000)}, "queued_chunks": [f"{now:%Y-%m-%dT%H} 0123456789ab"]}
    with (stack.state / "functions.log").open("a") as log:
        log.write(json.dumps(line) + "\n")


def test_ending_it_ends_everything_and_a_restart_remembers_unless_it_is_to_forget(own_stack: LocalStack) -> None:
    stack = own_stack
    requests.post(f"{stack.url}/events", json=EXAMPLE, timeout=60)
    eventually(lambda: stack.get("/events", user_id="u123")["events"], "the event to be stored")
    stack.stop(signal.SIGINT)
    assert stack.process.returncode == 0

    stack.start("--aggregate-every", "1")
    assert len(stack.get("/events", user_id="u123")["events"]) == 1
    eventually(lambda: stack.get("/reports")["reports"], "the schedule to make the report of the event")
    stack.process.send_signal(signal.SIGINT)
    stack.stop(signal.SIGTERM)  # in the middle of it: the end stays an orderly one
    assert stack.process.returncode == 0

    logs = [stack.state / name for name in ("functions.log", "functions.log.1")]
    for log in logs:
        log.write_text("of an earlier life\n")
    stack.start("--fresh")
    assert stack.get("/events", user_id="u123")["events"] == []
    assert not [log for log in logs if log.exists() and "of an earlier life" in log.read_text()]


def test_workers_that_are_killed_are_replaced(stack: LocalStack) -> None:
    workers = [pid for pid in processes_of(stack.state) if command_line(pid).endswith("\0process\0")]
    assert len(workers) == WORKERS
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    requests.post(f"{stack.url}/events", json=EXAMPLE | {"user_id": "u456"}, timeout=60)
    eventually(lambda: stack.get("/events", user_id="u456")["events"], "a new worker to store the event")


def test_a_kill_while_sending_loses_and_doubles_nothing_once_sent_again(own_stack: LocalStack) -> None:
    stack = own_stack
    events = [
        {
            "event_type": "view",
            "user_id": f"u{number % 50}",
            "event_id": f"e{number}",
            "timestamp": 1_700_000_000 + number,
        }
        for number in range(2000)
    ]
    for kill_all in (False, True):
        kill_while_sending(stack, events, kill_all=kill_all)
        stack.start()
        assert ("snapshot" in stack.printed()) == kill_all
    send(stack, events, acknowledged=[], until_refused=False)
    expected = Counter({(str(event["user_id"]), str(event["event_id"])): 1 for event in events})
    eventually(lambda: stack.findings().violations(expected) == [], "every event to be stored once")


def kill_while_sending(stack: LocalStack, events: list[dict[str, Any]], *, kill_all: bool) -> None:
    """Kill the stack alone, or all its processes at once, at some moment while events come in."""
    acknowledged: list[int] = []
    sending = threading.Thread(target=send, args=(stack, events), kwargs={"acknowledged": acknowledged})
    sending.start()
    enough = random.randint(5, 60)  # noqa: S311 - any moment must do
    eventually(lambda: len(acknowledged) >= enough, f"{enough} answers")
    for pid in processes_of(stack.state) if kill_all else [stack.process.pid]:
        os.kill(pid, signal.SIGKILL)
    stack.end_of_all()
    sending.join()


def send(
    stack: LocalStack, events: list[dict[str, Any]], *, acknowledged: list[int], until_refused: bool = True
) -> None:
    for start in range(0, len(events), 20):
        try:
            reply = requests.post(f"{stack.url}/events", json=events[start : start + 20], timeout=60)
        except requests.RequestException:
            if until_refused:
                return
            raise
        if until_refused and reply.status_code == 503:
            return  # the emulator died first
        assert reply.status_code == 200
        acknowledged.append(start)
