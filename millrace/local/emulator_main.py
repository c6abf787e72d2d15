"""Runs the AWS emulator (ministack) with a persistent state. A script for the emulator's own environment.

    python emulator_main.py STATE_DIR PORT LISTENER

LISTENER is the inherited descriptor of a socket that listens on PORT. Prints "waiting" if another emulator uses the
state. When it has the state itself, it prints "restored" or "restored-after-crash".

Saves its state and ends when its standard input ends. So it never outlives the process that started it. While it
runs, it saves consistent snapshots of all services.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emulator_additions import (
    close_side_entrances,
    complete_api_gateway,
    complete_iam,
    serve_function_logs,
    wake_receivers,
)
from emulator_guard import CHANGES, SERVICES, Guard

# Calls that cause no snapshot, since a restart does not need their changes. Metrics are listed because they arrive all
# the time. The next snapshot contains them.
_READS = (
    b"ReceiveMessage",
    b"Query",
    b"GetItem",
    b"BatchGetItem",
    b"Scan",
    b"GetQueueAttributes",
    b"MetricData",
    b"FilterLogEvents",
)
_SNAPSHOT_SECONDS = 3.0
# Saving a snapshot uses a whole core, so it may take only this share of the time.
_MOST_OF_THE_TIME = 0.05
# Far longer than saving takes. A copy of the process may hang on a lock whose holder was not copied.
_LONGEST_SECONDS = 60
_LOCK_SECONDS = 0.1


class Snapshots:
    """Snapshot folders below `root`. The file CURRENT names the newest complete one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pointer = root / "CURRENT"

    def newest(self) -> Path | None:
        return self._root / self._pointer.read_text() if self._pointer.exists() else None

    def begin(self) -> Path:
        self._root.mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="snapshot-", dir=self._root))

    def finish(self, folder: Path) -> None:
        """Make a folder the newest in one step, and delete the others."""
        waiting = self._pointer.with_suffix(".new")
        waiting.write_text(folder.name)
        waiting.replace(self._pointer)
        for other in self._root.glob("snapshot-*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


class Watched:
    """The emulator's application. It counts the calls that may have changed something.

    A request for the path CHANGES gets the number of these calls.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self.changes = 0
        self._changed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        target = dict(scope["headers"]).get(b"x-amz-target", b"") if scope["type"] == "http" else b""
        if target.endswith(b"ReceiveMessage"):
            await self._answer_while_heard(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == CHANGES:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(self.changes).encode()})
        else:
            await self._application(scope, receive, send)
            if scope["type"] == "http" and scope["method"] != "GET" and not target.endswith(_READS):
                self.changes += 1
                self._changed.set()
                self._changed.clear()

    async def wait_for_a_change(self, at_most_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._changed.wait()

    async def _answer_while_heard(self, scope: Any, receive: Any, send: Any) -> None:
        """Cancel a long poll whose client is gone. Else it would hide the next message from others for a while."""
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = iter(messages)

        async def receive_again() -> Any:
            return next(body, {"type": "http.disconnect"})

        answer = asyncio.ensure_future(self._application(scope, receive_again, send))
        gone = asyncio.ensure_future(receive())  # after the body, only the end of the connection can come
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not answer.done():
            answer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answer


async def _save_regularly(watched: Watched, take_snapshot: Callable[[], None]) -> None:
    pause, saved = _SNAPSHOT_SECONDS, 0
    while True:
        await asyncio.sleep(pause)
        if watched.changes == saved:
            continue
        changes, started = watched.changes, time.monotonic()
        if await _done_by_a_copy(take_snapshot):
            saved = changes
        pause = max(_SNAPSHOT_SECONDS, (time.monotonic() - started) / _MOST_OF_THE_TIME)


async def _done_by_a_copy(action: Callable[[], None]) -> bool:
    """Run an action in a copy of this process, so that no request waits. Return whether it succeeded."""
    copy = os.fork()
    if not copy:
        with contextlib.suppress(BaseException):
            signal.alarm(_LONGEST_SECONDS)  # a copy without a parent must not hold the lock of the state for ever
            _close_sockets()
            action()
            os._exit(0)
        os._exit(1)
    deadline = time.monotonic() + _LONGEST_SECONDS
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(copy, os.WNOHANG)  # noqa: ASYNC222 - does not wait
            if ended:
                copy = 0
                return status == 0
            await asyncio.sleep(0.05)
        return False
    finally:
        if copy:  # the copy is too slow, or this process ends: the copy's snapshot would be outdated
            os.kill(copy, signal.SIGKILL)
            os.waitpid(copy, 0)  # noqa: ASYNC222 - it is dead


def _close_sockets() -> None:
    """Close the copied sockets, so that a client notices at once when the original process closes one."""
    for each in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor of the listing itself is already closed
            if stat.S_ISSOCK(os.fstat(int(each.name)).st_mode):
                os.close(int(each.name))


async def _serve(watched: Watched, guard: Guard, listener: int, take_snapshot: Callable[[], None]) -> None:
    import uvicorn

    config = uvicorn.Config(
        guard,
        http="httptools",
        loop="asyncio",
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)

    def end() -> None:
        server.should_exit = True

    # Nothing is ever written to standard input, so it becomes readable only when it ends.
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), end)
    saving = asyncio.create_task(_save_regularly(watched, take_snapshot))
    await server.serve(sockets=[socket.socket(fileno=listener)])
    saving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await saving


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _sole_user_of(state: Path) -> Iterator[None]:
    """Wait until no other emulator uses the state: one that lost its parent may still be saving it."""
    waiting = False
    with (state / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    _say("waiting")
                    sys.stderr.write(f"Another emulator has the state in {state}: waiting for it to end.\n")
                waiting = True
                if select.select([sys.stdin], [], [], _LOCK_SECONDS)[0]:  # the process that started us has ended
                    sys.exit(1)
        yield


def main(state: Path, port: int, listener: int) -> None:
    os.umask(0o077)
    with _sole_user_of(state):
        snapshots = Snapshots(state / "services")
        loaded = snapshots.newest()
        if loaded is None:  # there was no snapshot yet, so no service knows the objects in the folder
            shutil.rmtree(state / "objects", ignore_errors=True)
        clean = state / "clean-shutdown"
        _say("restored" if clean.exists() or loaded is None else "restored-after-crash")
        clean.unlink(missing_ok=True)
        os.environ.update(
            PERSIST_STATE="1",
            STATE_DIR=str(loaded or state / "none"),
            S3_PERSIST="1",
            S3_DATA_DIR=str(state / "objects"),
            GATEWAY_PORT=str(port),
            MINISTACK_HOST="127.0.0.1",
            BIND_HOST="127.0.0.1",
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
        )
        enforces_iam = os.environ["AUTH"] == "true"
        if not enforces_iam:
            os.environ["SERVICES"] = ",".join(SERVICES)
        from ministack import app as ministack
        from ministack.core import persistence

        watched = Watched(ministack.app)
        guard = Guard(watched, (state / "secret").read_text(), enforces_iam=enforces_iam)
        if enforces_iam:
            complete_api_gateway()
            complete_iam()
        else:
            close_side_entrances()
            serve_function_logs(state.parent / "functions.log")
        wake_receivers(watched.wait_for_a_change)

        def take_snapshot() -> None:
            folder = snapshots.begin()
            persistence.STATE_DIR = str(folder)
            persistence.save_all(ministack._build_persistence_save_dict())
            snapshots.finish(folder)

        asyncio.run(_serve(watched, guard, listener, take_snapshot))
        take_snapshot()
        clean.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
