"""How the page asks: with a key where one is needed, not at all when it is hidden, gently when it is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Request, Route, expect

from chromium import Opened
from local_stack import LocalStack
from waiting import eventually

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_seen_again(stack: LocalStack, opened: Opened) -> None:
    asked: list[str] = []
    page = opened(lambda page: page.on("request", lambda request: asked.append(request.url)))
    expect(page.locator("#sentence")).to_contain_text("All is well")
    page.evaluate(HIDE, arg=True)
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.wait_for_timeout(7000)  # twice what the page waits between two questions
    assert len(asked) == before
    requests.post(f"{stack.url}/events", json={"event_type": "meanwhile", "user_id": "u1"}, timeout=120)
    eventually(lambda: stack.get("/events", event_type="meanwhile")["events"], "the event to be stored")
    page.evaluate(HIDE, arg=False)
    expect(page.locator("#events")).to_contain_text("meanwhile")


@pytest.mark.usefixtures("report")
def test_one_question_is_asked_at_a_time_whatever_is_clicked(stack: LocalStack, opened: Opened) -> None:
    requests.post(f"{stack.url}/events", json={"event_type": "clicked", "user_id": "u1"}, timeout=120)
    pending: set[Request] = set()
    most, asked = [0], list[str]()

    def begin(request: Request) -> None:
        if request.resource_type == "fetch":
            asked.append(request.url)
            pending.add(request)
            most[0] = max(most[0], len(pending))

    def end(request: Request) -> None:
        pending.discard(request)

    def watch(page: Page) -> None:
        page.on("request", begin)
        page.on("requestfinished", end)
        page.on("requestfailed", end)

    page = opened(watch)
    expect(page.locator("#reports-list tbody tr").first).to_be_visible()
    for _ in range(3):  # much faster than answers come
        for grain in ("Hours", "Days"):
            page.get_by_role("button", name=grain, exact=True).click()
        for text in ("clicked", ""):
            page.get_by_label("Type").fill(text)
            page.get_by_label("User").fill(text)
    with page.expect_response(re.compile("grain=hour")):
        page.get_by_role("button", name="Hours", exact=True).click()
    with page.expect_response(re.compile("event_type=clicked")):
        page.get_by_label("Type").fill("clicked")
    assert most == [1]
    assert len(asked) > 10


def test_a_stage_that_does_not_answer_is_asked_less_and_heard_again(opened: Opened) -> None:
    page = opened()
    expect(page.locator("#pulse-text")).to_have_text("Live")
    asked: list[str] = []

    def cut(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile(r"/(status|events|counts|reports|rejections)"), cut)
    expect(page.locator("#pulse-text")).to_contain_text("No answer since")
    page.wait_for_timeout(9000)
    assert len([url for url in asked if url.endswith("/status")]) <= 2  # after 6 s, then after 12
    page.unroute_all()
    page.evaluate(HIDE, arg=False)
    expect(page.locator("#pulse-text")).to_have_text("Live")


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
    expect(page.get_by_label("Read key")).to_be_focused()
    expect(page.locator("#board")).to_be_hidden()
    page.get_by_label("Read key").fill("mr_wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-problem")).to_contain_text("not valid")
    page.get_by_label("Read key").fill("mr_good")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#sentence")).to_contain_text("All is well")
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
    assert "mr_good" not in page.url
    page.reload()
    expect(page.locator("#sentence")).to_contain_text("All is well")
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("Read key")).to_be_visible()


def test_a_projects_reader_sees_the_project_alone(stack: LocalStack, opened: Opened) -> None:
    requests.post(f"{stack.url}/events", json={"event_type": "own", "user_id": "u1"}, timeout=120)
    answer = {"project": "acme", "stage": None}
    page = opened(lambda page: page.route("**/status", lambda route: route.fulfill(json=answer)))
    expect(page.locator("#project")).to_have_text("acme")
    expect(page.locator("#tile-own .value")).not_to_have_text("0")
    expect(page.locator("#events")).to_contain_text("own")
    for hidden in ("#latency", "#quarantine", "#ledger"):
        expect(page.locator(hidden)).to_be_hidden()


@pytest.mark.usefixtures("report")
def test_nothing_moves_while_numbers_come_in(stack: LocalStack, opened: Opened) -> None:
    def post(user: str) -> None:
        good = [{"event_type": "counted", "user_id": user, "event_id": str(number)} for number in range(60)]
        events = [*good, good[0], {"event_type": "counted"}]  # more than are listed, one twice, and one that is refused
        requests.post(f"{stack.url}/events", json=events, timeout=120)

    post("u1")
    page = opened()
    expect(page.locator("#reports-list tbody tr").first).to_be_visible()
    for panel in ("#rejections", "#quarantine", "#ledger"):  # each is there once its first answer is
        expect(page.locator(panel)).to_be_visible()
    numbers = {tile: page.locator(f"#tile-{tile} .note") for tile in ("accepted", "stored")}
    for number in numbers.values():
        expect(number).to_have_text(re.compile("[1-9].* in the last hour"))
    before = {tile: number.inner_text() for tile, number in numbers.items()}
    tops = "[...document.querySelectorAll('main section')].map(each => each.getBoundingClientRect().top)"
    at_first = page.evaluate(tops)
    post("u2")
    for tile, number in numbers.items():
        expect(number).not_to_have_text(before[tile])
    assert page.evaluate(tops) == at_first
