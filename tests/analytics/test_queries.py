"""The queries for Athena, translated from Trino's SQL and run by DuckDB on objects that the processor wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cfnlint.decode import cfn_yaml

from builders import NOW, World, make_chunk, make_event
from chalicelib.adapters.archive import pack
from chalicelib.core import timestamps
from chalicelib.core.event import FIELDS, Event
from trino_sql import FUNCTIONS, MACROS, functions_in, in_duckdb

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "analytics"
TABLE = cfn_yaml.load(str(ROOT / "stack.yaml"))["Resources"]["ArchiveEvents"]["Properties"]["TableInput"]
# What is an object in a line is its JSON in a string.
COLUMNS = {column["Name"]: column["Type"] for column in TABLE["StorageDescriptor"]["Columns"]}
VISITS = {  # user to (day of May 2015, type, page)
    "ann": [(4, "page_view", "/"), (5, "signup", None), (6, "purchase", None), (13, "page_view", "/")],
    "bob": [(5, "signup", None), (6, "page_view", "/"), (6, "page_view", "/a'b\"")],
    "eve": [(12, "purchase", None), (13, "page_view", "/"), (14, "signup", None)],
}


def make_visit(user: str, number: int, day: int, event_type: str, page: str | None) -> Event:
    properties: dict[str, Any] = {} if page is None else {"page": page}
    at = f"2015-05-{day:02}T10:{number:02}:00Z"
    return make_event(f"{user}{number}", user=user, at=at, event_type=event_type, **properties)


def archive_of(folder: Path, world: World) -> duckdb.DuckDBPyConnection:
    """The archive of a world, one of its objects twice, as a dead attempt leaves it."""
    names = list(world.archive.objects)
    for name, events in world.archive.objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pack(events))
    (folder / names[0]).with_name("orphan.jsonl.gz").write_bytes(pack(world.archive.objects[names[0]]))
    connection = duckdb.connect()
    connection.execute(MACROS)
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS)
    connection.execute(
        f"CREATE VIEW archive AS SELECT * FROM read_json('{folder}/events/*/*/*.jsonl.gz', "  # noqa: S608
        f"format='newline_delimited', hive_partitioning=true, hive_types_autocast=false, columns={{{columns}}})"
    )
    connection.execute(in_duckdb((QUERIES / "events.sql").read_text()))
    return connection


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The visits as archived, and another project's."""
    world = World()
    for user, visits in VISITS.items():
        for number, visit in enumerate(visits):
            world.take(make_chunk(make_visit(user, number, *visit), received=NOW + timedelta(days=2)))
    world.take(make_chunk(make_visit("ann", 0, 4, "page_view", "/"), project="other"))
    return archive_of(tmp_path_factory.mktemp("archive"), world)


def ask(archive: duckdb.DuckDBPyConnection, name: str, *parameters: str) -> list[tuple[Any, ...]]:
    return archive.execute(in_duckdb((QUERIES / name).read_text()), parameters).fetchall()


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
    absent = [row.name for row in FIELDS if row.is_optional and row.name != "user_id"]
    line = archive.execute(f"SELECT * EXCLUDE ({', '.join(absent)}, date, hour) FROM archive LIMIT 1").fetchone()  # noqa: S608 - our own names
    assert line is not None
    assert None not in line


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


@pytest.mark.parametrize("query", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.name)
def test_a_query_uses_functions_of_trino_alone(query: Path) -> None:
    assert functions_in(query.read_text()) <= FUNCTIONS


# Each is one page view, with what its dialect says of the page.
PAGE_VIEWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("page_view", {"page": "/home"}, {}),
    ("page_view", {"page": "", "path": "/home"}, {}),
    ("page_view", {"page": {"name": "Home"}, "path": "/home"}, {}),
    ("page_view", {"url": "https://shop.example/home?a=1#top"}, {}),
    ("page", {"path": "/home", "url": "https://shop.example/home", "name": "Home"}, {}),
    ("page", {"name": "Home"}, {"page": {"path": "/home", "url": "https://shop.example/home"}}),
    ("page", {}, {"page": {"url": "https://shop.example/home"}}),
    ("$pageview", {"$pathname": "/home", "$current_url": "https://shop.example/home"}, {}),
    ("$pageview", {"$current_url": "https://shop.example:8000/home?x=/y"}, {}),
]
NO_PAGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("page_view", {}, {}),
    ("page_view", {"page": "", "path": None}, {}),
    ("page_view", {"page": ["/home"], "url": "home"}, {}),
    ("click", {"page": "/home"}, {}),
    ("$pageleave", {"$pathname": "/home"}, {}),
]


def test_top_pages_count_the_page_views_of_every_dialect_and_no_view_without_a_page(tmp_path: Path) -> None:
    world = World()
    events = [
        replace(make_event(f"e{number}", user=f"u{number}", event_type=event_type, **properties), context=context)
        for number, (event_type, properties, context) in enumerate(PAGE_VIEWS + NO_PAGES)
    ]
    world.take(make_chunk(*events))
    views = len(PAGE_VIEWS)
    rows = ask(archive_of(tmp_path, world), "top_pages.sql", "acme", "2015-05-17", "2015-05-17")
    assert rows == [("/home", views, views)]


RECEIVED = datetime(2016, 6, 1, 11, tzinfo=UTC)
# In this order; as texts, each second time would come before the one above it.
MIXED_PRECISION = [
    ("2016-05-31T23:59:59.999999Z", "2016-06-01T00:00:00Z"),
    ("2016-06-01T10:00:00Z", "2016-06-01T10:00:00.250Z"),
    ("2016-06-01T10:00:00.250Z", "2016-06-01T10:00:00.250001Z"),
    ("2016-06-01T10:00:00Z", "2016-06-01T10:00:00.000001Z"),
]


@pytest.fixture(scope="module")
def precise(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Users who did `fa` before `fb`, and as many who went backwards."""
    world = World()
    for number, (earlier, later) in enumerate(MIXED_PRECISION):
        for direction, (first, second) in {"on": ("fa", "fb"), "back": ("fb", "fa")}.items():
            user = f"{direction}{number}"
            world.take(make_chunk(make_event(user, user=user, at=earlier, event_type=first), received=RECEIVED))
            world.take(make_chunk(make_event(user, user=user, at=later, event_type=second), received=RECEIVED))
    return archive_of(tmp_path_factory.mktemp("precise"), world)


def test_moments_sort_as_times_do(precise: duckdb.DuckDBPyConnection) -> None:
    rows = precise.execute('SELECT "timestamp" FROM events ORDER BY moment').fetchall()
    assert [timestamps.parse(time) for (time,) in rows] == sorted(timestamps.parse(time) for (time,) in rows)


def test_a_funnel_compares_times_of_any_precision(precise: duckdb.DuckDBPyConnection) -> None:
    pairs = len(MIXED_PRECISION)
    assert ask(precise, "funnel.sql", "acme", "fa", "fb", "fb") == [
        (1, "fa", 2 * pairs),
        (2, "fb", pairs),
        (3, "fb", 0),
    ]


def test_days_and_weeks_take_times_of_any_precision(precise: duckdb.DuckDBPyConnection) -> None:
    assert ask(precise, "daily_actives.sql", "acme", "2016-05-31", "2016-06-01") == [
        ("2016-05-31", 2, 2),
        ("2016-06-01", 8, 14),
    ]
    [(week, later, users)] = ask(precise, "retention.sql", "acme")
    assert (str(week)[:10], later, users) == ("2016-05-30", 0, 8)
