"""Settings: read from the environment's names, with every mistake told at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.core.lifetimes import Lifetimes
from chalicelib.settings import Settings, Trigger

LEAST = {
    "QUEUE_URL": "https://queue/1/chunks",
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "TOPIC_ARN": "arn:topic",
}
ROOT = Path(__file__).parents[2]
#: The text of all modules; in that of the settings, `self` is the settings.
PRODUCT = (ROOT / "app.py").read_text() + "".join(
    each.read_text().replace("self.", "settings." if each.name == "settings.py" else "self.")
    for folder in ("chalicelib", "millrace")
    for each in (ROOT / folder).rglob("*.py")
)


def test_a_stage_needs_no_more_than_its_resources() -> None:
    settings = Settings.from_environ(LEAST)
    assert (settings.queue_url, settings.table_name, settings.bucket_name) == (
        "https://queue/1/chunks",
        "table",
        "bucket",
    )
    assert settings.topic_arn == "arn:topic"


def test_cursors_of_two_stages_differ_and_a_secret_can_be_set() -> None:
    ours = Settings.from_environ(LEAST).cursor_secret
    assert ours == Settings.from_environ(LEAST).cursor_secret
    assert ours != Settings.from_environ(LEAST | {"TABLE_NAME": "other"}).cursor_secret
    assert Settings.from_environ(LEAST | {"CURSOR_SECRET": "made up"}).cursor_secret == "made up"  # noqa: S105


def test_defaults_in_the_environment_are_those_of_the_code() -> None:
    assert Settings.from_environ(LEAST) == Settings(
        LEAST["QUEUE_URL"],
        LEAST["TABLE_NAME"],
        LEAST["BUCKET_NAME"],
        LEAST["TOPIC_ARN"],
        cursor_secret="\n".join(LEAST.values()),
    )


@pytest.mark.parametrize("name", Settings.__slots__)
def test_a_setting_is_read_somewhere(name: str) -> None:
    assert re.search(rf"settings\.{name}\b", PRODUCT), f"no code reads settings.{name}"


def test_a_stage_may_keep_the_rejected_events_of_all_posts() -> None:
    assert Settings.from_environ(LEAST | {"REJECTED_POSTS_A_MINUTE": "0"}).rejected_posts_a_minute == 0


def test_every_missing_name_is_in_one_message() -> None:
    with pytest.raises(ValueError, match=r"QUEUE_URL, TABLE_NAME, BUCKET_NAME, TOPIC_ARN$"):
        Settings.from_environ({})


@pytest.mark.parametrize("name", LEAST)
def test_an_empty_value_is_missing(name: str) -> None:
    with pytest.raises(ValueError, match=f": {name}$"):
        Settings.from_environ(LEAST | {name: ""})


@pytest.mark.parametrize(
    ("value", "is_open"),
    [("true", True), ("True", True), ("", False), ("false", False), ("1", False), ("yes", False), ("truee", False)],
)
def test_a_stage_is_open_only_where_it_says_so(value: str, is_open: bool) -> None:
    assert Settings.from_environ(LEAST | {"OPEN_STAGE": value}).is_open == is_open


def test_a_stage_that_says_nothing_is_closed() -> None:
    assert not Settings.from_environ(LEAST).is_open


def test_a_stage_chooses_two_lifetimes_in_days() -> None:
    current = Lifetimes(events=timedelta(days=90), max_chunk_age=timedelta(days=25))
    both = Settings.from_environ(LEAST | {"RETENTION_DAYS": "70", "MAX_CHUNK_AGE_DAYS": "20"})
    assert both.wanted_lifetimes(current) == Lifetimes(events=timedelta(days=70), max_chunk_age=timedelta(days=20))
    assert Settings.from_environ(LEAST).wanted_lifetimes(current) == current


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"RETENTION_DAYS": "57", "MAX_CHUNK_AGE_DAYS": "50"},
            (
                "RETENTION_DAYS must exceed 57 days: "
                "the items that recognise an event must outlive the last attempt to send it."
            ),
        ),
        (
            {"RETENTION_DAYS": "37", "MAX_CHUNK_AGE_DAYS": "20"},
            "RETENTION_DAYS must exceed 37 days: hour summaries contain user ids and must expire before the events do.",
        ),
        (
            {"MAX_CHUNK_AGE_DAYS": "14"},
            "MAX_CHUNK_AGE_DAYS must exceed 14 days: the messages in a queue must be young enough to be processed.",
        ),
    ],
)
def test_lifetimes_that_break_a_rule_are_refused_in_one_sentence(chosen: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Settings.from_environ(LEAST | chosen)


@pytest.mark.parametrize("name", ["RETENTION_DAYS", "MAX_CHUNK_AGE_DAYS"])
def test_a_value_that_is_no_number_is_told_by_its_name(name: str) -> None:
    for value in ("many", "1.5", "-5", "\u0663"):
        with pytest.raises(ValueError, match=name):
            Settings.from_environ(LEAST | {name: value})


@pytest.mark.parametrize("name", ["BATCH_SIZE", "BATCH_WINDOW_SECONDS"])
def test_a_trigger_that_is_no_number_is_told_by_its_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Trigger.from_environ({name: "ten"})


@pytest.mark.parametrize(("name", "most"), [("BATCH_SIZE", 10_000), ("BATCH_WINDOW_SECONDS", 300)])
def test_a_trigger_takes_no_more_than_lambda_does(name: str, most: int) -> None:
    Trigger.from_environ({name: str(most)})
    with pytest.raises(ValueError, match=name):
        Trigger.from_environ({name: str(most + 1)})


def test_an_empty_number_means_the_default() -> None:
    assert Settings.from_environ(LEAST | {"RETENTION_DAYS": ""}) == Settings.from_environ(LEAST)


def test_reported_properties_are_a_list_with_commas() -> None:
    assert Settings.from_environ(LEAST | {"REPORT_PROPERTIES": "plan, page"}).report_properties == ("plan", "page")
    assert Settings.from_environ(LEAST | {"REPORT_PROPERTIES": ""}).report_properties == ()


def test_the_trigger_takes_the_queues_name_from_its_address() -> None:
    trigger = Trigger.from_environ(LEAST | {"BATCH_SIZE": "1000", "BATCH_WINDOW_SECONDS": "5"})
    assert (trigger.queue_name, trigger.batch_size, trigger.window_seconds) == ("chunks", 1000, 5)
    assert Trigger.from_environ({}) == Trigger("millrace-chunks", 100, 5, 20)


@pytest.mark.parametrize("value", ["0", "1", "1001"])
def test_a_number_that_aws_refuses_is_refused_here(value: str) -> None:
    with pytest.raises(ValueError, match="MAX_WORKERS must be from 2 to 1000"):
        Trigger.from_environ({"MAX_WORKERS": value})
    with pytest.raises(ValueError, match="MAX_DELIVERIES must be from 2 to 1000"):
        Settings.from_environ(LEAST | {"MAX_DELIVERIES": value})


def test_a_batch_of_more_than_10_messages_needs_a_window() -> None:
    with pytest.raises(ValueError, match="BATCH_WINDOW_SECONDS"):
        Trigger.from_environ({"BATCH_SIZE": "11", "BATCH_WINDOW_SECONDS": "0"})
