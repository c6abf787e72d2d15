"""Settings of the user, for AWS and for proxies, lead nothing of the local stack away from this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import LocalStack
from millrace.command_error import CommandError
from millrace.io.client import Client
from millrace.testing import Events
from waiting import eventually

EVENT = {"event_type": "signup", "user_id": "ann", "event_id": "1"}


class Elsewhere:
    """Where nothing of the local stack may go; answers nobody, and counts who came."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """The environment names it in every way that AWS's tools and proxies know."""
    place = Elsewhere()
    (tmp_path / ".aws").mkdir()
    config = f"[default]\nignore_configured_endpoint_urls = true\nendpoint_url = {place.address}\nregion = eu-north-1\n"
    (tmp_path / ".aws" / "config").write_text(config)
    (tmp_path / ".netrc").write_text("default login ann password secret\n")
    hostile = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), place.address)
    hostile |= {
        f"AWS_ENDPOINT_URL_{name}": place.address for name in ("DYNAMODB", "SQS", "S3", "SNS", "CLOUDFORMATION")
    }
    hostile |= {
        "HOME": str(tmp_path),
        "AWS_PROFILE": "nobody-has-this",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_REGION": "eu-north-1",
        "AWS_ENDPOINT_URL": place.address,
        "AWS_SESSION_TOKEN": "another",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield place
    place.close()


def test_neither_the_local_stack_nor_its_commands_leave_this_machine(
    elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = LocalStack(tmp_path_factory.mktemp("state"))
    stack.start()
    try:
        sent = json.loads(stack.run_apart("send", "--json", stdin=json.dumps(EVENT)))
        assert sent["accepted"] == 1
        eventually(lambda: stack.run_apart("events", "--user", "ann", "--json"), "the event to be stored")
        for command in (["keys", "list"], ["dlq", "list"], ["quarantine", "list"], ["ledger"], ["sweep", "--dry-run"]):
            stack.run_apart(*command)
        events = Events(Client(stack.url), stack.environment())
        assert len(events.good()) == 1
        events.reset()
        assert events.all()["total"] == 0
    finally:
        stack.end()
    assert elsewhere.visits == 0


def test_what_is_not_on_this_machine_is_asked_through_the_proxy(elsewhere: Elsewhere) -> None:
    with pytest.raises(CommandError):
        Client("http://millrace.example").get("/health")
    assert elsewhere.visits > 0
