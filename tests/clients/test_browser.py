"""Segment and PostHog in a browser, navigator.sendBeacon and the pixel: from a page of another origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from chromium import NEEDED, PATIENCE_MS
from clients.line import Line
from clients.shop import MODULES, Shop
from needed import skip_without
from waiting import eventually

pytestmark = NEEDED
LIBRARIES = skip_without((MODULES / "ready").exists(), "Node.js is not installed, or its libraries are not set up")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a shop, in a browser that has seen nothing yet."""
    shop, context = Shop(), browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(shop.url)
    yield page
    context.close()
    shop.close()


def told(event: dict[str, Any], *names: str) -> tuple[Any, ...]:
    properties = {name: event["properties"][name] for name in names if name in event["properties"]}
    return event["event_type"], event.get("user_id"), properties


SEGMENT = """async ({ url, strategy }) => {
  const analytics = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: 'write-key', cdnURL: url },
    strategy ? { integrations: { 'Segment.io': { deliveryStrategy: strategy } } } : {})
  await analytics.track('Button Clicked', { label: 'Zoë' })
  await analytics.identify('ann', { plan: 'big' })
  await analytics.page('docs', 'Home', { step: 1 })
  await analytics.group('acme', { size: 3 })
  await analytics.alias('anna', 'ann')
}"""
SEGMENT_STREAM = [
    ("Button Clicked", None, {"label": "Zoë"}),
    ("alias", "ann", {"previousId": "ann"}),
    ("group", "ann", {"size": 3, "groupId": "acme"}),
    ("identify", "ann", {"plan": "big"}),
    ("page", "ann", {"name": "Home", "category": "docs", "step": 1}),
]


@LIBRARIES
@pytest.mark.parametrize(
    "strategy",
    [None, {"strategy": "batching", "config": {"size": 5, "timeout": 1000}}],
    ids=["one by one", "batching"],
)
def test_segment_needs_only_a_host_and_a_key_and_its_own_retry_changes_nothing(
    line: Line, page: Page, strategy: Any
) -> None:
    line.tap.lose = 1
    page.add_script_tag(url="/segment.js")
    page.evaluate(SEGMENT, {"url": line.url, "strategy": strategy})
    eventually(
        lambda: len(line.arrived()) == len(SEGMENT_STREAM) and line.tap.lose == 0 and line.was_sent_again(),
        "all events, and a retry",
    )
    names = ("label", "plan", "name", "category", "step", "size", "groupId", "previousId")
    events = line.arrived()
    assert sorted((told(event, *names) for event in events), key=repr) == sorted(SEGMENT_STREAM, key=repr)
    assert len({event["anonymous_id"] for event in events}) == 1
    assert all(event["context"]["page"]["title"] == "Shop" for event in events)
    line.send_all_again()
    assert line.arrived() == events
    assert line.stored() == len(events)


SIGNED_IN_BETWEEN = """async ({ url, strategy }) => {
  const analytics = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: 'write-key', cdnURL: url },
    strategy ? { integrations: { 'Segment.io': { deliveryStrategy: strategy } } } : {})
  await analytics.track('Button Clicked', { label: 'Zoë' })
  await analytics.identify('ann', { plan: 'big' })
}"""


@LIBRARIES
def test_a_retry_of_segments_library_that_names_a_new_user_is_the_same_event(line: Line, page: Page) -> None:
    """The answer to `track` is lost, and its visitor signs in before the library sends it again."""
    line.tap.lose = 1
    page.add_script_tag(url="/segment.js")
    page.evaluate(SIGNED_IN_BETWEEN, {"url": line.url, "strategy": None})
    eventually(lambda: len(line.arrived()) == 2 and line.was_sent_again(), "both events, and a retry")
    sent = [json.loads(post.body) for post in line.tap.posts]
    assert [each.get("userId") for each in sent if each.get("event") == "Button Clicked"] == [None, "ann"]
    assert len({each["messageId"] for each in sent}) == line.stored() == 2
    assert sorted(told(event, "label") for event in line.arrived()) == [
        ("Button Clicked", None, {"label": "Zoë"}),
        ("identify", "ann", {}),
    ]


POSTHOG = """url => {
  posthog.init('write-key', { api_host: url, opt_out_useragent_filter: true, autocapture: false })
  posthog.capture('button clicked', { label: 'Zoë' })
  posthog.identify('ann', { plan: 'big' })
  posthog.group('company', 'acme', { size: 3 })
  posthog.capture('order completed', { total: 12.5 })
}"""


@LIBRARIES
def test_posthog_needs_only_a_host_and_a_key_and_its_own_retry_changes_nothing(line: Line, page: Page) -> None:
    line.tap.lose = 1
    page.add_script_tag(url="/posthog.js")
    page.evaluate(POSTHOG, line.url)
    wanted = {"$pageview", "button clicked", "$identify", "$groupidentify", "order completed"}
    eventually(
        lambda: {event["event_type"] for event in line.arrived()} >= wanted and line.was_sent_again(),
        "all events, and a retry",
    )
    page.goto("about:blank")  # sends $pageleave as a beacon
    eventually(lambda: "$pageleave" in {event["event_type"] for event in line.arrived()}, "the beacon")
    events = line.arrived()
    by_type = {event["event_type"]: event for event in events}
    assert len(by_type) == len(events)
    assert told(by_type["order completed"], "total") == ("order completed", "ann", {"total": 12.5})
    assert told(by_type["button clicked"], "label") == ("button clicked", None, {"label": "Zoë"})
    assert by_type["button clicked"]["anonymous_id"] == by_type["order completed"]["anonymous_id"]
    assert by_type["$identify"]["properties"]["$set"] == {"plan": "big"}
    assert "write-key" not in str(events)
    line.send_all_again()
    assert line.arrived() == events
    assert line.stored() == len(events)


@LIBRARIES
@pytest.mark.parametrize("script", ["/segment.js", "/posthog.js"])
def test_a_refused_event_is_not_sent_for_ever(line: Line, page: Page, script: str) -> None:
    page.add_script_tag(url=script)
    if script == "/segment.js":
        page.evaluate(
            """async url => { await AnalyticsNext.AnalyticsBrowser.load({ writeKey: 'k', cdnURL: url })
               .track('x'.repeat(200)) }""",
            line.url,
        )
    else:
        page.evaluate(
            """url => { posthog.init('k', { api_host: url, opt_out_useragent_filter: true, autocapture: false,
               capture_pageview: false, capture_pageleave: false }); posthog.capture('x'.repeat(200)) }""",
            line.url,
        )
    eventually(lambda: line.tap.posts, "the event to be sent")
    page.wait_for_timeout(8000)  # longer than the first pause of either library
    assert [post.status for post in line.tap.posts] == [422]


@pytest.mark.parametrize("where", ["?key=write-key", ""], ids=["key in the query", "key in the body"])
def test_a_beacon_arrives(line: Line, page: Page, where: str) -> None:
    event = {"event_type": "left", "user_id": "ann", "seconds": 7} | ({} if where else {"write_key": "write-key"})
    beacon = "([url, event]) => navigator.sendBeacon(url, JSON.stringify(event))"
    assert page.evaluate(beacon, [f"{line.url}/events{where}", event]) is True
    eventually(lambda: len(line.arrived()) == 1, "the beacon")
    (event,) = line.arrived()
    assert told(event, "seconds") == ("left", "ann", {"seconds": 7})
    assert "write-key" not in str(event)


def test_a_page_of_another_origin_reads_the_answer_to_what_it_sends_and_nothing_else(line: Line, page: Page) -> None:
    fetched = """async ([url, options]) => {
      try { const answer = await fetch(url, options); return (await answer.json()).code ?? answer.status }
      catch (error) { return 'blocked' } }"""
    event = {"method": "POST", "headers": {"X-Write-Key": "k", "Content-Type": "application/json"}}
    good, bad = event | {"body": '{"event_type": "a", "user_id": "ann"}'}, event | {"body": "no"}
    assert page.evaluate(fetched, [f"{line.url}/events", good]) == 200
    assert page.evaluate(fetched, [f"{line.url}/events", bad]) == "not_json"
    assert page.evaluate(fetched, [f"{line.url}/counts", {}]) == "blocked"


TRACED = """async ([urls, headers]) => {
  const send = async url => {
    const body = { event_type: 'a', event: 'a', user_id: 'ann', userId: 'ann', distinct_id: 'ann' }
    const given = { method: 'POST', headers, body: JSON.stringify(body) }
    try { return (await (await fetch(url, given)).json()).accepted } catch (error) { return 'blocked' }
  }
  return Object.fromEntries(await Promise.all(urls.map(async url => [url, await send(url)])))
}"""
TRACING = {
    "traceparent": "00-1",
    "tracestate": "a=b",
    "baggage": "c=d",
    "sentry-trace": "1",
    "x-anything": "1",
    "Content-Type": "application/json",
    "Authorization": "Bearer k",
    "X-Write-Key": "k",
    "Idempotency-Key": "i",
}


def test_a_page_that_traces_its_requests_may_send_to_every_path(line: Line, page: Page) -> None:
    paths = ["/events", "/v1/track", "/batch", "/capture", "/e", "/e/", "/track", "/i/v0/e"]
    urls = [line.url + path for path in paths]
    assert page.evaluate(TRACED, [urls, TRACING]) == dict.fromkeys(urls, 1)
    # Nothing is sent along that the browser knows of this stage, and a page cannot ask for that.
    with_credentials = (
        "url => fetch(url, { method: 'POST', credentials: 'include', body: '{}' }).catch(() => 'blocked')"
    )
    assert page.evaluate(with_credentials, urls[0]) == "blocked"


@pytest.mark.parametrize(
    ("fields", "stored"),
    [({"event_type": "mail_opened", "user_id": "pixel", "campaign": "may"}, 1), ({"event_type": "mail_opened"}, 0)],
    ids=["accepted", "rejected"],
)
def test_the_pixel_is_an_image_whatever_becomes_of_its_event(
    line: Line, page: Page, fields: dict[str, str], stored: int
) -> None:
    width = page.evaluate(
        """url => new Promise(done => { const image = new Image(); image.onload = () => done(image.naturalWidth);
           image.onerror = () => done('broken'); image.src = url })""",
        f"{line.url}/pixel.gif?{urlencode(fields)}&key=write-key",
    )
    assert width == 1
    (heard,) = line.tap.heard
    assert heard.headers_of_answer.get("Millrace-Rejected") == (None if stored else "missing_field")
    if stored:
        [event] = eventually(lambda: line.stack.get("/events", user_id="pixel")["events"], "the event to be stored")
        assert told(event, "campaign", "key") == ("mail_opened", "pixel", {"campaign": "may"})
