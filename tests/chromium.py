"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from needed import skip_without
from waiting import PATIENCE_SECONDS

PATH = shutil.which("chromium")
NEEDED = skip_without(PATH, "Chromium is not installed: apt-get install chromium")
PATIENCE_MS = PATIENCE_SECONDS * 1000

#: Opens the live page: opened(before(page), **options of the browser's context).
Opened = Callable[..., Page]

_FEATURES = [
    # Two windows of the address bar, loaded anew for each context: a fifth of the CPU of the tests of the page.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # What Playwright turns off and would be on again, as the last list counts.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "MediaRouter"),
    *("NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "ThirdPartyStoragePartitioning"),
]
#: A site of somebody else, whose name leads to this machine: as DNS may have it, and without leaving this machine.
STRANGER = "stranger.test"
_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(_FEATURES)}",
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=_FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()
