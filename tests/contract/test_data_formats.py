"""The stage's data format: recorded once, changed only from what was read, and checked before anything else."""

from __future__ import annotations

import itertools

import pytest

from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.table import Table
from chalicelib.core.limits import REMEMBERED_SECONDS
from chalicelib.errors import UnknownFormat
from chalicelib.ports import CURRENT_FORMAT, DataFormat
from stage import Stage


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(stage.clients.dynamodb, stage.settings.table_name)


def test_a_new_stage_is_empty_and_records_no_format(table: Table) -> None:
    formats = DataFormats(table)
    assert (formats.is_empty(), formats.read()) == (True, None)
    with pytest.raises(UnknownFormat, match="millrace upgrade"):
        formats.check()


def test_the_format_is_recorded_once(table: Table) -> None:
    formats = DataFormats(table)
    assert [formats.create(), formats.create()] == [True, False]
    assert formats.check() == formats.read() == DataFormat(CURRENT_FORMAT, CURRENT_FORMAT)
    assert not formats.is_empty()


def test_the_format_is_replaced_only_from_what_was_read(table: Table) -> None:
    formats = DataFormats(table)
    formats.create()
    assert not formats.replace(DataFormat(CURRENT_FORMAT - 1, CURRENT_FORMAT - 1), DataFormat(9, 9))
    assert formats.replace(DataFormat(), DataFormat(CURRENT_FORMAT + 1, CURRENT_FORMAT))
    assert formats.read() == DataFormat(CURRENT_FORMAT + 1, CURRENT_FORMAT)


@pytest.mark.parametrize(
    ("recorded", "known", "is_refused"),
    [
        ((2, 2), {2}, False),
        ((2, 2), {1, 2, 3}, False),
        ((3, 3), {2}, True),
        ((3, 2), {2}, True),
        ((3, 2), {3}, True),  # an upgrade has not finished: data of format 2 may be left
        ((3, 2), {2, 3}, False),
        ((1, 1), {2}, True),
        ((4, 2), {2, 4}, True),
    ],
)
def test_a_format_is_known_if_all_data_from_the_oldest_to_the_newest_can_be_read(
    table: Table, recorded: tuple[int, int], known: set[int], *, is_refused: bool
) -> None:
    DataFormats(table).create()
    DataFormats(table).replace(DataFormat(), DataFormat(*recorded))
    formats = DataFormats(table, known=known)
    if is_refused:
        with pytest.raises(UnknownFormat, match=f"has format {recorded[0]}"):
            formats.check()
    else:
        assert formats.check() == DataFormat(*recorded)


def test_a_changed_format_is_noticed_in_time_and_read_no_more_often(table: Table) -> None:
    seconds = itertools.count(0, REMEMBERED_SECONDS / 4)
    formats = DataFormats(table, clock=lambda: next(seconds))
    DataFormats(table).create()
    formats.check()
    DataFormats(table).replace(DataFormat(), DataFormat(CURRENT_FORMAT + 1, CURRENT_FORMAT + 1))
    assert [formats.check() for _ in range(3)] == [DataFormat()] * 3
    with pytest.raises(UnknownFormat):
        formats.check()
