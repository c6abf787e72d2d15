"""A page of another site, open in the developer's browser, attacks the local stack and the emulator behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page

from chromium import PATIENCE_MS, STRANGER
from local_stack import LocalStack
from waiting import eventually

VICTIM = {"event_type": "signup", "user_id": "victim", "event_id": "1"}
SCAN = {"x-amz-target": "DynamoDB_20120810.Scan", "content-type": "application/x-amz-json-1.0"}
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/{}/aws4_request"

# Answers what it could read of each request; null where the browser or the server let it read nothing.
ATTACK = """
async (requests) => Promise.all(requests.map(async ({url, ...options}) => {
  try {
    const answer = await fetch(url, options)
    return answer.ok && answer.type !== 'opaque' ? await answer.text() : null
  } catch { return null }
}))
"""
# Sends a form, as a click on a link of any page can: no preflight, and the browser goes where it leads.
FORM = """
(url) => {
  document.body.innerHTML = `<form method="post" enctype="text/plain" action="${url}"><input name="a" value="b"></form>`
  document.forms[0].submit()
}
"""
SOCKET = """
(url) => new Promise(done => {
  const socket = new WebSocket(url)
  socket.onopen = () => done('open')
  socket.onerror = () => done('refused')
})
"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Funny cats</title><body></body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the other site. Its server is on this machine, so that the browser asks nobody for permission."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://{STRANGER}:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(site)
    yield page
    context.close()


@pytest.fixture(scope="module")
def victim(stack: LocalStack) -> None:
    """An event that nobody else may read or delete."""
    requests.post(f"{stack.url}/events", json=VICTIM, timeout=120).raise_for_status()
    eventually(lambda: stack.get("/events", user_id="victim")["events"], "the event to be stored")


def assert_nothing_was_deleted(stack: LocalStack) -> None:
    assert [each["event_id"] for each in stack.get("/events", user_id="victim")["events"]] == ["1"]


@pytest.mark.usefixtures("victim")
def test_a_page_reads_nothing_and_runs_nothing_in_the_emulator(page: Page, stack: LocalStack) -> None:
    environment = stack.environment()
    emulator, scan = environment["AWS_ENDPOINT_URL"], json.dumps({"TableName": environment["TABLE_NAME"]})
    function = json.dumps({"FunctionName": "f", "Runtime": "python3.12", "Role": "r", "Handler": "f.f"})
    dynamodb, functions = (AUTHORIZATION.format(service) for service in ("dynamodb", "lambda"))
    assert (
        page.evaluate(
            ATTACK,
            [
                {"url": emulator, "method": "POST", "headers": SCAN, "body": scan},
                {"url": emulator, "method": "POST", "headers": {**SCAN, "authorization": dynamodb}, "body": scan},
                {"url": f"{emulator}/2015-03-31/functions", "method": "POST", "body": function},
                {
                    "url": f"{emulator}/2015-03-31/functions",
                    "method": "POST",
                    "headers": {"authorization": functions},
                    "body": function,
                },
                {"url": f"{emulator}/{environment['BUCKET_NAME']}"},
                {"url": f"{emulator}/_ministack/health"},
                {"url": f"{emulator}/_ministack/sqs/messages"},
                {"url": f"{emulator}/_millrace/changes"},
                {"url": emulator, "method": "OPTIONS"},
            ],
        )
        == [None] * 9
    )
    assert page.evaluate(SOCKET, emulator.replace("http:", "ws:")) == "refused"


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_localstack/state/reset"])
def test_a_page_deletes_nothing_in_the_emulator(page: Page, stack: LocalStack, path: str) -> None:
    url = stack.environment()["AWS_ENDPOINT_URL"] + path
    for options in ({"mode": "no-cors"}, {"headers": {"content-type": "application/json"}}):
        page.evaluate(ATTACK, [{"url": url, "method": "POST", "body": "{}", **options}])
    with page.expect_navigation():
        page.evaluate(FORM, url)
    assert_nothing_was_deleted(stack)


@pytest.mark.usefixtures("victim")
def test_a_page_reads_nothing_of_the_stack(page: Page, stack: LocalStack) -> None:
    paths = ("/events?user_id=victim", "/counts", "/reports?grain=day", "/rejections", "/status", "/")
    assert page.evaluate(ATTACK, [{"url": stack.url + path} for path in paths]) == [None] * len(paths)


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize("of_the_emulator", [False, True])
def test_a_name_that_dns_leads_to_this_machine_opens_nothing(
    page: Page, stack: LocalStack, *, of_the_emulator: bool
) -> None:
    address = stack.environment()["AWS_ENDPOINT_URL"] if of_the_emulator else stack.url
    rebound = address.replace("127.0.0.1", STRANGER)
    answer = page.goto(f"{rebound}/events?user_id=victim")
    assert answer is not None
    assert answer.status == 403
    # From here on the page is of the same site as what it asks for.
    attempts: list[dict[str, Any]] = [
        {"url": "/events?user_id=victim"},
        {"url": "/events", "method": "POST", "body": json.dumps(VICTIM)},
    ]
    attempts.append({"url": "/", "method": "POST", "headers": SCAN, "body": "{}"})
    assert page.evaluate(ATTACK, attempts) == [None] * 3


def test_a_page_of_any_site_can_send_events_to_an_open_stage(page: Page, stack: LocalStack) -> None:
    sent = json.dumps({"event_type": "visit", "user_id": "visitor", "event_id": "fetched"})
    [answer] = page.evaluate(ATTACK, [{"url": f"{stack.url}/events", "method": "POST", "body": sent}])
    assert json.loads(answer)["accepted"] == 1
    beacon = json.dumps({"event_type": "visit", "user_id": "visitor", "event_id": "beacon"})
    assert page.evaluate("([url, body]) => navigator.sendBeacon(url, body)", [f"{stack.url}/events", beacon])
    ids = {"fetched", "beacon"}
    eventually(
        lambda: ids == {each["event_id"] for each in stack.get("/events", user_id="visitor")["events"]},
        "both events to be stored",
    )
