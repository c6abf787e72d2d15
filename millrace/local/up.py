"""The local stack: starts and stops emulator, stack, HTTP server, trigger and schedule together."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import boto3
from chalice.config import Config

from millrace.command_error import CommandError
from millrace.local.emulator import PROJECT, Emulator
from millrace.local.emulator_watch import watched
from millrace.local.function import FunctionProcess, load_app, wait_for_standard_input_to_end
from millrace.local.logs import output_watched
from millrace.local.server import listen, serve
from millrace.ops import upgrade
from millrace.stack import Stack
from millrace.stage_address import Running, lead_to, running_stack

STAGE = "local"
# Two concurrent workers use two cores of the emulator, and show errors of concurrency.
WORKERS = 2
# After this time, the messages of a dead worker are delivered again. On AWS, it is six times the function's timeout.
_VISIBILITY_SECONDS = 15


@contextlib.contextmanager
def local_stack(
    state: Path,
    *,
    port: int,
    path: str = "",
    hosts: Sequence[str] = (),
    closed: bool = False,
    fresh: bool = False,
    aggregate_seconds: float = 5,
    workers: int = WORKERS,
) -> Iterator[tuple[Running, bool]]:
    """Start everything, and stop it in order at the end. Yield the stack, and whether the last stop was a crash.

    `port`: 0 for any free port. `path`: the path below which the API is served. `hosts`: additional names of this
    machine. `closed`: the stage requires keys, as deployed stages do. If a part does not start, the others are stopped.
    Raises CommandError.
    """
    with contextlib.ExitStack() as closing:
        closing.enter_context(_private(state))
        closing.enter_context(_sole_user_of(state))
        app, configuration = load_app(), _configuration()
        if closed:
            os.environ["OPEN_STAGE"] = "false"
        listener = closing.enter_context(listen(port))
        if fresh:
            _forget(state)
        emulator = Emulator(state / "aws")
        closing.callback(emulator.stop)
        lead_to(emulator.environment())
        boto3.setup_default_session()
        parameters = {"VisibilitySeconds": str(_VISIBILITY_SECONDS)}
        functions_see = Stack(f"millrace-{STAGE}").apply(PROJECT / "stack.yaml", parameters)
        os.environ.update(functions_see)
        upgrade.prepare(os.environ)
        closing.enter_context(output_watched(state))
        closing.enter_context(serve(app, configuration, listener, path, hosts))
        closing.enter_context(_event_functions(state, aggregate_seconds, workers))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        running = Running(url, os.getpid(), {**emulator.environment(), **functions_see})
        written = state / "running.json.new"
        written.write_text(json.dumps(asdict(running)))
        written.replace(state / "running.json")  # in one step, with the permissions of a new file
        closing.callback((state / "running.json").unlink)
        closing.enter_context(watched(emulator, end))
        yield running, emulator.crashed
        if not emulator.is_alive():
            raise CommandError("The local stack cannot continue without its emulator. Start it again.")


def end() -> None:
    """Stop this process in order, as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_standard_input() -> None:
    """Stop this process when its standard input ends. The processes that it has started end likewise."""

    def watch() -> None:
        wait_for_standard_input_to_end()
        end()

    threading.Thread(target=watch, name="standard input", daemon=True).start()


def wait_for_the_end() -> None:
    """Wait for Ctrl-C or SIGTERM. Further signals change nothing, since everything is stopped in order."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # The pipe wakes this thread, whichever thread gets the signal. A handler would run only when this thread is awake.
    signal.set_wakeup_fd(writing)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: None)
    os.read(reading, 1)


@contextlib.contextmanager
def _private(state: Path) -> Iterator[None]:
    """Protect a folder and all new files from other users of the machine. Raises CommandError."""
    before = os.umask(0o077)
    try:
        state.mkdir(parents=True, exist_ok=True)
        try:
            state.chmod(0o700)
        except PermissionError as error:
            raise CommandError(f"{state} belongs to another user. Name another folder with --state.") from error
        yield
    finally:
        os.umask(before)


def _forget(state: Path) -> None:
    """Delete the data and logs of earlier runs."""
    shutil.rmtree(state / "aws", ignore_errors=True)
    for log in state.glob("functions.log*"):
        log.unlink()


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


def _configuration() -> Config:
    """Return Chalice's configuration of the stage, and apply its environment to this process and the functions."""
    written = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    config = Config(chalice_stage=STAGE, config_from_disk=written)
    os.environ.update(config.environment_variables)
    return config


@contextlib.contextmanager
def _event_functions(state: Path, aggregate_seconds: float, workers: int) -> Iterator[None]:
    """Run the event functions in separate processes, so that they do not slow down requests."""
    arguments = [("process",)] * workers + [("aggregate", str(aggregate_seconds))]
    processes: list[FunctionProcess] = []
    try:
        for each in arguments:
            processes.append(FunctionProcess(state, *each))
            processes[-1].start()
        yield
    finally:
        for process in processes:
            process.end()
        for process in processes:
            process.wait_for_the_end()
