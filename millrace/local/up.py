"""The local stack: emulator, stack, HTTP, trigger and schedule, started and ended as one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
from chalice.cli.factory import CLIFactory

from millrace import stack
from millrace.failure import Failure
from millrace.local.emulator import PROJECT, Emulator
from millrace.local.logs import FunctionOutput, MetricForwarder
from millrace.local.running import Running, running_stack
from millrace.local.server import create_server
from millrace.local.triggers import QueueTrigger, Schedule

STAGE = "local"
# Two workers at once keep the emulator busy on two cores, and keep us honest about concurrency.
_WORKERS = 2
# A message whose worker died comes back after this; AWS waits six times the function's timeout.
_VISIBILITY_SECONDS = 15


@contextlib.contextmanager
def local_stack(
    state: Path, *, port: int, fresh: bool = False, aggregate_seconds: float = 5, workers: int = _WORKERS
) -> Iterator[tuple[Running, bool]]:
    """Everything running; ends it all, in order, when left. Also says if the last stop was a crash."""
    state.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as closing:
        closing.enter_context(_sole_user_of(state))
        if fresh:
            shutil.rmtree(state / "aws", ignore_errors=True)
        emulator = Emulator(state / "aws")
        closing.callback(emulator.stop)
        _point_boto3_at(emulator)
        cloudformation = boto3.client("cloudformation")
        parameters = {"VisibilitySeconds": str(_VISIBILITY_SECONDS)}
        functions_see = stack.apply(cloudformation, f"millrace-{STAGE}", PROJECT / "stack.yaml", parameters)
        app, config = _load_app(functions_see)
        closing.enter_context(_output_watched(state))
        server = create_server(app, config, port)
        closing.callback(server.server.server_close)
        closing.callback(server.shutdown)
        threading.Thread(target=server.server.serve_forever, name="http", daemon=True).start()
        for thread in _event_threads(app, functions_see["QUEUE_URL"], aggregate_seconds, workers):
            closing.callback(thread.join, timeout=10)
            closing.callback(thread.end)
            thread.start()
        running = Running(f"http://127.0.0.1:{port}", os.getpid(), {**emulator.environment(), **functions_see})
        (state / "running.json").write_text(json.dumps(asdict(running)))
        closing.callback((state / "running.json").unlink)
        yield running, emulator.crashed


def wait_for_the_end() -> None:
    """Until Ctrl-C or SIGTERM."""
    ending = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: ending.set())
    ending.wait()


@contextlib.contextmanager
def _sole_user_of(state: Path) -> Iterator[None]:
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            running = running_stack(state)
            where = f" at {running.url}" if running else ""
            raise Failure(f"A local stack already runs{where} with the state in {state}.") from error
        yield


@contextlib.contextmanager
def _output_watched(state: Path) -> Iterator[None]:
    """What the functions print goes where CloudWatch would put it."""
    forwarder = MetricForwarder(boto3.client("cloudwatch"))
    forwarder.start()
    try:
        output = FunctionOutput(sys.stdout, state / "functions.log", forwarder)
        with contextlib.closing(output), contextlib.redirect_stdout(output):
            yield
    finally:
        forwarder.end()
        forwarder.join(timeout=10)


def _point_boto3_at(emulator: Emulator) -> None:
    """From here on this process knows no AWS but the emulator."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(emulator.environment())
    boto3.setup_default_session()


def _load_app(functions_see: dict[str, str]) -> tuple[Any, Any]:
    os.environ.update(functions_see)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    factory = CLIFactory(str(PROJECT), environ=os.environ)
    config = factory.create_config_obj(chalice_stage_name=STAGE)
    return config.chalice_app, config


def _event_threads(app: Any, queue_url: str, aggregate_seconds: float, workers: int) -> list[Any]:
    functions = app.handler_map
    (source,) = [each for each in app.event_sources if each.name == "process"]
    sqs = boto3.client("sqs")
    triggers = [QueueTrigger(sqs, queue_url, source, functions["process"]) for _ in range(workers)]
    return [*triggers, Schedule(functions["aggregate"], aggregate_seconds)]
