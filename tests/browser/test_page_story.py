"""The story of a newcomer: send events, see them, look at one, filter, and find what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from chromium import Opened
from local_stack import LocalStack
from waiting import eventually


def post(stack: LocalStack, *events: dict[str, Any]) -> None:
    requests.post(f"{stack.url}/events", json=list(events), timeout=120)


def row(page: Page, text: str) -> Any:
    return page.locator("#events tr", has_text=text)


@pytest.fixture
def empty_stack(tmp_path: Path) -> Iterator[LocalStack]:
    running = LocalStack(tmp_path)
    running.start()
    yield running
    running.end()


def test_an_empty_stage_says_what_to_send_and_shows_it_and_the_end_of_the_stack_without_a_reload(
    empty_stack: LocalStack, opened: Opened
) -> None:
    page = opened(url=empty_stack.url)
    expect(page.locator("#welcome")).to_be_visible()
    command = page.locator("#first-curl").inner_text()
    assert command.startswith(f"curl -s {empty_stack.url}/events -d ")
    body = re.search(r"'(.*)'", command)
    assert body is not None
    post(empty_stack, json.loads(body[1]))
    expect(row(page, "u123")).to_be_visible()
    expect(page.locator("#welcome")).to_be_hidden()
    expect(page.locator("#sentence")).to_have_text(re.compile("All is well"))
    expect(page.locator("#tile-accepted .note")).to_have_text("1 in the last hour")
    expect(page.locator("#tile-stored .note")).to_have_text("1 in the last hour")
    expect(page.locator("#ledger-body")).to_contain_text("It balances.")
    empty_stack.process.kill()
    empty_stack.end_of_all()
    expect(page.locator("#sentence")).to_contain_text("does not answer since")
    port = empty_stack.url.rpartition(":")[2]
    empty_stack.start("--port", port)
    expect(page.locator("#sentence")).to_contain_text("All is well")


def test_a_click_shows_the_whole_event_and_keys_go_to_its_neighbours(stack: LocalStack, opened: Opened) -> None:
    post(stack, {"event_type": "first", "user_id": "walker", "properties": {"deep": {"er": [1, 2]}}})
    page = opened()
    row(page, "first").get_by_role("button").click()
    details = page.get_by_role("dialog", name="first")
    expect(details.locator("pre")).to_contain_text('"er": [')
    expect(details.locator("dl")).to_contain_text("walker")
    post(stack, {"event_type": "second", "user_id": "walker"})
    expect(row(page, "second")).to_have_count(1)
    expect(page.locator("#details-title")).to_have_text("first")  # what is being read stays
    page.keyboard.press("ArrowUp")
    expect(page.locator("#details-title")).to_have_text("second")
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "open"


# JavaScript would show 1524831183200260000, 1, 10000000000000000, and no end of digits.
NUMBERS = ["1524831183200260097", "1.0", "1e+16", "-0.0", "12345678901234567890123456789012345678", "0.1"]


def test_numbers_are_shown_and_copied_as_they_were_sent_to_the_last_digit(stack: LocalStack, opened: Opened) -> None:
    fields = f'"event_type": "exact", "user_id": "u", "numbers": [{", ".join(NUMBERS)}], "tweet_id": {NUMBERS[0]}'
    requests.post(f"{stack.url}/events", data=f"{{{fields}}}", timeout=120)
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Type").fill("exact")
    expect(row(page, "exact")).to_contain_text(f"numbers: [{','.join(NUMBERS)}]")
    expect(row(page, "exact")).to_contain_text(f"tweet_id: {NUMBERS[0]}")
    row(page, "exact").get_by_role("button").click()
    shown = page.get_by_role("dialog").locator("pre")
    for number in NUMBERS:
        expect(shown).to_contain_text(re.compile(rf"^ +{re.escape(number)},?$", re.MULTILINE))
    page.get_by_role("dialog").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown.text_content()


def test_the_tail_is_walked_and_opened_by_keys_alone(stack: LocalStack, opened: Opened) -> None:
    post(stack, *({"event_type": f"step_{number}", "user_id": "keys"} for number in range(3)))
    page = opened()
    expect(page.locator("#events tr")).not_to_have_count(0)
    expect(row(page, "step_2")).to_be_visible()
    page.locator("#events tr").first.get_by_role("button").focus()
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#events tr").nth(1).locator(".type").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#details-title")).to_have_text(chosen)


def test_filters_ask_the_stage_by_type_and_user(stack: LocalStack, opened: Opened) -> None:
    post(stack, {"event_type": "buy", "user_id": "ann"}, {"event_type": "look", "user_id": "ann"})
    post(stack, {"event_type": "buy", "user_id": "bob"})
    page = opened()
    expect(row(page, "bob")).to_be_visible()
    page.get_by_label("User").fill("ann")
    expect(row(page, "bob")).to_have_count(0)
    page.get_by_label("Type").fill("buy")
    expect(page.locator("#events tr")).to_have_count(1)
    page.get_by_label("User").fill("nobody")
    expect(page.locator("#no-events")).to_contain_text("No event fits")
    page.get_by_role("button", name="Clear").click()
    expect(row(page, "bob")).to_be_visible()


def test_older_events_come_when_they_are_asked_for_and_stay(stack: LocalStack, opened: Opened) -> None:
    post(stack, *({"event_type": "many", "user_id": "crowd", "properties": {"n": number}} for number in range(70)))
    page = opened()
    with page.expect_response(re.compile("user_id=crowd")):
        page.get_by_label("User").fill("crowd")
    expect(page.locator("#events tr")).to_have_count(50)
    page.get_by_role("button", name="Older events").click()
    expect(page.locator("#events tr")).to_have_count(70)
    with page.expect_response(re.compile(r"/events\?")):
        pass
    expect(page.locator("#events tr")).to_have_count(70)


def test_a_filter_that_fits_nothing_so_far_looks_on_when_asked_and_keeps_what_it_finds(
    stack: LocalStack, opened: Opened
) -> None:
    post(stack, {"event_type": "rare", "user_id": "busy"})
    asked = {"user_id": "busy", "event_type": "rare"}
    found = eventually(lambda: stack.get("/events", **asked)["events"], "the event to be stored")

    def answer(route: Route) -> None:
        looks_on = "cursor=" in route.request.url
        route.fulfill(json={"events": found, "next": None} if looks_on else {"events": [], "next": "on"})

    page = opened(lambda page: page.route("**/events?*user_id=busy*", answer))
    page.get_by_label("User").fill("busy")
    expect(page.get_by_text("The button below searches older ones")).to_be_visible()
    page.get_by_role("button", name="Older events").click()
    expect(row(page, "rare")).to_be_visible()
    with page.expect_response(re.compile(r"user_id=busy")):
        pass
    expect(row(page, "rare")).to_be_visible()


def test_a_rejection_is_found_with_its_reason(stack: LocalStack, opened: Opened) -> None:
    post(stack, {"event_type": "signup", "plan": "large"})
    page = opened()
    expect(page.locator("#tile-rejected .value")).not_to_have_text("0")
    expect(page.locator("#rejections")).to_contain_text("missing_field")
    page.locator("#rejections tbody button").first.click()
    details = page.get_by_role("dialog", name="Rejected: missing_field")
    expect(details.locator("dl")).to_contain_text("user_id")
    expect(details.locator("pre")).to_contain_text('"plan": "large"')
    assert details.inner_text().count("large") == 1


@pytest.mark.usefixtures("report")
def test_a_stage_without_rejections_to_ask_for_shows_no_list_of_them(opened: Opened) -> None:
    page = opened(lambda page: page.route("**/rejections*", lambda route: route.fulfill(status=404, json={})))
    expect(page.locator("#reports-list tbody tr")).not_to_have_count(0)
    expect(page.locator("#rejections")).to_be_hidden()


def post_of_2015(stack: LocalStack) -> None:
    """Send an event of an old day, and make its report: an open page asks for those every five minutes."""
    post(stack, {"event_type": "page_view", "user_id": "u1", "page": "/pricing", "timestamp": "2015-05-17T10:00:00Z"})
    day = {"grain": "day", "from": "2015-05-17", "to": "2015-05-18"}
    eventually(lambda: stack.get("/counts", **day)["counts"], "the event to be stored")
    stack.run_schedule()


def test_reports_open_with_their_version(stack: LocalStack, opened: Opened) -> None:
    post_of_2015(stack)
    page = opened()
    report = page.locator("#reports-list tr", has_text="17 May 2015")
    expect(report).to_contain_text("v1")
    report.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Report of 17 May 2015").locator("pre")).to_contain_text('"version": 1')
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Hours").click()
    expect(page.locator("#reports-list tr", has_text="2015-05-17 10:00")).to_be_visible()


def test_earlier_days_are_a_click_away(stack: LocalStack, opened: Opened) -> None:
    post_of_2015(stack)
    page = opened()
    expect(page.locator("#hours-back")).to_be_enabled()
    page.get_by_role("button", name="Earlier days").click()
    expect(page.locator("#hours-span")).to_contain_text("17 May 2015")
    page.locator("#hours-table").locator("xpath=..").get_by_text("Numbers").click()
    expect(page.locator("#hours-table")).to_contain_text("2015-05-17 10:00")


def test_every_chart_has_its_numbers_as_a_table(stack: LocalStack, opened: Opened) -> None:
    post(stack, {"event_type": "page_view", "user_id": "u1"})
    page = opened()
    expect(page.locator("#events tr")).not_to_have_count(0)
    assert page.locator(".plot").count() == page.locator("details.numbers").count() == 3
    for plot in ("minutes", "latency", "hours"):
        table = page.locator(f"#{plot}-table")
        table.locator("xpath=..").locator("summary").click()
        expect(table.locator("tbody tr")).not_to_have_count(0)
        expect(page.locator(f"#{plot}-plot [role=img]")).to_have_attribute("aria-label", re.compile(r"\w"))


def test_times_are_in_utc_or_where_the_reader_is(stack: LocalStack, opened: Opened) -> None:
    post(stack, {"event_type": "tea", "user_id": "u1", "timestamp": "2026-01-01T20:00:00Z"})
    page = opened()
    page.get_by_label("Type").fill("tea")
    expect(row(page, "tea")).to_contain_text("2026-01-01 20:00:00")
    page.get_by_role("button", name="Local").click()
    expect(row(page, "tea")).to_contain_text("2026-01-02 01:30:00")
    expect(page.locator("#zone-note")).to_contain_text("Asia/")
    row(page, "tea").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("2026-01-01 20:00:00 UTC · 2026-01-02 01:30:00 local")


def test_a_dead_letter_turns_the_page_and_says_what_to_run(stack: LocalStack, opened: Opened) -> None:
    sqs, dead_letters = stack.clients.sqs, stack.environment()["DEAD_LETTER_URL"]
    sqs.send_message(QueueUrl=dead_letters, MessageBody="what failed five times")
    page = opened()
    expect(page.locator("#sentence")).to_have_text("1 dead letter waits for a decision.")
    expect(page.locator("#health")).to_have_attribute("data-level", "bad")
    expect(page.locator("#tile-dead .value")).to_have_text("1")
    expect(page.locator("#quarantine")).to_contain_text("millrace dlq list")
    sqs.purge_queue(QueueUrl=dead_letters)
    expect(page.locator("#health")).to_have_attribute("data-level", "ok")
