"""The sender of a request, as events keep it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from chalicelib.core import limits
from chalicelib.http.requests import sender_of

NOW = datetime(2026, 5, 17, tzinfo=UTC)


@pytest.mark.parametrize(("length", "kept"), [(1, 1), (limits.MAX_SENDER_LENGTH, 1024), (2000, 1024), (100_000, 1024)])
def test_a_user_agent_is_cut_at_1024_characters(length: int, kept: int) -> None:
    request = SimpleNamespace(headers={"user-agent": "é" * length}, context={})
    assert sender_of(request, "acme", NOW).user_agent == "é" * kept


@pytest.mark.parametrize("headers", [{}, {"user-agent": ""}])
def test_no_user_agent_is_none(headers: dict[str, str]) -> None:
    sender = sender_of(SimpleNamespace(headers=headers, context={"identity": {"sourceIp": "192.0.2.1"}}), "acme", NOW)
    assert (sender.user_agent, sender.source_ip) == (None, "192.0.2.1")
