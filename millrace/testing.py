"""A pytest plugin that tests your own tracking against a real pipeline. See docs/testing-your-tracking.md.

It is installed with the package and provides the fixture `millrace`. Every run of pytest in the environment imports
this module, even if no test needs it. So imports that take time are inside functions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from millrace.io.client import Client

# On a busy machine, the start may take long.
_START_SECONDS = 300
_SETTLE_SECONDS = 120
_END_SECONDS = 120
# In botocore's form: option of its file, environment variable, value, conversion.
_NO_SETTINGS_OF_THE_USER = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
_MAX_REQUESTS = 25


@dataclass(frozen=True)
class Events:
    """The received events. Every query waits until all posted events are processed."""

    client: Client
    environment: dict[str, str]

    def all(self) -> dict[str, int]:
        """Return how many events were stored and how many were rejected."""
        good, bad = len(self.good()), len(self.bad())
        return {"total": good + bad, "good": good, "bad": bad}

    def good(self, event_type: str | None = None, user_id: str | None = None) -> list[dict[str, Any]]:
        """Return the stored events, oldest first by their own time."""
        self._settle()
        rows = self.client.pages("/events", "events", 0, event_type=event_type, user_id=user_id)
        return list(rows)[::-1]

    def bad(self) -> list[dict[str, Any]]:
        """Return the rejected events, each with its code, field and message."""
        return [row for row in self._refused() if not row["accepted"]]

    def warned(self) -> list[dict[str, Any]]:
        """Return the events that were accepted although they violate their schema: the catalogue only warns."""
        return [row for row in self._refused() if row["accepted"]]

    def _refused(self) -> list[dict[str, Any]]:
        return list(self.client.pages("/rejections", "rejections", 0))

    def reset(self) -> None:
        """Delete all events. Projects, keys and catalogues stay, and the list of days, which functions remember."""
        from chalicelib.core.table_keys import days_partition, is_operators

        def stays(partition: str) -> bool:
            return is_operators(partition) or partition == days_partition(partition.partition("#")[0])

        self._settle()
        table, bucket = self.environment["TABLE_NAME"], self.environment["BUCKET_NAME"]
        dynamodb, s3 = self._client("dynamodb"), self._client("s3")
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
        keys = [key for page in pages for key in page["Items"] if not stays(key["pk"]["S"])]
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        while requests:
            answer = dynamodb.batch_write_item(RequestItems={table: requests[:_MAX_REQUESTS]})
            requests = requests[_MAX_REQUESTS:] + answer["UnprocessedItems"].get(table, [])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            if objects := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                if answer.get("Errors"):
                    raise RuntimeError(f"objects were not deleted: {answer['Errors'][:3]}")
        self._client("sqs").purge_queue(QueueUrl=self.environment["DEAD_LETTER_URL"])

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while time.monotonic() < deadline:
            answer = self._client("sqs").get_queue_attributes(
                QueueUrl=self.environment["QUEUE_URL"], AttributeNames=names
            )
            if not any(int(answer["Attributes"][name]) for name in names):
                return
            time.sleep(0.05)
        raise TimeoutError(f"events are still being processed after {_SETTLE_SECONDS} s")

    def _client(self, service: str) -> Any:
        region, url = self.environment["AWS_DEFAULT_REGION"], self.environment["AWS_ENDPOINT_URL"]
        import botocore.config

        no_proxies = botocore.config.Config(proxies={})
        return self._session.create_client(service, region, endpoint_url=url, config=no_proxies)

    @cached_property
    def _session(self) -> Any:
        """An AWS session for the stack, independent of the AWS settings of the tests' environment."""
        import botocore.session

        session = botocore.session.Session(_NO_SETTINGS_OF_THE_USER)
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        session.set_credentials(*(self.environment[name] for name in names))
        return session


@dataclass(frozen=True)
class Millrace:
    """A running local stack. Send events to `url`, then query `events`."""

    url: str
    events: Events


@pytest.fixture(scope="session")
def millrace_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Millrace]:
    """One local stack for the whole test run, in its own process and folder."""
    state = tmp_path_factory.mktemp("millrace")
    command = [sys.executable, "-m", "millrace", "up", "--attached", "--state", str(state), "--port", "0"]
    log = state / "up.log"
    with log.open("w") as output:
        environment = {**os.environ, "REJECTED_POSTS_A_MINUTE": "0"}  # so that every rejection is stored
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output)
    try:
        yield _wait_until_ready(state, process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Stop a local stack that was started with a pipe as its standard input."""
    process.terminate()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin is not None
    process.stdin.close()


@pytest.fixture
def millrace(millrace_stack: Millrace) -> Millrace:
    """The local stack without events."""
    millrace_stack.events.reset()
    return millrace_stack


def _wait_until_ready(state: Path, process: subprocess.Popen[bytes], log: Path) -> Millrace:
    from millrace.io.client import Client
    from millrace.stage_address import running_stack

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if running := running_stack(state):  # it writes its address once everything runs
            return Millrace(running.url, Events(Client(running.url), running.environment))
        time.sleep(0.05)
    pytest.fail(f"The local stack did not start:\n{log.read_text()}")
