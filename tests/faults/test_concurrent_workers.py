"""Worker processes on the emulator, with a proxy in between that makes their AWS calls fail, and kills."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.errors import Problem
from chalicelib.flows.ingest import ingest
from injector import Injector
from millrace.local.emulator import PROJECT, Emulator
from oracle import Violation
from proxy import Proxy
from stage import Clients, Stage
from stories import Aggregating
from story import event
from waiting import eventually

WORKERS = 4
ROUNDS = 4  # of twelve POSTs each, and a worker killed after each
VISIBILITY_SECONDS = 2


def _error(service: str, code: str, probability: float, **more: Any) -> dict[str, Any]:
    return {"service": service, "probability": probability, "error": {"code": code, **more}}


# The first rule that fires decides. Answers are lost after the call was applied; requests before.
RULES = [
    {"service": "*", "probability": 0.04, "response": {"abort_bytes": 0}},
    {"service": "*", "probability": 0.02, "reset": True},
    {"service": "*", "probability": 0.10, "latency": {"min": 20, "max": 200}},
    {"service": "dynamodb", "operation": "TransactWriteItems", "probability": 0.2, "response": {"abort_bytes": 0}},
    _error("dynamodb", "TransactionInProgressException", 0.1, status=400) | {"operation": "TransactWriteItems"},
    # As long an outage as the SDK's own retries do not outlast, again and again.
    _error("dynamodb", "ThrottlingException", 1, status=400) | {"sequence": {"fail": 40, "pass": 120}},
    _error("dynamodb", "ProvisionedThroughputExceededException", 0.08, status=400),
    _error("dynamodb", "InternalServerError", 0.05, status=500),
    _error("s3", "SlowDown", 0.3, status=503),
    _error("sqs", "ServiceUnavailable", 0.1, status=503),
    _error("sns", "Throttled", 0.1, status=429),
]


@pytest.fixture
def proxy(emulator: Emulator, tmp_path: Path) -> Iterator[Proxy]:
    running = Proxy(emulator.endpoint, RULES, tmp_path)
    yield running
    running.stop()


class Crew(Aggregating):
    """Many overlapping POSTs: most identities come several times, from different chunks."""

    posts: Sequence[Sequence[dict[str, Any]]] = ()

    def prepare(self) -> None:
        self.stage.formats.create()
        self.stage.subscribe()
        self.clients.sqs.set_queue_attributes(
            QueueUrl=self.stage.settings.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )

    def post_all(self, through: Clients, number: int) -> None:
        """A round of POSTs through the proxy, each sent until it is accepted."""
        for start in range(0, 120, 10):
            post = tuple(
                event(f"r{number}-{each}", user=f"u{each % 5}", hour=9 + each % 3) for each in range(start, start + 15)
            )
            self.posts = (*self.posts, post)
            eventually(partial(self.is_accepted, post, through), "a POST to be accepted")

    def is_accepted(self, post: Sequence[dict[str, Any]], through: Clients) -> bool:
        try:
            self.post(post, self.stage.through(through))
        except Problem as problem:
            if problem.code != "queue_unavailable":
                raise
            return False
        return True

    def post(self, events: Sequence[dict[str, Any]], stage: Stage | None = None) -> dict[str, Any]:
        """As app.py does: the workers' clock is the real one."""
        sender = Sender("default", datetime.now(UTC), "127.0.0.1", "crew")
        through = stage or self.stage
        return ingest([RawEvent(each) for each in events], sender=sender, queue=through.queue, meter=through.meter)

    def depths(self) -> tuple[int, int]:
        """How many messages wait, and how many somebody works on."""
        answer = self.clients.sqs.get_queue_attributes(QueueUrl=self.stage.settings.queue_url, AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        waiting, held = (int(answer["Attributes"][name]) for name in names)
        return waiting, held

    def wait_until_at_work(self) -> None:
        eventually(lambda: self.depths()[1], "a worker to take a message")

    def wait_until_done(self) -> None:
        eventually(lambda: not any(self.depths()), "the queue to become empty", Violation)

    def redrive_twice(self) -> int:
        redriven = 0
        while self.dead_letters():
            while self.dead:
                body = self.dead.pop()
                for _ in range(2):
                    self.clients.sqs.send_message(QueueUrl=self.stage.settings.queue_url, MessageBody=body)
                    redriven += 1
            self.wait_until_done()
        return redriven


def start_worker(crew: Crew, emulator: Emulator, proxy: Proxy, log: Path) -> subprocess.Popen[bytes]:
    settings = crew.stage.settings
    stage = {
        "QUEUE_URL": settings.queue_url,
        "TABLE_NAME": settings.table_name,
        "BUCKET_NAME": settings.bucket_name,
        "TOPIC_ARN": settings.topic_arn,
        "CURSOR_SECRET": settings.cursor_secret,
    }
    environment = {**os.environ, **emulator.environment(), **stage, "AWS_ENDPOINT_URL": proxy.endpoint}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "tests" / "worker.py"), emulator.endpoint],
            # Small batches: a fault of a call makes a whole batch come back.
            env=environment | {"PYTHONPATH": str(PROJECT), "BATCH_SIZE": "10", "BATCH_WINDOW_SECONDS": "0"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.communicate()


def test_workers_that_fail_collide_and_die_leave_exact_totals(
    *,
    emulator: Emulator,
    clients: Clients,
    injector: Injector,
    proxy: Proxy,
    tmp_path: Path,
    figures: Callable[[str], None],
) -> None:
    crew, chosen, started = Crew(clients, injector), random.Random(1), 0  # noqa: S311 - no secret
    crew.prepare()
    through = Clients(emulator.environment() | {"AWS_ENDPOINT_URL": proxy.endpoint})
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(ROUNDS):
            while len(workers) < WORKERS:
                workers.append(start_worker(crew, emulator, proxy, tmp_path / "workers.log"))
                started += 1
            crew.post_all(through, number)
            crew.wait_until_at_work()
            time.sleep(chosen.uniform(0, 0.5))
            end(workers.pop(chosen.randrange(len(workers))))
        crew.wait_until_done()
        redriven = crew.redrive_twice()
        assert all(worker.poll() is None for worker in workers), "a worker ended by itself"
    finally:
        for worker in workers:
            end(worker)
    crew.settle()
    faults = proxy.faults()
    figures(f"workers: {started}, {ROUNDS} killed, {redriven} messages redriven, faults: {dict(faults)}")
    for service in ("dynamodb", "s3", "sqs"):
        assert sum(number for name, number in faults.items() if name.startswith(service)) > 0, f"{service} never failed"
    assert faults.total() > 20 * WORKERS, "hardly a fault fired: the test says nothing"
    assert crew.violations() == []
