"""The names by which the local stack is asked: its own, and those that its user has named."""

from __future__ import annotations

import io
from typing import Any

import pytest

from millrace.local.server import Application


class Answering:
    """Chalice's gateway, which answers everything."""

    def handle_request(self, *_: Any) -> dict[str, Any]:
        return {"statusCode": 200, "headers": {}, "multiValueHeaders": {}, "body": "{}"}


def status(host: str, *named: str) -> str:
    statuses: list[str] = []
    environ = {"HTTP_HOST": host, "REQUEST_URI": "/health", "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}
    gateway: Any = Answering()
    list(Application(gateway, named)(environ, lambda status, _: statuses.append(status)))
    return statuses[0]


@pytest.mark.parametrize("host", ["host.docker.internal:8000", "Host.Docker.Internal"])
def test_it_answers_to_a_name_that_its_user_has_named_and_to_no_other(host: str) -> None:
    assert status(host, "host.docker.internal") == "200 OK"
    assert status(host) == "403 Forbidden"
    assert status("evil.example", "host.docker.internal") == "403 Forbidden"
    assert status("host.docker.internal.evil.example", "host.docker.internal") == "403 Forbidden"
