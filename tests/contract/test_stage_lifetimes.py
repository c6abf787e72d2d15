"""The lifetimes of a stage: with its data, with their history, the same for functions and commands."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from builders import make_chunk
from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.limits import REMEMBERED_SECONDS
from chalicelib.errors import UnknownFormat
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline
from millrace.command_error import CommandError
from millrace.ops import upgrade
from stage import Stage

DAY = timedelta(days=1)
DEFAULT = Lifetimes()
SHORTER = {"RETENTION_DAYS": "60", "MAX_CHUNK_AGE_DAYS": "20"}


@pytest.fixture
def prepared(stage: Stage, aws: None) -> Callable[..., tuple[Pipeline, list[str]]]:  # noqa: ARG001
    """Prepare the stage as a deployment with these settings does.

    Answers the stage as any command sees it then, and what was said.
    """

    def prepare(**settings: str) -> tuple[Pipeline, list[str]]:
        said: list[str] = []
        upgrade.prepare(stage.environment() | settings, said.append)
        return Pipeline(Settings.from_environ(stage.environment())), said

    return prepare


def test_a_new_stage_has_what_its_settings_ask_for(prepared: Callable[..., tuple[Pipeline, list[str]]]) -> None:
    pipeline, said = prepared(**SHORTER)
    [(_, lifetimes)] = pipeline.lifetimes.entries
    assert (lifetimes.events, lifetimes.max_chunk_age, said) == (60 * DAY, 20 * DAY, [])


def test_a_setting_that_is_left_open_changes_nothing(prepared: Callable[..., tuple[Pipeline, list[str]]]) -> None:
    prepared(**SHORTER)
    pipeline, said = prepared()
    assert (len(pipeline.lifetimes.entries), said) == (1, [])
    pipeline, _ = prepared(MAX_CHUNK_AGE_DAYS="25")
    assert (pipeline.lifetimes.current.events, pipeline.lifetimes.current.max_chunk_age) == (60 * DAY, 25 * DAY)


def test_a_change_is_kept_with_its_history_and_says_from_when_it_holds(
    prepared: Callable[..., tuple[Pipeline, list[str]]],
) -> None:
    prepared()
    pipeline, said = prepared(**SHORTER)
    assert [each for _, each in pipeline.lifetimes.entries] == [
        DEFAULT,
        Settings("", "", "", "", retention_days=60, max_chunk_age_days=20).wanted_lifetimes(DEFAULT),
    ]
    assert [re.findall(r"\d+ days", each) for each in said] == [["60 days", "400 days"], ["20 days"]]
    _, said = prepared(RETENTION_DAYS="400", MAX_CHUNK_AGE_DAYS="30")
    assert [re.findall(r"\d+ days", each) for each in said] == [["400 days", "60 days"], ["30 days", "20 days"]]
    holds = datetime.fromisoformat(re.findall(r"after (\S+Z)", said[1])[0])
    assert abs(holds - datetime.now(UTC) - 8 * DAY) < timedelta(hours=1)


@pytest.mark.parametrize(
    "settings", [{"RETENTION_DAYS": "30"}, {"MAX_CHUNK_AGE_DAYS": "14"}, {"MAX_CHUNK_AGE_DAYS": "55"}]
)
def test_a_change_that_breaks_a_rule_is_refused_and_changes_nothing(
    prepared: Callable[..., tuple[Pipeline, list[str]]], settings: dict[str, str]
) -> None:
    """55 days break no rule of a stage with the product's own 400 days, and one of a stage with 60."""
    prepared(**SHORTER)
    with pytest.raises(CommandError, match="_DAYS must exceed"):
        prepared(**settings)
    pipeline, _ = prepared()
    assert pipeline.lifetimes.current.events == 60 * DAY


def test_of_two_changes_at_once_the_second_is_refused(stage: Stage) -> None:
    formats = DataFormats(Table(stage.clients.dynamodb, stage.settings.table_name))
    formats.create()
    before = formats.lifetimes()
    now = datetime.now(UTC)
    after = [before.changed(Lifetimes(events=days * DAY), now) for days in (100, 200)]
    assert [formats.replace_lifetimes(before, each) for each in after] == [True, False]
    assert formats.lifetimes() == after[0]


def test_an_upgrade_of_the_format_keeps_the_lifetimes(stage: Stage) -> None:
    formats = DataFormats(Table(stage.clients.dynamodb, stage.settings.table_name))
    formats.create(Lifetimes(events=100 * DAY))
    recorded = formats.read()
    assert recorded is not None
    assert formats.replace(recorded, recorded)
    assert formats.lifetimes().current.events == 100 * DAY


def test_a_function_uses_what_the_data_says_whatever_its_environment_says_and_sees_a_change_in_time(
    stage: Stage,
) -> None:
    table = Table(stage.clients.dynamodb, stage.settings.table_name)
    DataFormats(table).create(Lifetimes(events=100 * DAY))
    seconds = itertools.count(0, REMEMBERED_SECONDS / 4)

    class Function(Pipeline):
        _table = table
        formats = DataFormats(table, clock=lambda: next(seconds))

    function = Function(Settings("", "", "", "", retention_days=800))
    before = function.lifetimes
    assert DataFormats(table).replace_lifetimes(before, before.changed(Lifetimes(events=50 * DAY), datetime.now(UTC)))
    assert [function.lifetimes.current.events for _ in range(4)] == [100 * DAY] * 3 + [50 * DAY]
    chunk = make_chunk(received=datetime.now(UTC))
    function.events.claim([(chunk, chunk.events[0])])
    item = table.get(table_keys.event_item("acme", chunk.events[0].ref))
    assert item is not None
    assert int(item["x"]["N"]) == int((chunk.minted + 50 * DAY).timestamp())


def test_a_stage_that_records_no_lifetimes_is_refused(stage: Stage) -> None:
    table = Table(stage.clients.dynamodb, stage.settings.table_name)
    formats = DataFormats(table)
    with pytest.raises(UnknownFormat):
        formats.lifetimes()
