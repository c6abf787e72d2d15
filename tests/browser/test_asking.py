"""How the page asks: with a key where one is needed, not at all when it is hidden, gently when it is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import requests
from chromium import Opened
from playwright.sync_api import Page, Request, Route, expect

from local_stack import LocalStack, eventually

SECONDS = 20_000
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_seen_again(stack: LocalStack, opened: Opened) -> None:
    asked: list[str] = []
    page = opened(lambda page: page.on("request", lambda request: asked.append(request.url)))
    expect(page.locator("#sentence")).to_contain_text("All is well", timeout=SECONDS)
    page.evaluate(HIDE, arg=True)
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.wait_for_timeout(7000)  # twice what the page waits between two questions
    assert len(asked) == before
    requests.post(f"{stack.url}/events", json={"event_type": "meanwhile", "user_id": "u1"}, timeout=10)
    eventually(lambda: stack.get("/events", event_type="meanwhile")["events"])
    page.evaluate(HIDE, arg=False)
    expect(page.locator("#events")).to_contain_text("meanwhile", timeout=SECONDS)


def test_one_question_is_asked_at_a_time(opened: Opened) -> None:
    pending: set[Request] = set()
    most = [0]

    def begin(request: Request) -> None:
        if request.resource_type == "fetch":
            pending.add(request)
            most[0] = max(most[0], len(pending))

    def end(request: Request) -> None:
        pending.discard(request)

    def watch(page: Page) -> None:
        page.on("request", begin)
        page.on("requestfinished", end)
        page.on("requestfailed", end)

    page = opened(watch)
    expect(page.locator("#reports-list .empty, #reports-list tbody tr").first).to_be_visible(timeout=SECONDS)
    assert most == [1]


def test_a_stage_that_does_not_answer_is_asked_less_and_heard_again(opened: Opened) -> None:
    page = opened()
    expect(page.locator("#pulse-text")).to_have_text("Live", timeout=SECONDS)
    asked: list[str] = []

    def cut(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile(r"/(status|events|counts|reports|rejections)"), cut)
    expect(page.locator("#pulse-text")).to_contain_text("No answer since", timeout=SECONDS)
    page.wait_for_timeout(9000)
    assert len([url for url in asked if url.endswith("/status")]) <= 2  # after 6 s, then after 12
    page.unroute_all()
    page.evaluate(HIDE, arg=False)
    expect(page.locator("#pulse-text")).to_have_text("Live", timeout=SECONDS)


def lock(page: Page) -> None:
    """As if the stage wanted the key "mr_good"."""

    def guard(route: Route) -> None:
        authorization = route.request.headers.get("authorization")
        if authorization == "Bearer mr_good":
            route.continue_()
            return
        problem: dict[str, Any] = {
            "code": "bad_key" if authorization else "no_key",
            "message": "This key is not valid here.",
        }
        route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))

    page.route(re.compile(r"/(status|events|counts|reports|rejections)"), guard)


def test_a_closed_stage_asks_for_a_key_and_keeps_it_in_the_tab_alone(opened: Opened) -> None:
    page = opened(lock)
    expect(page.get_by_label("Read key")).to_be_focused(timeout=SECONDS)
    expect(page.locator("#board")).to_be_hidden()
    page.get_by_label("Read key").fill("mr_wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-problem")).to_contain_text("not valid", timeout=SECONDS)
    page.get_by_label("Read key").fill("mr_good")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#sentence")).to_contain_text("All is well", timeout=SECONDS)
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
    assert "mr_good" not in page.url
    page.reload()
    expect(page.locator("#sentence")).to_contain_text("All is well", timeout=SECONDS)
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("Read key")).to_be_visible(timeout=SECONDS)


def test_a_projects_reader_sees_the_project_alone(stack: LocalStack, opened: Opened) -> None:
    requests.post(f"{stack.url}/events", json={"event_type": "own", "user_id": "u1"}, timeout=10)
    answer = {"project": "acme", "stage": None}
    page = opened(lambda page: page.route("**/status", lambda route: route.fulfill(json=answer)))
    expect(page.locator("#project")).to_have_text("acme", timeout=SECONDS)
    expect(page.locator("#tile-own .value")).not_to_have_text("0", timeout=SECONDS)
    expect(page.locator("#events")).to_contain_text("own", timeout=SECONDS)
    for hidden in ("#latency", "#parked", "#ledger"):
        expect(page.locator(hidden)).to_be_hidden()


def test_nothing_moves_while_numbers_come_in(opened: Opened) -> None:
    page = opened()
    expect(page.locator("#tiles .tile").first).to_be_visible(timeout=SECONDS)
    expect(page.locator("#reports-list .empty, #reports-list tbody tr").first).to_be_visible(timeout=SECONDS)
    for panel in ("#rejections", "#parked", "#ledger"):  # each is there once its first answer is
        expect(page.locator(panel)).to_be_visible(timeout=SECONDS)
    tops = "[...document.querySelectorAll('main section')].map(each => each.getBoundingClientRect().top)"
    before = page.evaluate(tops)
    page.wait_for_timeout(7000)
    assert page.evaluate(tops) == before
