"""Makes the pictures of the live page: the sample log, sent bit by bit to a local stack of their own.

make screenshots MINUTES=20
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from chromium import chromium
from local_stack import LocalStack
from millrace.io.client import Client
from millrace.io.lines import read_lines
from millrace.io.reading import read_events

PROJECT = Path(__file__).parents[2]
LOG = PROJECT / "examples" / "access.log.gz"
IMAGES = PROJECT / "docs" / "images"
EVERY_SECONDS = 2.0
WIDE = {"width": 1280, "height": 1000}
PHONE = {"width": 390, "height": 844}


def read_log() -> list[dict[str, Any]]:
    with LOG.open("rb") as file:
        return [line.event for line in read_events(read_lines(file), "combined", lambda *_: None)]


def send_slowly(stack: LocalStack, events: list[dict[str, Any]], minutes: float) -> None:
    """All events in their order, in waves; now and then some come again, or lack their user."""
    client, turns = Client(stack.url), max(1, int(minutes * 60 / EVERY_SECONDS))
    weights = [1.2 + math.sin(turn / 40) + 0.3 * math.sin(turn / 7) for turn in range(turns)]
    sent, weight_sent, due = 0, 0.0, time.monotonic()
    for turn, weight in enumerate(weights):
        weight_sent += weight
        until = len(events) if turn == turns - 1 else int(len(events) * weight_sent / sum(weights))
        if until > sent:
            client.post_events(events[sent:until])
        if turn % 45 == 20:
            client.post_events(events[max(0, sent - 30) : sent] or events[:1])
        if turn % 60 == 35:
            client.post_events([{key: value for key, value in events[until - 1].items() if key != "user_id"}])
        sent = until
        due += EVERY_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))


def take(browser: Browser, url: str, name: str, *, scheme: Any = "light", viewport: Any = WIDE, scale: int = 1) -> Page:
    context = browser.new_context(
        color_scheme=scheme, viewport=viewport, device_scale_factor=scale, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#events tr")
    page.wait_for_selector("#hours-plot canvas")
    page.wait_for_timeout(1500)  # charts are drawn in the next frames
    page.screenshot(path=IMAGES / f"{name}.png")
    return page


def main(minutes: float) -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        stack = LocalStack(Path(state))
        stack.start()
        try:
            send_slowly(stack, read_log(), minutes)
            time.sleep(5)  # the last reports
            with chromium() as browser:
                take(browser, stack.url, "page", viewport={"width": 1280, "height": 1640})
                take(browser, stack.url, "page-dark", scheme="dark")
                take(browser, stack.url, "page-phone", viewport=PHONE, scale=2)
                page = take(browser, stack.url, "page-event")
                page.locator("#events tr").nth(2).locator("button").click()
                page.wait_for_timeout(300)
                page.screenshot(path=IMAGES / "page-event.png")
        finally:
            stack.end()


if __name__ == "__main__":
    main(float(sys.argv[1]))
