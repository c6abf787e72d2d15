"""A page that is left open for weeks: days pass, the stage goes and comes back, a new version is deployed."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from browser.passing_time import NOON, OpenFake, look, look_steadily
from chromium import Opened
from waiting import eventually


def heap_bytes(page: Page) -> int:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return int(session.send("Runtime.getHeapUsage")["usedSize"])


def numbers(page: Page) -> list[int]:
    found = page.locator("#events tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    return [int(key.lstrip("k")) for key in found]


def test_days_pass_and_neither_memory_nor_the_page_grows(fake: OpenFake) -> None:
    page = fake("stage.step = 60; stage.keyLength = 4000;")
    for _ in range(5):  # what is made once
        look(page)
    bytes_before, elements = heap_bytes(page), page.evaluate("document.querySelectorAll('*').length")
    asked = page.evaluate("stage.asked.length")
    for _ in range(30):
        page.clock.fast_forward(3600 * 1000)
        look(page, 4)
    assert page.evaluate("stage.asked.length") - asked > 4 * 30  # else nothing was tried
    assert heap_bytes(page) - bytes_before < 2_000_000  # 30 looks at 50 keys of 4 kB are 6 MB, if they are kept
    assert page.evaluate("document.querySelectorAll('*').length") - elements < 50
    assert page.locator("#events tr").count() == 50


def test_reports_are_not_downloaded_whole_again_and_again(fake: OpenFake) -> None:
    page = fake()
    look(page)
    page.evaluate("stage.asked.length = 0")
    for _ in range(6):
        look(page)
    asked = page.evaluate("stage.asked.filter(each => each.startsWith('reports'))")
    assert asked
    assert {re.search(r"limit=(\d+)", each)[1] for each in asked} == {"1"}  # type: ignore[index]
    page.evaluate("stage.reports = 2")
    look(page)
    expect(page.locator("#reports-list tr").nth(1)).to_contain_text("v2")


def test_after_midnight_yesterdays_events_show_their_date(fake: OpenFake) -> None:
    page = fake(viewport={"width": 390, "height": 800})
    first = page.locator("#events tr").first.locator("button")
    expect(first).to_have_text("2026-05-17 12:00:00", use_inner_text=False)
    assert first.inner_text() == "12:00:00"
    page.clock.pause_at(NOON + dt.timedelta(hours=12, seconds=1))
    page.evaluate("stage.down = true")  # the rows stay as they are
    look(page)
    page.evaluate("stage.down = false")
    look(page)
    page.clock.run_for(1000)
    assert page.locator("#events .today").count() == page.locator("#events tr", has_text="2026-05-18").count()


@pytest.mark.parametrize("step", [1, 60, 400])
def test_older_events_follow_without_a_gap_however_many_new_ones_come(fake: OpenFake, step: int) -> None:
    page = fake()
    page.get_by_role("button", name="Older events").click()
    expect(page.locator("#events tr")).to_have_count(100)
    page.evaluate("step => { stage.step = step; stage.delayMs = 50; }", step)
    for _ in range(3):
        page.get_by_role("button", name="Older events").click()
        look(page)
        found = numbers(page)
        assert found == list(range(found[0], found[-1] - 1, -1))
        assert len(found) >= 50
    assert page.evaluate("stage.most") == 1


def test_an_answer_for_older_events_that_fails_is_told_and_can_be_asked_for_again(fake: OpenFake) -> None:
    page = fake()
    page.evaluate("stage.refuses = 'Try again.'")
    page.get_by_role("button", name="Older events").click()
    expect(page.locator("#pulse-text")).to_have_text("Try again.")
    page.evaluate("stage.refuses = ''")
    page.get_by_role("button", name="Older events").click()
    expect(page.locator("#events tr")).to_have_count(100)


ICON = "link[rel=icon]"


def test_a_stage_that_does_not_answer_is_told_everywhere_and_heard_again(fake: OpenFake) -> None:
    page = fake()
    expect(page.locator("#sentence")).to_contain_text("All is well")
    icon = page.locator(ICON).get_attribute("href")
    page.evaluate("stage.down = true")
    look(page, 10)
    expect(page.locator("#sentence")).to_have_text(re.compile("^The stage does not answer since 12:00"))
    expect(page.locator("#advice")).to_contain_text("The numbers below are from 12:00")
    expect(page.locator("#health")).to_have_attribute("data-level", "bad")
    expect(page.locator("#board")).to_have_attribute("data-old", "true")
    expect(page).to_have_title(re.compile("does not answer since 12:00.*prod"))
    expect(page.locator("#announcement")).to_contain_text("does not answer")
    assert page.locator(ICON).get_attribute("href") != icon
    look(page, 3600)
    page.evaluate("stage.down = false")
    look(page)
    expect(page.locator("#sentence")).to_contain_text("All is well")
    expect(page.locator("#announcement")).to_contain_text("All is well")
    expect(page.locator("#board")).to_have_attribute("data-old", "false")
    expect(page).to_have_title(re.compile("^All is well"))
    expect(page.locator("#pulse-text")).to_have_text("Live")
    assert page.locator(ICON).get_attribute("href") == icon


def test_a_stage_that_takes_questions_and_never_answers_does_not_answer(fake: OpenFake) -> None:
    page = fake()
    look(page)
    page.evaluate("stage.hangs = true")
    look(page, 20)
    expect(page.locator("#sentence")).to_contain_text("does not answer since")
    page.evaluate("stage.hangs = false; stage.release()")
    look(page)
    expect(page.locator("#sentence")).to_contain_text("All is well")


def test_a_stage_that_answers_with_errors_is_not_said_to_be_well(fake: OpenFake) -> None:
    page = fake()
    page.evaluate("stage.refuses = 'An internal error.'")
    look(page)
    expect(page.locator("#sentence")).to_contain_text("cannot report its health")
    expect(page.locator("#advice")).to_contain_text("An internal error.")


def test_parts_that_could_not_be_asked_are_not_shown_as_none(fake: OpenFake) -> None:
    parts = ("queue", "dead_letters", "quarantined", "minutes", "ledger", "alarms")
    page = fake(f"stage.status = {json.dumps(dict.fromkeys(parts))};")
    look(page, 4)
    expect(page.locator("#sentence")).to_contain_text("only partly known")
    expect(page.locator("#health")).to_have_attribute("data-level", "warn")
    for tile in ("queue", "dead", "rejected", "accepted"):
        expect(page.locator(f"#tile-{tile} .value")).to_contain_text("\u2013")
    expect(page.locator("#quarantine-list")).to_contain_text("could not be counted")
    expect(page.locator("#ledger-body")).to_contain_text("could not be computed")


def test_commands_name_the_stage(fake: OpenFake) -> None:
    page = fake("stage.status = {dead_letters: {count: 2, max_deliveries: 5}};")
    look(page, 4)
    expect(page.locator("#quarantine-list code")).to_have_text("millrace dlq list --stage prod")
    expect(page.locator("#advice")).to_contain_text("millrace dlq list --stage prod")


def test_a_screen_reader_hears_of_states_and_not_of_numbers(fake: OpenFake) -> None:
    page = fake("stage.step = 60;")
    look_steadily(page)
    page.evaluate("""() => {
      window.heard = 0;
      const count = () => { window.heard += 1; };
      for (const live of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
        new MutationObserver(count).observe(live, {childList: true, characterData: true, subtree: true});
      }
    }""")
    before = page.locator("#advice").inner_text()
    for _ in range(3):
        look_steadily(page)
    assert page.locator("#advice").inner_text() != before
    assert page.evaluate("heard") == 0
    page.evaluate("stage.down = true")
    look_steadily(page)
    eventually(lambda: page.evaluate("heard === 1"), "the page to have its answers")


def test_the_focus_stays_in_the_list_when_its_row_leaves_it(fake: OpenFake) -> None:
    page = fake()
    page.locator("#events tr").nth(30).locator("button").focus()
    page.evaluate("stage.step = 60")
    look(page)
    assert page.evaluate("document.activeElement.closest('tbody')?.id") == "events"


def test_the_neighbours_of_an_open_event_can_be_reached_though_it_has_left_the_list(fake: OpenFake) -> None:
    page = fake()
    page.locator("#events tr").nth(10).locator("button").click()
    page.evaluate("stage.step = 60")
    look(page)
    assert 990 not in numbers(page)
    body = page.locator("#details-body")
    expect(body).to_contain_text("id-990")
    page.keyboard.press("ArrowDown")
    expect(body).to_contain_text("id-989")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(body).to_contain_text("id-991")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('tbody')?.id") == "events"


def test_a_newer_version_is_offered_to_a_reader_and_loaded_where_nobody_is(fake: OpenFake) -> None:
    page = fake()
    page.evaluate("stage.newer = true; window.isOld = true")
    for _ in range(12):
        page.keyboard.press("Shift")
        look(page, 30)
    expect(page.locator("#newer")).to_be_visible()
    assert page.evaluate("isOld")
    with page.expect_navigation():
        for _ in range(5):
            page.clock.fast_forward(100 * 1000)
    expect(page.locator("#sentence")).to_contain_text("All is well")


def test_a_page_that_comes_with_files_of_another_version_is_loaded_again(opened: Opened) -> None:
    missing = {"elements.js": 1, "uplot.js": 1, "page.css": 1}  # each in another load

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        first = next((each for each, times in missing.items() if times), "")
        if name == first:
            missing[name] = 0
            route.fulfill(status=404, body="")
        else:
            route.continue_()

    def before(page: Page) -> None:
        page.clock.install()
        page.route(re.compile("/assets/"), answer)

    page = opened(before)
    for _ in range(40):
        page.clock.run_for(1000)
        if not any(missing.values()):
            break
    page.clock.run_for(6000)
    expect(page.locator("#sentence")).to_contain_text("All is well")
    assert not any(missing.values())


BLOCKED = """Object.defineProperty(window, "sessionStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); },
});"""


def test_a_browser_that_stores_nothing_shows_the_page(fake: OpenFake) -> None:
    page = fake(BLOCKED)
    look(page, 4)
    expect(page.locator("#sentence")).to_contain_text("All is well")
