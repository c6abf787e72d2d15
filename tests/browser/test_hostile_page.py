"""Whatever clients send is shown as the text it is, and nothing of it runs or leaves its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from chromium import Opened
from local_stack import LocalStack
from needed import skip_without
from waiting import eventually

AXE = Path(__file__).parent / "node" / "node_modules" / "axe-core" / "axe.min.js"
AXE_NEEDED = skip_without(AXE.exists(), "axe-core is not installed: npm, and then `make test`")
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"
HOSTILE = [
    SCRIPT,
    "\"'><svg/onload=alert(3)>",
    "javascript:alert(4)",
    "{{7*7}}${7*7}",
    "\u202egnirts eht nrut",
    "a\u0000b\u0007c",
    "\U0001f469\u200d\U0001f4bb" * 20,
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d" * 10,
    "x" * 99,
    " ",
    "__proto__",
    "constructor",
]


def everywhere(text: str, number: int) -> dict[str, Any]:
    return {
        "event_type": text,
        "user_id": text,
        "event_id": f"{text}{number}",
        "page": text,
        "properties": {text or "-": text, "nested": {text: [text]}},
        "context": {text: text},
    }


@pytest.fixture(scope="module")
def hostile(stack: LocalStack) -> None:
    """Every hostile string is in an event, those are the newest, and the reports say so."""
    events = [everywhere(text, number) for number, text in enumerate(HOSTILE)]
    headers = {"User-Agent": SCRIPT}
    reply = requests.post(f"{stack.url}/events", json=events, headers=headers, timeout=120).json()
    assert reply["accepted"] == len(HOSTILE)
    receipts = [f"/chunks/{each}" for each in reply["chunks"]]
    eventually(lambda: all(stack.get(each)["status"] == "committed" for each in receipts), "the events to be stored")
    stack.run_schedule()


@pytest.mark.usefixtures("hostile")
def test_hostile_strings_are_shown_as_text(opened: Opened) -> None:
    page = opened(forbid_dialogs)
    shown(page)
    expect(page.locator("#top")).to_contain_text(SCRIPT)
    expect(page.locator("#hours-plot .legend li")).not_to_have_count(0)
    for number in range(len(HOSTILE)):
        page.locator("#events tr").nth(number).get_by_role("button").click()
        expect(page.get_by_role("dialog").locator("pre")).not_to_be_empty()
        page.keyboard.press("Escape")
    for summary in page.locator("summary").all():
        summary.click()
    page.locator("#reports-list tbody button").first.click()
    assert page.locator("img, iframe, object, main script, dialog script, svg[onload]").count() == 0
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def shown(page: Page) -> None:
    """All events of the hostile strings are listed."""
    for text in HOSTILE:
        if printable(text):
            expect(page.locator("#events")).to_contain_text(text)


def printable(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def forbid_dialogs(page: Page) -> None:
    def refuse(dialog: Any) -> None:
        dialog.dismiss()
        pytest.fail(f"the page ran what a client sent: {dialog.message}")

    page.on("dialog", refuse)


def test_hostile_rejections_are_shown_as_text(opened: Opened) -> None:
    found = [
        {"received_at": text, "code": text, "field": text, "message": text, "event": everywhere(text, 0)}
        for text in HOSTILE
    ]

    def before(page: Page) -> None:
        forbid_dialogs(page)
        page.route("**/rejections*", lambda route: route.fulfill(json={"rejections": found, "next": None}))

    page = opened(before)
    expect(page.locator("#rejections tbody tr")).to_have_count(len(HOSTILE))
    expect(page.locator("#rejections")).to_contain_text(SCRIPT)


def test_hostile_errors_are_shown_as_text(opened: Opened) -> None:
    def before(page: Page) -> None:
        forbid_dialogs(page)
        answer = {"code": "x", "message": SCRIPT}
        page.route("**/status", lambda route: route.fulfill(status=500, json=answer))
        page.route("**/events?*", lambda route: route.fulfill(status=500, json=answer))
        page.route("**/reports?*", lambda route: route.fulfill(status=500, json=answer))
        page.route("**/counts?*", lambda route: route.fulfill(status=500, json=answer))

    page = opened(before)
    expect(page.locator("#pulse-text")).to_have_text(SCRIPT)


SIZES = {
    "wide and light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "narrow and dark": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}


@AXE_NEEDED
@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_barrier(opened: Opened, size: str) -> None:
    page = opened(**SIZES[size])
    shown(page)
    expect(page.locator("#reports-list tbody tr")).not_to_have_count(0)
    expect(page.locator("#ledger-body table")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    assert barriers(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.locator("#events tr").first.get_by_role("button").click()
    assert barriers(page) == []


@AXE_NEEDED
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_where_things_go_wrong(opened: Opened, scheme: Any) -> None:
    ledger = {"from": "2026-05-01T00:00:00Z", "to": "2026-05-15T00:00:00Z", "accepted": 9, "stored": 3}
    ledger |= {"duplicates": 1, "in_flight": 1, "dead": 1, "quarantined": 1, "rejected": 4, "missing": 2}
    chunks = {"accepted": 9, "committed": 4, "in_flight": 1, "dead": 1, "quarantined": 1, "missing": 2}
    quarantined = {"project": None, "name": "m1", "code": "not_a_chunk", "reason": "It is not a chunk.", "accepted": 0}
    quarantined |= {"quarantined_at": "2026-05-14T10:00:00Z"}
    stage = {
        "at": "2026-05-14T10:00:00Z",
        "queue": {"depth": 4, "oldest_seconds": 4000},
        "dead_letters": {"count": 3, "max_deliveries": 5},
        "quarantined": {"count": 1, "newest": [quarantined]},
        "minutes": None,
        "ledger": {**ledger, "balances": False, "chunks": chunks},
    }

    def before(page: Page) -> None:
        page.route("**/status", lambda route: route.fulfill(json={"project": "acme", "stage": stage}))
        page.route("**/events?*", lambda route: route.fulfill(json={"events": [], "next": None}))

    page = opened(before, color_scheme=scheme)
    expect(page.locator("#sentence")).to_have_text("2 accepted chunks cannot be found.")
    expect(page.locator("#welcome")).to_be_visible()
    assert barriers(page) == []


def barriers(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())  # not a script element: the page's policy allows none
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]
