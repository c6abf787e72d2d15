"""Reports computed from the archive equal the live ones, and a difference is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import HISTORY, NOW, SETTINGS, World, make_chunk, make_event, make_message, world_of_rows
from chalicelib.core.timestamps import parse
from chalicelib.core.windows import Span, Window
from chalicelib.errors import ProcessingFailed
from millrace.ops import archive_scan, rebuild
from millrace.ops.rebuild import Archived, whole_windows

HOUR = Window("acme", "hour", "2015-05-17T10")


def difference(
    world: World,
    span: Span = Span(),  # noqa: B008 - immutable
    project: str | None = None,
    now: datetime = NOW,
) -> list[dict[str, Any]]:
    archived, days = Archived(), whole_windows(span)
    for _ in rebuild.read(
        archive_scan.objects_of(world.archive, days),
        span=days,
        project=project,
        archive=world.archive,
        commits=world.commits,
        is_forgotten=lambda minted: HISTORY.is_forgotten(minted, now),
        report_properties=SETTINGS.report_properties,
        archived=archived,
    ):
        pass
    return list(rebuild.differences(archived, world.reports, days, project))


@pytest.fixture
def world() -> World:
    """The rows and their reports, with an orphan of a crash and a late event of the same hour."""
    world = world_of_rows()
    chunk = make_chunk(make_event("late", page="/late"), make_event("late2", page="/late"))
    world.commits.outcomes = ["refused"] * 10
    with pytest.raises(ProcessingFailed):
        world.process(make_message(chunk))
    world.commits.outcomes = ()
    world.take(chunk)
    world.aggregate()
    return world


def test_on_a_healthy_stage_nothing_differs(world: World) -> None:
    assert difference(world) == []
    assert difference(world, Span(parse("2015-05-17T10:30:00Z"), parse("2015-05-17T10:40:00Z"))) == []
    assert difference(world, project="acme") == []


@pytest.mark.parametrize(
    ("content", "different"),
    [
        ({"events": 99}, {"events"}),
        ({"unique_users": 1}, {"unique_users"}),
        ({"counts": {"view": 1}}, {"counts"}),
        ({"top": {}}, {"top"}),
        ({"complete": True}, None),
    ],
)
def test_a_report_that_says_something_else_is_named_with_both_contents(
    world: World, content: dict[str, Any], different: set[str] | None
) -> None:
    live = world.reports.reports[HOUR]
    world.reports.reports[HOUR] = replace(live, content=live.content | content)
    found = difference(world)
    assert [set(each["live"]) for each in found] == ([different] if different else [])
    if different:
        assert (found[0]["grain"], found[0]["start"]) == ("hour", "2015-05-17T10:00:00Z")
        assert found[0]["live"] != found[0]["archive"]


def test_a_report_that_is_missing_or_has_nothing_behind_it_differs(world: World) -> None:
    del world.reports.reports[HOUR]
    assert [(each["live"]["events"], each["archive"]["events"]) for each in difference(world)] == [(0, 6)]
    world.reports.reports[Window("acme", "hour", "2015-05-17T15")] = replace(
        world.reports.reports[Window("acme", "hour", "2015-05-17T11")], window=Window("acme", "hour", "2015-05-17T15")
    )
    assert len(difference(world)) == 2
    assert difference(world, Span(parse("2015-05-18T00:00:00Z"), None)) == []


def test_lines_of_expired_records_count_once_each(world: World) -> None:
    world.commits.records_by_id.clear()
    assert difference(world) != []  # they are orphans as long as a record could be there
    assert difference(world, now=NOW + timedelta(days=401)) == []


@pytest.mark.parametrize(
    ("first", "after", "days"),
    [
        ("2015-05-17T10:00:00Z", "2015-05-17T11:00:00Z", ("2015-05-17", "2015-05-18")),
        ("2015-05-17T00:00:00Z", "2015-05-18T00:00:00Z", ("2015-05-17", "2015-05-18")),
    ],
)
def test_a_span_is_rounded_to_the_days_it_touches(first: str, after: str, days: tuple[str, str]) -> None:
    assert whole_windows(Span(parse(first), parse(after))) == Span(*(parse(f"{day}T00:00:00Z") for day in days))
    assert whole_windows(Span()) == Span()
