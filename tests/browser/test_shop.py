"""The shop of the tutorial in a browser: its page sends an event, an order sends another, and the chart shows both."""

from __future__ import annotations

import os
import re
import runpy
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from playwright.sync_api import expect

from chromium import Opened
from local_stack import LocalStack

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.py"


def test_the_shop_draws_the_events_of_browser_and_server(
    stack: LocalStack, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_URL", stack.url)
    for kind in ("write", "read"):
        made = stack.run("keys", "create", "--project", "tea", "--kind", kind).strip()
        monkeypatch.setitem(os.environ, f"MILLRACE_{kind.upper()}_KEY", made)
    shop: dict[str, Any] = runpy.run_path(str(SHOP))
    with make_server("127.0.0.1", 0, shop["application"]) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            page = opened(url=f"http://127.0.0.1:{server.server_port}")
            expect(page.locator("#alarm")).to_contain_text("orders in the last hour: 0")
            page.get_by_text("Green tea").click()
            expect(page.locator("#said")).to_contain_text("Order")
            expect(page.locator("#legend")).to_have_text(re.compile("(?=.*order_completed: 1)(?=.*page_view: 1)"))
            expect(page.locator("#alarm")).to_be_empty()
            assert page.locator("rect").count() == 2
        finally:
            server.shutdown()
