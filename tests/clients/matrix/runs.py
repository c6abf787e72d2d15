"""One library under one condition: its calls are made, and what comes back is compared."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Browser, Page

from clients.line import Line
from clients.matrix.calls import calls
from clients.matrix.compare import Sent, changed_by_library, differences, has_moved, sent_in
from clients.matrix.libraries import HERE, INSTALLED, Library
from clients.shop import Shop, bundled

#: Hours by which a clock is wrong.
AHEAD = 5
_SENDERS = HERE / "senders"
# After its last request a library is taken to have sent everything.
_QUIET_SECONDS, _LONGEST_SECONDS = 4, 60
#: How long the stage is out of reach, and how long the calls take that a library makes before.
OUT_SECONDS, _CALLS_SECONDS = 60, 15
HASTY_SECONDS = 9
_AN_HOUR = 3600


@dataclass
class Outcome:
    """What came of a run. `asked`: other hosts that the page asked; `errors`: on the browser's console."""

    sent: int = 0
    back: int = 0
    equal: int = 0
    doubled: int = 0
    different: list[str] = field(default_factory=list)
    by_library: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def run(library: Library, condition: str, line: Line, key: str, browser: Browser | None) -> Outcome:
    """Make the calls, wait until all is stored, and compare."""
    outcome = Outcome()
    line.tap.lose = 1 if condition == "503" else 0
    line.tap.reset = 1 if condition == "reset" else 0
    if condition == "outage":
        line.tap.out_for, line.tap.out_is_mute = HASTY_SECONDS if library.is_hasty else OUT_SECONDS, library.is_hasty
    if library.runs == "browser":
        assert browser
        _in_browser(library, condition, line, key=key, browser=browser, outcome=outcome)
    else:
        _on_server(library, condition, line, key)
    _judge(library, calls(_name(library, condition)), line, outcome)
    return outcome


def _name(library: Library, condition: str) -> str:
    return f"{library}, {condition}"


def _judge(library: Library, called: list[dict[str, Any]], line: Line, outcome: Outcome) -> None:
    wire: dict[str, Sent] = {}
    requests = [each for each in line.tap.heard if each.method == "POST" and b'"chunks"' in each.answer]
    told: dict[str, dict[str, Any]] = {}
    for post in requests:
        for sent, verdict in zip(sent_in(post, library.form), post.reply["events"], strict=True):
            name = sent.id or verdict["event_id"]
            wire.setdefault(name, sent)
            told.setdefault(name, verdict)
    stored = {event["event_id"]: event for event in line.arrived()}
    made = [call for call in called if library.sender != "jitsu" or call["call"] != "alias"]
    outcome.sent = max(len(wire), len(made))
    outcome.back = len({told[name]["event_id"] for name in wire if told[name].get("event_id") in stored})
    outcome.doubled = line.stored() - len(stored)
    for name, sent in wire.items():
        event = stored.get(told[name].get("event_id", ""))
        found = differences(sent, event) if event else [told[name].get("code", "not stored")]
        if (
            event
            and line.tap.out_for
            and "number" in sent.properties
            and has_moved(event, line.tap.out_since + min(line.tap.out_for / 2, _CALLS_SECONDS))
        ):
            found.append(f"time {event['timestamp']} is later than the call")
        outcome.equal += not found
        outcome.different += [f"{sent.type}: {each}" for each in found]
    by_number = {call["properties"]["number"]: call for call in made}
    changed = [
        name
        for sent in wire.values()
        if sent.properties.get("number") in by_number
        for name in changed_by_library(by_number[sent.properties["number"]], sent)
    ]
    outcome.by_library = list(dict.fromkeys(changed))


def _on_server(library: Library, condition: str, line: Line, key: str) -> None:
    options = json.dumps(library.options_for(condition))
    arguments = [line.url, key, json.dumps(calls(_name(library, condition))), options]
    environment = dict(os.environ)
    if library.runs == "python":
        environment["PYTHONPATH"] = str(library.folder)
        shifted = [str(HERE / "shift.py"), str(AHEAD)] if condition == "clock" else []
        command = [sys.executable, *shifted, str(_SENDERS / f"make_{library.sender}_calls.py")]
    else:
        environment["HOURS_AHEAD"] = str(AHEAD)
        shifted = ["--require", str(HERE / "shift.cjs")] if condition == "clock" else []
        command = ["node", *shifted, str(_SENDERS / f"{library.sender}.mjs"), str(library.folder)]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{library} {condition}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def _in_browser(library: Library, condition: str, line: Line, *, key: str, browser: Browser, outcome: Outcome) -> None:
    called = calls(_name(library, condition))
    with _page(library, browser, line, outcome) as page:
        if condition == "clock":
            page.clock.install(time=datetime.now(UTC) + timedelta(hours=AHEAD))
        if condition == "offline":
            page.clock.install(time=datetime.now(UTC) - timedelta(seconds=_AN_HOUR))
        page.reload()
        address = [line.url, key, called, library.options_for(condition)]
        if condition == "offline":
            first, *others = called
            page.evaluate("given => send(...given)", [line.url, key, [first], library.options])
            _wait_until_quiet(page, line, 1)
            page.context.set_offline(True)
            page.evaluate("given => { send(...given) }", [line.url, key, others, library.options])
            page.wait_for_timeout(3000)
            page.clock.fast_forward(_AN_HOUR * 1000)
            page.context.set_offline(False)
        else:
            page.evaluate("given => send(...given)", address)
        _wait_until_quiet(page, line, len(called))
        page.goto("about:blank")  # what a library sends as the page is left
        _wait_until_quiet(page, line)


@contextmanager
def _page(library: Library, browser: Browser, line: Line, outcome: Outcome) -> Iterator[Page]:
    """A page of a shop that brings the library in the site's own bundle."""
    shop = Shop({"/bundle.js": _bundle(library)}, '<script src="/bundle.js"></script>')
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: outcome.asked.add(request.url.split("/")[2]))
    page.on("console", lambda said: outcome.errors.extend([said.text] if said.type == "error" else []))
    page.on("pageerror", lambda error: outcome.errors.append(str(error)))
    page.goto(shop.url)
    try:
        yield page
    finally:
        context.close()
        shop.close()
        outcome.asked -= {shop.url.split("/")[2], line.url.split("/")[2], ""}


@functools.cache
def _bundle(library: Library) -> bytes:
    written = (_SENDERS / "browser" / f"{library.sender}.js").read_text().replace("LIBRARY", library.alias)
    return bundled(written, INSTALLED / "node")


def _wait_until_quiet(page: Page, line: Line, events: int = 0) -> None:
    """Until so many events were heard of, and nothing more for a while."""
    start = time.monotonic()
    heard, since = -1, start
    longest = _LONGEST_SECONDS + 6 * line.tap.out_for  # pauses between attempts grow
    while time.monotonic() - start < longest:
        if len(line.tap.heard) != heard:
            heard, since = len(line.tap.heard), time.monotonic()
        told = {event.get("event_id") for post in line.tap.posts for event in post.reply["events"]}
        if time.monotonic() - since > _QUIET_SECONDS and len(told) >= events and not line.tap.lose + line.tap.reset:
            return
        page.wait_for_timeout(200) if page.url != "about:blank" else time.sleep(0.2)
