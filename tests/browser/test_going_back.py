"""Where the page leads: to older rows and days, to an event by its id or a value, and back to what it was set to."""

from __future__ import annotations

import datetime as dt
import re

from playwright.sync_api import expect

from browser.passing_time import OpenFake, look
from waiting import eventually

THIS_WEEK = "11 May 2026 \u2013 17 May 2026"
THE_WEEK_BEFORE_THE_LAST = "27 Apr 2026 \u2013 3 May 2026"


def test_what_the_page_is_set_to_is_in_its_address_and_survives_a_reload(fake: OpenFake) -> None:
    page = fake()
    page.get_by_label("Type").fill("view")
    page.get_by_label("User").fill("ann&bob")
    page.get_by_role("button", name="Local").click()
    look(page)
    address = page.url
    assert "ann" not in address.partition("#")[0]  # nor, so, in any log of the stage
    page.reload()
    look(page)
    expect(page.get_by_label("User")).to_have_value("ann&bob")
    expect(page.get_by_role("button", name="Local")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(
        "stage.asked.filter(each => each.startsWith('events')).every(each => each.includes('ann%26bob'))"
    )
    page.get_by_role("button", name="Clear").click()
    look(page)
    assert "ann" not in page.url


def test_an_event_id_is_found_far_back_and_the_page_says_how_far_it_looked(fake: OpenFake) -> None:
    page = fake("stage.events = 9000;")
    page.get_by_label("Find").fill("id-8990")
    look(page, 1)
    expect(page.locator("#events tr")).to_have_count(1)
    expect(page.locator("#tail-note")).to_have_text(
        re.compile("^1 found in the newest 50 events, back to 2026-05-17 11:")
    )
    page.get_by_label("Find").fill("id-7000")
    look(page, 1)
    expect(page.locator("#no-events")).to_contain_text("None of the events that were searched")
    page.get_by_label("Find").press("Enter")
    expect(page.locator("#events tr")).to_have_count(1)
    expect(page.locator("#tail-note")).to_contain_text("1 found in the newest 5,050 events")
    page.get_by_role("button", name="Search older events").click()
    expect(page.locator("#tail-note")).to_contain_text("1 found in all 9,000 events")


def test_a_value_of_a_property_is_found_in_the_rows_that_are_there(fake: OpenFake) -> None:
    page = fake()
    page.get_by_label("Find").fill("/99")
    look(page, 1)
    expect(page.locator("#events tr")).to_have_count(10)
    expect(page.locator("#tail-note")).to_contain_text("10 found in the newest 50 events")


def test_earlier_days_are_paged_through_and_back(fake: OpenFake) -> None:
    page = fake()
    look(page)
    span = page.locator("#hours-span")
    expect(span).to_have_text(THIS_WEEK)
    page.get_by_role("button", name="Earlier days").click(click_count=2)
    expect(span).to_have_text(THE_WEEK_BEFORE_THE_LAST)
    look(page)
    expect(span).to_have_text(THE_WEEK_BEFORE_THE_LAST)
    page.get_by_role("button", name="Later days").click()
    page.get_by_role("button", name="Later days").click()
    expect(span).to_have_text(THIS_WEEK)
    asked = page.evaluate("stage.asked.filter(each => each.startsWith('counts'))")
    for each in asked:  # never more than a week of days
        first, end = re.findall(r"(?:from|to)=(\d{4}-\d\d-\d\d)", each)
        assert dt.date.fromisoformat(end) - dt.date.fromisoformat(first) <= dt.timedelta(days=7)


def test_lists_go_on_where_there_is_more(fake: OpenFake) -> None:
    page = fake()
    look(page)
    expect(page.locator("#reports-list tbody tr")).to_have_count(12)
    page.evaluate("stage.asked.length = 0")
    page.get_by_role("button", name="Older reports").click()
    eventually(
        lambda: page.evaluate("stage.asked.some(each => each.includes('cursor=more'))"), "the page to have its answers"
    )
