"""Runs the AWS emulator (ministack) with a state that survives; a script for the emulator's own environment.

    python emulator_main.py STATE_DIR PORT

Ends, saving its state, when its standard input does: so it never outlives the process that started
it, however that dies. Saves snapshots while it runs, each whole: what services know is one moment's.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Calls that change nothing a restart should know. Metrics come all the time: they are saved with what else changes.
_READS = (b"ReceiveMessage", b"Query", b"GetItem", b"BatchGetItem", b"Scan", b"GetQueueAttributes", b"MetricData")
_SNAPSHOT_SECONDS = 3.0
# Saving a snapshot takes a core: never more than this share of the time.
_MOST_OF_THE_TIME = 0.05
# Far more than saving takes; a copy of the process may wait for a lock whose holder was not copied.
_LONGEST_SECONDS = 60.0


class Snapshots:
    """Numbered folders below `root`; the file CURRENT names the newest whole one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pointer = root / "CURRENT"

    def newest(self) -> Path | None:
        return self._root / self._pointer.read_text() if self._pointer.exists() else None

    def begin(self) -> Path:
        self._root.mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="snapshot-", dir=self._root))

    def finish(self, folder: Path) -> None:
        """Make a folder the newest, in one step, and forget the others."""
        waiting = self._pointer.with_suffix(".new")
        waiting.write_text(folder.name)
        waiting.replace(self._pointer)
        for other in self._root.glob("snapshot-*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


class Watched:
    """The emulator's application; notes whether a call may have changed something."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.changed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._application(scope, receive, send)
        if scope["type"] == "http":
            target = dict(scope["headers"]).get(b"x-amz-target", b"")
            if scope["method"] != "GET" and not target.endswith(_READS):
                self.changed = True


async def _save_regularly(watched: Watched, take_snapshot: Callable[[], None]) -> None:
    pause = _SNAPSHOT_SECONDS
    while True:
        await asyncio.sleep(pause)
        if not watched.changed:
            continue
        watched.changed = False
        started = time.monotonic()
        if not await _done_by_a_copy(take_snapshot):
            watched.changed = True
        pause = max(_SNAPSHOT_SECONDS, (time.monotonic() - started) / _MOST_OF_THE_TIME)


async def _done_by_a_copy(action: Callable[[], None]) -> bool:
    """Whether it worked in a copy of this process, which knows all that is known now: no request waits for it."""
    copy = os.fork()
    if not copy:
        with contextlib.suppress(BaseException):
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
        if copy:  # too slow, or everything is to end: what it would save is old by then
            os.kill(copy, signal.SIGKILL)
            os.waitpid(copy, 0)  # noqa: ASYNC222 - it is dead


async def _serve(watched: Watched, port: int, take_snapshot: Callable[[], None]) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    loop = asyncio.get_running_loop()
    orphaned = asyncio.Event()
    # Nothing is ever written to standard input: that it can be read means that it ended.
    loop.add_reader(sys.stdin.fileno(), orphaned.set)
    saving = asyncio.create_task(_save_regularly(watched, take_snapshot))
    await serve(watched, config, shutdown_trigger=orphaned.wait)
    saving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await saving


def _complete_api_gateway() -> None:
    """Add ImportRestApi and PutRestApi, which `chalice deploy` makes an API with."""
    import json

    from ministack.services import apigateway_v1 as gateway

    unable = gateway.handle_request

    def import_api(body: bytes) -> str:
        document = json.loads(body)
        known = {"binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types", [])}
        name: str = gateway._import_rest_api(document, known)
        return name

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        mode = query.get("mode", "")
        if method == "POST" and path == "/restapis" and "import" in mode:
            return 201, *gateway._get_rest_api(import_api(body))[1:]
        if method == "PUT" and "overwrite" in mode:  # make it anew, and give it the old name and stages
            old, new = path.rpartition("/")[2], import_api(body)
            gateway._resources[old] = gateway._resources[new]
            gateway._rest_apis[old]["binaryMediaTypes"] = gateway._rest_apis[new]["binaryMediaTypes"]
            gateway._delete_rest_api(new)
            gateway._gateway_responses.pop(old, None)  # as AWS does: the document names none
            return gateway._get_rest_api(old)
        return await unable(method, path, headers, body, query)

    gateway.handle_request = handle_request


def _complete_iam() -> None:
    """Ask for the actions that AWS asks for: batches of SQS by their single action, PartiQL by its statements.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
    """
    import re

    from ministack.core import iam_actions as iam

    extract_action, table_arns = iam.extract_iam_action, iam.dynamodb_resource_arns
    statement = re.compile(rb'"Statement": *"(INSERT|UPDATE|DELETE|SELECT) .*?\\"([\w.-]+)\\"')

    def action(service: str, *request: Any) -> Any:  # method, path, headers, body, query
        name, body = extract_action(service, *request), request[3]
        if service == "sqs" and name:
            return name.removesuffix("Batch")
        if name in ("dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement") and (
            found := statement.search(body)
        ):
            return f"dynamodb:PartiQL{found[1].decode().title()}"
        return name

    def arns(body: bytes, region: str, account: str) -> Any:
        found = statement.search(body or b"")
        return (
            [iam._dynamodb_table_arn(found[2].decode(), region, account)]
            if found
            else table_arns(body, region, account)
        )

    iam.extract_iam_action, iam.dynamodb_resource_arns = action, arns


def main(state: Path, port: int) -> None:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # an orphan may still be saving what this one is to load
        snapshots = Snapshots(state / "services")
        loaded = snapshots.newest()
        if loaded is None:  # killed before its first snapshot: objects of services that know nothing of them
            shutil.rmtree(state / "objects", ignore_errors=True)
        clean = state / "clean-shutdown"
        sys.stdout.write("restored\n" if clean.exists() or loaded is None else "restored-after-crash\n")
        sys.stdout.flush()
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
        from ministack import app as ministack
        from ministack.core import persistence

        _complete_api_gateway()
        _complete_iam()

        def take_snapshot() -> None:
            folder = snapshots.begin()
            persistence.STATE_DIR = str(folder)
            persistence.save_all(ministack._build_persistence_save_dict())
            snapshots.finish(folder)

        asyncio.run(_serve(Watched(ministack.app), port, take_snapshot))
        take_snapshot()
        clean.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
