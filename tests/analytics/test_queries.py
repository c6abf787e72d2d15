"""The queries for Athena, run by DuckDB on objects that the processor wrote."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cfnlint.decode import cfn_yaml

from builders import NOW, World, make_chunk, make_event
from chalicelib.adapters import archive_format
from chalicelib.core.chunk import STORED_FIELDS
from chalicelib.core.event import Event

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "analytics"
TABLE = cfn_yaml.load(str(ROOT / "stack.yaml"))["Resources"]["ArchiveEvents"]["Properties"]["TableInput"]
# What is an object in a line is its JSON in a string.
COLUMNS = {column["Name"]: column["Type"] for column in TABLE["StorageDescriptor"]["Columns"]}
# Athena's names for what DuckDB calls otherwise.
DIALECT = "CREATE MACRO json_extract_scalar(document, path) AS json_extract_string(document, path)"

VISITS = {  # user to (day of May 2015, type, page)
    "ann": [(4, "page_view", "/"), (5, "signup", None), (6, "purchase", None), (13, "page_view", "/")],
    "bob": [(5, "signup", None), (6, "page_view", "/"), (6, "page_view", "/a'b\"")],
    "eve": [(12, "purchase", None), (13, "page_view", "/"), (14, "signup", None)],
}


def make_visit(user: str, number: int, day: int, event_type: str, page: str | None) -> Event:
    properties: dict[str, Any] = {} if page is None else {"page": page}
    at = f"2015-05-{day:02}T10:{number:02}:00Z"
    return make_event(f"{user}{number}", user=user, at=at, event_type=event_type, **properties)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The visits as archived, one of the objects twice, as a dead attempt leaves it, and another project's."""
    world = World()
    for user, visits in VISITS.items():
        for number, visit in enumerate(visits):
            world.take(make_chunk(make_visit(user, number, *visit), received=NOW + timedelta(days=2)))
    world.take(make_chunk(make_visit("ann", 0, 4, "page_view", "/"), project="other"))
    folder = tmp_path_factory.mktemp("archive")
    names = list(world.archive.objects)
    for name, events in world.archive.objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(archive_format.pack(events))
    (folder / names[0]).with_name("orphan.jsonl.gz").write_bytes(archive_format.pack(world.archive.objects[names[0]]))
    connection = duckdb.connect()
    connection.execute(DIALECT)
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS)
    connection.execute(
        f"CREATE VIEW archive AS SELECT * FROM read_json('{folder}/events/*/*/*.jsonl.gz', "  # noqa: S608
        f"format='newline_delimited', hive_partitioning=true, hive_types_autocast=false, columns={{{columns}}})"
    )
    connection.execute((QUERIES / "events.sql").read_text())
    return connection


def ask(archive: duckdb.DuckDBPyConnection, name: str, *parameters: str) -> list[tuple[Any, ...]]:
    return archive.execute((QUERIES / name).read_text(), parameters).fetchall()


def test_the_view_holds_every_event_once_though_the_archive_holds_a_copy(archive: duckdb.DuckDBPyConnection) -> None:
    lines = archive.execute("SELECT count(*) FROM archive").fetchall()
    assert lines == [(sum(map(len, VISITS.values())) + 2,)]
    rows = archive.execute("SELECT user_key, event_id FROM events WHERE project = 'acme'").fetchall()
    expected = {(user, f"{user}{number}"): 1 for user, visits in VISITS.items() for number in range(len(visits))}
    assert Counter(rows) == expected


def test_the_table_is_the_one_that_the_view_reads_and_its_columns_are_what_a_line_holds(
    archive: duckdb.DuckDBPyConnection,
) -> None:
    assert TABLE["Name"] == "archive"
    line = archive.execute("SELECT * EXCLUDE (anonymous_id, date, hour) FROM archive LIMIT 1").fetchone()
    assert line is not None
    assert None not in line


def test_every_stored_field_is_a_column() -> None:
    assert list(COLUMNS.items()) == [(row.name, "string") for row in STORED_FIELDS]


def test_daily_actives_count_each_user_once_a_day(archive: duckdb.DuckDBPyConnection) -> None:
    rows = ask(archive, "daily_actives.sql", "acme", "2015-05-05", "2015-05-12")
    assert rows == [("2015-05-05", 2, 2), ("2015-05-06", 2, 3), ("2015-05-12", 1, 1)]


def test_top_pages_are_ranked_by_views(archive: duckdb.DuckDBPyConnection) -> None:
    assert ask(archive, "top_pages.sql", "acme", "2015-05-01", "2015-05-31") == [("/", 4, 3), ("/a'b\"", 1, 1)]


def test_a_funnel_counts_users_who_took_the_steps_in_order(archive: duckdb.DuckDBPyConnection) -> None:
    rows = ask(archive, "funnel.sql", "acme", "page_view", "signup", "purchase")
    assert rows == [(1, "page_view", 3), (2, "signup", 2), (3, "purchase", 1)]


def test_retention_follows_each_weeks_newcomers(archive: duckdb.DuckDBPyConnection) -> None:
    rows = [(str(first)[:10], later, users) for first, later, users in ask(archive, "retention.sql", "acme")]
    assert rows == [("2015-05-04", 0, 2), ("2015-05-04", 1, 1), ("2015-05-11", 0, 1)]


def test_another_project_is_another_answer(archive: duckdb.DuckDBPyConnection) -> None:
    assert ask(archive, "daily_actives.sql", "other", "2015-05-01", "2015-05-31") == [("2015-05-04", 1, 1)]
