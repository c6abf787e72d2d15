"""docs/first-deployment.md shows what commands print, what the console should show, and what a month costs."""

from __future__ import annotations

import re

import pytest

from chalicelib.settings import Throttle, Trigger
from millrace.deploy import doctor
from millrace.local.emulator import PROJECT
from millrace.pricing import bill
from millrace.pricing.bill import Assumptions

PAGE = (PROJECT / "docs" / "first-deployment.md").read_text()
SHOWN = "\n".join(re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
SOURCES = "".join(each.read_text() for each in (PROJECT / "millrace").rglob("*.py"))
ALARMS = (PROJECT / "stack.yaml").read_text().count("Type: AWS::CloudWatch::Alarm")


def test_the_doctor_s_checks_are_those_that_the_page_shows() -> None:
    assert re.findall(r"^ok    (.*)$", SHOWN, re.MULTILINE) == [check.__doc__ for check in doctor.CHECKS]


@pytest.mark.parametrize(
    "said",
    [
        "Deploying the functions ...",
        "Making the settings that Chalice lacks ...",
        "Setting the alarms ...",
        "An event was posted, processed and found again.",
        "Without a key the stage says 401.",
        "It is shown only once:",
        "Deleting the functions ...",
    ],
)
def test_what_commands_say_is_what_the_page_shows(said: str) -> None:
    assert said in SHOWN
    assert said in SOURCES


def test_the_ledger_has_the_lines_that_the_page_shows() -> None:
    for amount in ("accepted", "stored", "duplicates", "in_flight", "dead", "quarantined", "missing", "rejected"):
        [meaning] = re.findall(rf"^{amount} +\d+ +(.*)$", SHOWN, re.MULTILINE)
        assert meaning in SOURCES


def test_the_console_shows_what_the_stage_is_set_to() -> None:
    trigger, throttle = Trigger(), Throttle()
    assert f"{ALARMS} alarms of" in PAGE
    assert f"batch size {trigger.batch_size}, window {trigger.window_seconds}" in PAGE
    assert f"maximum concurrency {trigger.workers}" in PAGE
    assert f"throttling {throttle.requests_a_second} and {throttle.burst:,}" in PAGE


def test_what_does_not_grow_with_events_costs_what_the_page_says() -> None:
    rows = re.findall(r"^\| [\d,.]+ .* per POST \| .* \| (\d+) \| ([\d.]+) \| .* \|$", PAGE, re.MULTILINE)
    idle, project = bill.idle(Assumptions(), ALARMS)["in all"], bill.active_project(Assumptions())["in all"]
    assert set(rows) == {(f"{idle:.0f}", f"{project:.2f}")}
    assert len(rows) == 6


def test_the_page_of_costs_says_the_same() -> None:
    page = (PROJECT / "docs" / "cost.md").read_text()
    idle, project = bill.idle(Assumptions(), ALARMS)["in all"], bill.active_project(Assumptions())["in all"]
    assert f"| a stage that nobody uses | {idle:.2f} |" in page
    assert f"| each project that always has new events | {project:.2f} |" in page


def test_the_runbook_prices_an_idle_stage_by_the_same_lines() -> None:
    prices = (PROJECT / "docs" / "operating.md").read_text().partition("## What it costs")[2].partition("\n## ")[0]
    shown = [f"{float(price):.2f}" for price in re.findall(r"\$([\d.]+) \|$", prices, re.MULTILINE)]
    idle = bill.idle(Assumptions(), ALARMS)
    lines = "alarms", "dashboard", "metrics", "Lambda", "DynamoDB reads", "SQS", "GetMetricData"
    assert shown == [f"{idle[line]:.2f}" for line in lines]
    assert f"{bill.IDLE_RUN['read_units']} read units each" in prices


def test_the_page_of_scaling_starts_from_the_settings_of_a_new_stage() -> None:
    page = (PROJECT / "docs" / "scaling.md").read_text()
    assert f"Millrace sets {Throttle().requests_a_second} requests per second (`API_REQUESTS_A_SECOND`)" in page
    assert f"Millrace sets {Trigger().workers} functions (`MAX_WORKERS`)" in page
