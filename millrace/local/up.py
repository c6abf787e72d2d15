"""The local stack: emulator, stack, HTTP, trigger and schedule, started and ended as one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import boto3

from millrace import stack
from millrace.command_error import CommandError
from millrace.local.emulator import PROJECT, Emulator
from millrace.local.function import STAGE, FunctionProcess, load_app
from millrace.local.logs import output_watched
from millrace.local.server import create_server
from millrace.ops import upgrade
from millrace.stage_address import Running, running_stack

# Two workers at once keep the emulator busy on two cores, and keep us honest about concurrency.
WORKERS = 2
# A message whose worker died comes back after this; AWS waits six times the function's timeout.
_VISIBILITY_SECONDS = 15


@contextlib.contextmanager
def local_stack(
    state: Path, *, port: int, fresh: bool = False, aggregate_seconds: float = 5, workers: int = WORKERS
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
        os.environ.update(functions_see)
        upgrade.prepare(functions_see)
        app, config = load_app()
        closing.enter_context(output_watched(state))
        server = create_server(app, config, port)
        closing.callback(server.server.server_close)
        closing.callback(server.shutdown)
        threading.Thread(target=server.server.serve_forever, name="http", daemon=True).start()
        closing.enter_context(_event_functions(state, aggregate_seconds, workers))
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
            raise CommandError(f"A local stack already runs{where} with the state in {state}.") from error
        yield


def _point_boto3_at(emulator: Emulator) -> None:
    """From here on this process knows no AWS but the emulator."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(emulator.environment())
    boto3.setup_default_session()


@contextlib.contextmanager
def _event_functions(state: Path, aggregate_seconds: float, workers: int) -> Iterator[None]:
    """Processes apart from this one, so that what they do keeps no request waiting for the interpreter."""
    processes = [FunctionProcess(state, "process") for _ in range(workers)]
    processes.append(FunctionProcess(state, "aggregate", str(aggregate_seconds)))
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.end()
        for process in processes:
            process.join()
