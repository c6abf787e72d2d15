"""The live page of a running stack, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page

from browser.passing_time import fake
from chromium import NEEDED, PATIENCE_MS, Opened
from local_stack import LocalStack, stack
from waiting import eventually

__all__ = ["fake", "stack"]

#: What the browser itself says of an answer above 400, or of none: the page asks for what may not be there.
EXPECTED = "Failed to load resource:"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(NEEDED)


@pytest.fixture(scope="session")
def report(stack: LocalStack) -> None:
    """The stack has one."""
    event = {"event_type": "reported", "user_id": "u1"}
    assert requests.post(f"{stack.url}/events", json=event, timeout=120).status_code == 200
    eventually(lambda: stack.get("/events", event_type="reported")["events"], "the event to be stored")
    stack.run_schedule()


@pytest.fixture
def opened(browser: Browser, stack: LocalStack) -> Iterator[Opened]:
    """Opens the page in a context of its own; when the test ends, no page may have complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            complaints.append(message.text)

    def open_page(before: Callable[[Page], None] = lambda _: None, *, url: str = stack.url, **options: Any) -> Page:
        contexts.append(browser.new_context(**{"reduced_motion": "reduce", "timezone_id": "Asia/Kolkata", **options}))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        page = contexts[-1].new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        before(page)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
