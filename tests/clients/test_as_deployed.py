"""Libraries against a stage as it is deployed, under a path and with keys: a sample, and the docs' pages."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from chromium import NEEDED, PATIENCE_MS
from clients.conftest import AsDeployed
from clients.line import Line
from clients.matrix.libraries import Library, libraries
from clients.matrix.runs import run
from clients.shop import MODULES, Shop, bundled
from needed import skip_without
from waiting import eventually

NODE = skip_without(
    shutil.which("node") and (MODULES / "ready").exists(), "Node.js is not installed, or its libraries are not set up"
)
DOCS = Path(__file__).parents[2] / "docs" / "clients.md"
#: By family, the script that a site's bundle is made of.
SNIPPETS = dict(re.findall(r"```js\n// bundle\.js: ([^\n;]*)[^\n]*\n(.*?)```", DOCS.read_text(), re.DOTALL))
#: Libraries send nothing for browsers that a program drives.
VISITOR = (
    "for (const name of ['webdriver', 'userAgentData']) Object.defineProperty(navigator, name, { value: undefined })"
)
NEWEST = {each.name: each for each in reversed(libraries())}


def installed(name: str) -> Library:
    """A library as the other tests have it."""
    library = NEWEST[name]
    return replace(library, installed=Path(sys.prefix) if library.runs == "python" else MODULES / library.package)


@pytest.mark.parametrize(
    "name",
    [
        "segment-analytics-python",
        "posthog",
        "posthog (Capture v1)",
        pytest.param("@segment/analytics-node", marks=NODE),
        pytest.param("@jitsu/js (Node.js)", marks=NODE),
    ],
)
def test_what_a_library_on_a_server_sends_comes_back_equal(
    line_as_deployed: Line, as_deployed: AsDeployed, name: str
) -> None:
    outcome = run(installed(name), "plain", line_as_deployed, as_deployed.write_key, None)
    assert outcome.sent >= 19
    assert (outcome.back, outcome.equal, outcome.doubled) == (outcome.sent, outcome.sent, 0)
    assert outcome.different == []


def test_the_docs_have_a_page_for_each_family_that_has_a_library_for_browsers() -> None:
    assert len(SNIPPETS) == 7


@NODE
@NEEDED
@pytest.mark.parametrize("families", [[*SNIPPETS], *([each] for each in SNIPPETS)], ids=["all of them", *SNIPPETS])
def test_a_page_with_the_sites_own_bundle_sends_here_and_asks_nobody_else(
    line_as_deployed: Line,
    as_deployed: AsDeployed,
    browser: Browser,
    families: list[str],
    request: pytest.FixtureRequest,
) -> None:
    if len(families) == 1 and not request.config.getoption("--thorough"):
        pytest.skip("one page with all of them costs a fifth")
    line, scripts = line_as_deployed, dict[str, bytes]()
    for number, family in enumerate(families):
        script = SNIPPETS[family].replace("https://HOST", line.url).replace("KEY", as_deployed.write_key)
        script = script.replace("'HOST'", repr(line.url.partition("://")[2])).replace("'https'", "'http'")
        scripts[f"/bundle{number}.js"] = bundled(script, MODULES.parent)
    shop = Shop(scripts, "".join(f'<script defer src="{path}"></script>' for path in scripts))
    context = browser.new_context(user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(VISITOR)
    page = context.new_page()
    asked, complaints = set[str](), list[str]()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.on("console", lambda said: complaints.extend([said.text] if said.type == "error" else []))
    page.goto(shop.url)
    eventually(_have_arrived(line, len(families), page.wait_for_timeout), "the events to arrive")
    events = [each for each in line.arrived() if each["event_type"] == "Order Completed"]
    page.wait_for_timeout(500)  # for what a library asks afterwards
    context.close()
    shop.close()
    assert [(each["properties"]["total"], each["project"]) for each in events] == [(12.5, "shop")] * len(families)
    assert asked == {shop.url.split("/")[2], line.url.split("/")[2]}
    assert complaints == []


def _have_arrived(line: Line, events: int, wait: Callable[[float], None]) -> Callable[[], bool]:
    looked_at = 0

    def look() -> bool:
        nonlocal looked_at
        wait(200)  # the browser goes on only while it is asked for something
        if len(line.tap.posts) == looked_at:
            return False
        looked_at = len(line.tap.posts)
        return [each["event_type"] for each in line.arrived()].count("Order Completed") == events

    return look
