"""The live page on a stage of fakes, with a clock that the test moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chromium import Opened
from waiting import eventually

FAKE_STAGE = (Path(__file__).parent / "fake_stage.js").read_text()
NOON = dt.datetime(2026, 5, 17, 12, tzinfo=dt.UTC)
LOOK_SECONDS = 40  # after which every loop of the page has taken a turn or two


OpenFake = Callable[..., Page]


@pytest.fixture
def fake(opened: Opened) -> OpenFake:
    """Opens the page on a stage of fakes, with a clock that the test moves."""

    def open_page(script: str = "", **options: Any) -> Page:
        def before(page: Page) -> None:
            page.clock.install(time=NOON)
            page.add_init_script(FAKE_STAGE + script)

        page = opened(before, **options)
        expect(page.locator("#events tr")).not_to_have_count(0)
        return page

    return open_page


def look(page: Page, seconds: float = LOOK_SECONDS) -> None:
    """Time passes in two leaps, and the page has asked what it asks then. Every tick of the time would cost CPU."""
    for _ in range(2):
        page.clock.fast_forward(int(seconds * 500))
        _answered(page)


def look_steadily(page: Page, seconds: float = LOOK_SECONDS) -> None:
    """The same without a leap, after which a page takes the stage for one that did not answer."""
    page.clock.run_for(int(seconds * 1000))
    _answered(page)


def _answered(page: Page) -> None:
    eventually(lambda: page.evaluate("stage.hangs || stage.pending === 0"), "the page to have its answers")
