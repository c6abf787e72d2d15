"""Exports: what a file holds is what the events were, and nothing that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.io import export


def make_row(**fields: Any) -> dict[str, Any]:
    return {
        "key": "k",
        "event_id": "e1",
        "event_type": "view",
        "user_id": "u1",
        "timestamp": "2015-05-17T10:05:00Z",
        "properties": {"page": "/ä,\n\"'"},
        "context": {},
    } | fields


def written(format_name: str, *rows: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    assert sum(export.WRITERS[format_name](iter(rows), file)) == len(rows)
    return file.getvalue()


def test_json_lines_hold_the_events_as_they_are() -> None:
    rows = [make_row(), make_row(user_id="zoë")]
    assert [json.loads(line) for line in written("json", *rows).splitlines()] == rows


def test_csv_is_read_back_cell_by_cell() -> None:
    (row,) = csv.DictReader(io.StringIO(written("csv", make_row()).decode(), newline=""))
    assert row["user_id"] == "u1"
    assert json.loads(row["properties"]) == {"page": "/ä,\n\"'"}
    assert row["source_ip"] == ""


@pytest.mark.parametrize(
    ("value", "cell"), [({}, "{}"), (0, "0"), (False, "false"), ([], "[]"), ("", ""), (None, "null")]
)
def test_a_value_that_is_empty_is_no_missing_value(value: Any, cell: str) -> None:
    (row,) = csv.DictReader(io.StringIO(written("csv", make_row(context=value)).decode(), newline=""))
    assert row["context"] == cell


# Plain, full-width and small signs, and white space before them.
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b"
HOSTILE_STARTS = [*SIGNS, "\t", "\r", "\n", *(space + sign for space in " \n\x0b\u3000" for sign in SIGNS[:5:4])]


@pytest.mark.parametrize("start", HOSTILE_STARTS)
def test_a_cell_that_a_spreadsheet_would_execute_is_prefixed(start: str) -> None:
    hostile = start + "cmd|' /C calc'!A0"
    (row,) = csv.DictReader(io.StringIO(written("csv", make_row(user_id=hostile)).decode(), newline=""))
    assert row["user_id"] == "'" + hostile


@given(st.text())
def test_no_cell_ever_starts_like_a_formula(cell: str) -> None:
    safe = export.safe_cell(cell)
    assert safe.removeprefix("'") == cell.removeprefix("'")
    assert not unicodedata.normalize("NFKC", safe.lstrip()).startswith(("=", "+", "-", "@"))
    assert not safe.startswith(("\t", "\r", "\n"))


def test_parquet_holds_every_column_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    file.write_bytes(written("parquet", make_row(user_id="=1+1"), make_row(user_id="zoë")))
    rows = duckdb.execute(f"SELECT user_id, properties->>'page' FROM '{file}' ORDER BY 1").fetchall()  # noqa: S608
    assert rows == [("=1+1", "/ä,\n\"'"), ("zoë", "/ä,\n\"'")]


def test_parquet_has_times_as_times_objects_as_json_and_nulls(tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    late = make_row(timestamp="2015-05-17T10:05:00.123456Z", user_id=None, anonymous_id="a1")
    file.write_bytes(written("parquet", late, make_row(properties={"n": 12345678901234567890123, "x": 1.0})))
    columns = dict(duckdb.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{file}')").fetchall())  # noqa: S608
    assert list(columns) == list(export.COLUMNS)
    assert (columns["timestamp"], columns["received_at"]) == ("TIMESTAMP WITH TIME ZONE",) * 2
    assert (columns["properties"], columns["user_id"]) == ("JSON", "VARCHAR")
    question = "SELECT epoch_us(timestamp), user_id, anonymous_id, received_at, properties::VARCHAR"
    rows = duckdb.execute(f"{question} FROM '{file}' ORDER BY 1 DESC").fetchall()
    assert rows[0][:4] == (1431857100123456, None, "a1", None)
    assert rows[1][4] == '{"n":12345678901234567890123,"x":1.0}'


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_csv_holds_nothing_that_steers_it_and_in_a_file_what_was_sent() -> None:
    row, terminal = make_row(user_id="\x1b[2Jann\u202e"), Terminal()
    assert sum(export.write_csv(iter([row]), terminal)) == 1
    assert "\x1b" not in terminal.getvalue().decode()
    assert "\u202e" not in terminal.getvalue().decode()
    assert "\x1b[2Jann\u202e" in written("csv", row).decode()


@pytest.mark.parametrize("format_name", export.WRITERS)
def test_no_events_make_an_empty_file_that_can_be_read(format_name: str, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(written(format_name))
    if format_name == "parquet":
        assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{file}')").fetchall() == [(0,)]  # noqa: S608
    else:
        assert file.read_text().splitlines() == ([",".join(export.COLUMNS)] if format_name == "csv" else [])
