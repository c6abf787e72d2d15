"""The script of one line of HTML, in a browser, on a page of another origin under a strict policy."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from chromium import NEEDED, PATIENCE_MS
from clients.line import Line
from clients.shop import Shop
from needed import skip_without
from waiting import eventually

ROOT = Path(__file__).parents[2]
SOURCE, BUILT = ROOT / "script/m.js", ROOT / "chalicelib/http/static/m.js"
TOOLS = ROOT / "tests/browser/node/node_modules"
NODE = skip_without((TOOLS / "ready").exists(), "Node.js is not installed, or its tools are not set up")
KEY = "any-key"  # the local stage is open


def site(stage: str, attributes: str) -> Shop:
    """A site with one line of HTML, which may load scripts from the stage and send to it alone."""
    line = f'<script defer src="{stage}/m.js" data-key="{KEY}" {attributes}></script>'
    return Shop(body=line, policy=f"default-src 'none'; script-src {stage}; connect-src {stage}; img-src data:")


Visit = Callable[..., Page]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, line: Line) -> Iterator[Visit]:
    """Opens the site in a new tab; the site's script asks nobody but the stage, and sets no cookie."""
    sites: dict[str, Shop] = {}
    asked: set[str] = set()

    def open_tab(path: str = "/", *, attributes: str = "", before: str = "") -> Page:
        if attributes not in sites:
            sites[attributes] = site(line.url, attributes)
        page = context.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        if before:
            page.add_init_script(before)
        page.goto(sites[attributes].url + path)
        return page

    yield open_tab
    assert asked <= {urlsplit(url).netloc for url in (line.url, *(each.url for each in sites.values()))}
    assert context.cookies() == []
    for each in sites.values():
        each.close()


def posted(line: Line) -> dict[str, dict[str, Any]]:
    """Each event that was posted, by its id."""
    return {event["event_id"]: event for post in line.tap.posts for event in json.loads(post.body)["events"]}


def arrives(line: Line, count: int) -> list[dict[str, Any]]:
    """What the stage has of so many events."""
    eventually(lambda: len(posted(line)) >= count, f"{count} events to be posted")
    eventually(lambda: len(line.arrived()) >= count, f"{count} events to arrive")
    return line.arrived()


def told(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["event_type"], event.get("user_id"), event["properties"]


@NEEDED
def test_page_views_and_events_arrive_once_although_answers_are_lost(line: Line, visit: Visit) -> None:
    line.tap.lose = 2
    page = visit("/home?utm_source=mail&secret=1")
    arrives(line, 1)
    page.evaluate("document.title = 'Cart'; history.pushState({}, '', '/cart')")
    page.evaluate("history.replaceState({}, '', '/cart')")
    arrives(line, 2)
    page.evaluate("millrace.identify('ann', { plan: 'big' }); millrace.identify('ann')")
    page.evaluate("millrace.track('bought', { total: 12.5 })")
    events = arrives(line, 4)
    assert [told(event) for event in events] == [
        ("page_view", None, {"path": "/home", "title": "Shop", "referrer": "", "utm_source": "mail"}),
        ("page_view", None, {"path": "/cart", "title": "Cart", "referrer": page.url.replace("cart", "home")}),
        ("identify", "ann", {"plan": "big"}),
        ("bought", "ann", {"total": 12.5}),
    ]
    assert len({event["anonymous_id"] for event in events}) == 1
    assert line.was_sent_again()
    assert line.stored() == 4


@NEEDED
def test_what_is_tracked_offline_comes_when_the_site_is_opened_again(
    line: Line, visit: Visit, context: BrowserContext
) -> None:
    page = visit()
    first = arrives(line, 1)
    context.set_offline(True)
    page.evaluate("millrace.track('too large', { big: 'x'.repeat(40000) })")
    page.evaluate("for (let i = 0; i < 600; i++) millrace.track('offline', { i })")
    page.close()
    context.set_offline(False)
    visit()
    most = 500  # with the view of the page that is opened again
    eventually(lambda: len(posted(line)) == 1 + most, "the queue to be sent")
    eventually(lambda: line.stored() == 1 + most, "each event to be stored once")
    events = list(posted(line).values())
    assert [event["event_type"] for event in events].count("offline") == most - 1
    assert {event["anonymous_id"] for event in events} == {first[0]["anonymous_id"]}


@NEEDED
def test_another_visitor_begins_with_a_reset(line: Line, visit: Visit) -> None:
    page = visit()
    page.evaluate("millrace.identify('ann'); millrace.reset(); millrace.track('next')")
    events = {event["event_type"]: event for event in arrives(line, 3)}
    assert "user_id" not in events["next"]
    assert events["next"]["anonymous_id"] != events["identify"]["anonymous_id"] == events["page_view"]["anonymous_id"]


@NEEDED
@pytest.mark.parametrize("wish", ["'doNotTrack', { value: '1' }", "'globalPrivacyControl', { value: true }"])
def test_who_does_not_want_to_be_tracked_leaves_nothing(line: Line, visit: Visit, wish: str) -> None:
    page = visit(before=f"Object.defineProperty(navigator, {wish})")
    page.evaluate("millrace.consent(true); millrace.identify('ann'); millrace.track('seen')")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    assert page.evaluate("localStorage.length") == 0
    assert line.tap.posts == []


@NEEDED
def test_nothing_is_kept_or_sent_before_consent_and_after_it_is_withdrawn(line: Line, visit: Visit) -> None:
    page = visit(attributes="data-consent")
    page.evaluate("millrace.track('before')")
    page.wait_for_timeout(500)
    assert page.evaluate("localStorage.length") == 0
    page.evaluate("millrace.consent(true)")
    assert [event["event_type"] for event in arrives(line, 1)] == ["page_view"]
    page.evaluate("millrace.consent(false); millrace.track('after')")
    assert page.evaluate("Object.values(localStorage)") == ["no"]
    assert visit(attributes="data-consent").evaluate("localStorage.length") == 1
    assert len(line.tap.posts) == 1


@NEEDED
def test_a_browser_that_blocks_storage_is_no_obstacle(line: Line, visit: Visit) -> None:
    visit(before="Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked') } })")
    assert [event["event_type"] for event in arrives(line, 1)] == ["page_view"]


@NEEDED
def test_an_event_of_a_clock_that_is_years_ahead_gets_the_received_time(line: Line, visit: Visit) -> None:
    ahead = "2099-05-01T00:00:00.000Z"
    visit(before=f"Date = class extends Date {{ constructor() {{ super('{ahead}') }} }}")
    (event,) = arrives(line, 1)
    assert event["context"]["client_timestamp"] == ahead
    assert event["timestamp"] == event["received_at"]


@NEEDED
def test_a_wrong_key_is_said_once_and_not_tried_again(visit: Visit) -> None:
    said: list[str] = []
    page = visit(attributes="data-pages=off")
    page.on("console", lambda message: said.append(message.text))
    page.route("**/events", lambda route: route.fulfill(status=401, json={"detail": "This key is not valid here."}))
    with page.expect_console_message(lambda message: "This key is not valid here." in message.text):
        page.evaluate("millrace.track('a')")
    page.evaluate("millrace.track('b')")
    page.wait_for_timeout(1500)
    assert len([each for each in said if "Millrace" in each]) == 1


@NEEDED
def test_what_a_site_passes_by_mistake_does_not_break_the_site(line: Line, visit: Visit) -> None:
    page = visit(attributes="data-pages=off")
    page.evaluate("const loop = {}; loop.self = loop; millrace.track('loop', loop)")
    page.evaluate("millrace.track('', {}); millrace.track('good')")
    assert [event["event_type"] for event in arrives(line, 1)] == ["good"]


def test_the_built_script_takes_little_of_a_visitors_time() -> None:
    assert len(gzip.compress(BUILT.read_bytes(), 9)) <= 2_500


@NODE
def test_the_built_script_is_made_from_the_source() -> None:
    command = [str(TOOLS / ".bin/terser"), str(SOURCE), "--compress", "--mangle", "--ecma", "2020"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert made.strip() == BUILT.read_text().strip(), "run `make script`"


@NODE
def test_the_types_of_the_script_are_right() -> None:
    options = "--ignoreConfig --allowJs --checkJs --noEmit --strict --target es2022 --lib es2022,dom,dom.iterable"
    command = [str(TOOLS / ".bin/tsc"), *options.split(), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
