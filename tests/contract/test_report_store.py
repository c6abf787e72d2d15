"""The report store: versions only grow, and a window stays unfinished until its newest is finished."""

from __future__ import annotations

import pytest

from builders import make_report
from chalicelib.core.report import Report
from chalicelib.core.windows import Window
from chalicelib.ports import ReportStore
from fakes import FakeReportStore
from stage import Stage

HOUR = Window("acme", "hour", "2015-05-17T10")
DAY = Window("acme", "day", "2015-05-17")


@pytest.fixture
def reports(backend: Stage | None) -> ReportStore:
    return backend.reports if backend else FakeReportStore()


def names(reports: ReportStore, grain: str = "hour", first: str = "", after: str = "~") -> list[str]:
    return [report.window.name for report in reports.between("acme", grain, first=first, after=after)]


def published(reports: ReportStore, window: Window) -> int:
    report = reports.get(window)
    assert report is not None
    return report.published


def test_a_window_without_a_report_has_none(reports: ReportStore) -> None:
    assert reports.get(HOUR) is None
    assert list(reports.unfinished()) == []
    assert names(reports) == []


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(make_report(HOUR), id="hour"),
        pytest.param(make_report(DAY, version=3, published=2), id="version and published"),
        pytest.param(make_report(HOUR, top={"page": [{"value": "ä#\n", "count": 1}]}, complete=False), id="content"),
    ],
)
def test_a_saved_report_is_read_back_whole(reports: ReportStore, report: Report) -> None:
    assert reports.save(report)
    assert reports.get(report.window) == report


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_exists_or_is_older_is_refused_and_changes_nothing(reports: ReportStore, version: int) -> None:
    reports.save(make_report(HOUR, version=2, events=2))
    reports.finish(make_report(HOUR, version=2))
    assert not reports.save(make_report(HOUR, version=version, events=99))
    assert reports.get(HOUR) == make_report(HOUR, version=2, events=2)
    assert list(reports.unfinished()) == []


def test_a_newer_version_replaces_the_older(reports: ReportStore) -> None:
    reports.save(make_report(HOUR, version=1, events=1))
    assert reports.save(make_report(HOUR, version=2, events=2, published=1))
    assert reports.get(HOUR) == make_report(HOUR, version=2, events=2, published=1)
    assert names(reports) == [HOUR.name]


def test_a_saved_window_is_unfinished_until_it_is_finished(reports: ReportStore) -> None:
    for window in (HOUR, DAY):
        reports.save(make_report(window))
    assert set(reports.unfinished()) == {HOUR, DAY}
    reports.finish(make_report(HOUR))
    assert list(reports.unfinished()) == [DAY]
    assert reports.get(HOUR) == make_report(HOUR)


def test_publishing_alone_finishes_nothing(reports: ReportStore) -> None:
    reports.save(make_report(HOUR))
    reports.mark_published(make_report(HOUR))
    assert list(reports.unfinished()) == [HOUR]


def test_finishing_an_older_version_leaves_the_window_unfinished(reports: ReportStore) -> None:
    reports.save(make_report(HOUR, version=1))
    reports.save(make_report(HOUR, version=2))
    reports.finish(make_report(HOUR, version=1))
    assert list(reports.unfinished()) == [HOUR]


def test_finishing_again_is_harmless_and_a_newer_version_opens_the_window_again(reports: ReportStore) -> None:
    reports.save(make_report(HOUR, version=1))
    for _ in range(2):
        reports.finish(make_report(HOUR, version=1))
    assert list(reports.unfinished()) == []
    reports.save(make_report(HOUR, version=2))
    assert list(reports.unfinished()) == [HOUR]


def test_a_version_is_marked_as_published(reports: ReportStore) -> None:
    reports.save(make_report(HOUR, version=2, published=1))
    reports.mark_published(make_report(HOUR, version=2, published=1))
    assert reports.get(HOUR) == make_report(HOUR, version=2, published=2)


def test_marking_an_older_version_leaves_the_newer_unpublished(reports: ReportStore) -> None:
    reports.save(make_report(HOUR, version=1))
    reports.save(make_report(HOUR, version=2, events=2))
    reports.mark_published(make_report(HOUR, version=1))
    assert reports.get(HOUR) == make_report(HOUR, version=2, events=2)


def test_marking_what_was_never_saved_makes_no_report(reports: ReportStore) -> None:
    reports.mark_published(make_report(HOUR))
    assert reports.get(HOUR) is None


@pytest.mark.parametrize(
    ("first", "after", "expected"),
    [
        pytest.param("", "~", ["2015-05-18T00", "2015-05-17T11", "2015-05-17T10", "2015-05-16T23"], id="all"),
        pytest.param("2015-05-17T10", "2015-05-18T00", ["2015-05-17T11", "2015-05-17T10"], id="end excluded"),
        pytest.param("", "2015-05-17T10:30", ["2015-05-17T10", "2015-05-16T23"], id="end inside a window"),
        pytest.param("2015-05-18T00", "~", ["2015-05-18T00"], id="start included"),
        pytest.param("2016", "~", [], id="nothing there"),
        pytest.param("2015-05-17T10", "2015-05-17T10", [], id="empty span"),
        pytest.param("2015-05-18T00", "2015-05-17T00", [], id="a span that ends before it starts"),
    ],
)
def test_reports_are_found_newest_first_within_a_span(
    reports: ReportStore, first: str, after: str, expected: list[str]
) -> None:
    for name in ("2015-05-17T10", "2015-05-18T00", "2015-05-16T23", "2015-05-17T11"):
        reports.save(make_report(Window("acme", "hour", name)))
    reports.save(make_report(DAY))
    reports.save(make_report(Window("acme-2", "hour", "2015-05-17T10")))
    assert names(reports, first=first, after=after) == expected


def test_grains_and_projects_are_kept_apart(reports: ReportStore) -> None:
    theirs = Window("acme-2", "day", "2015-05-17")
    for window, events in ((HOUR, 1), (DAY, 2), (theirs, 3)):
        reports.save(make_report(window, events=events))
    reports.mark_published(make_report(theirs, events=3))
    assert names(reports, "day") == ["2015-05-17"]
    assert [published(reports, window) for window in (HOUR, DAY, theirs)] == [0, 0, 1]
    assert [report.content["events"] for report in reports.between("acme-2", "day", first="", after="~")] == [3]


def test_each_archived_version_of_a_report_is_an_object_of_its_own(stage: Stage) -> None:
    stage.reports.archive(make_report(HOUR), '{"version":1}')
    for document in ("once", '{"version":2,"top":"\u00e4"}'):
        stage.reports.archive(make_report(HOUR, version=2), document)
    stage.reports.archive(make_report(DAY), '{"grain":"day"}')
    s3, bucket = stage.clients.s3, stage.settings.bucket_name
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert {name: s3.get_object(Bucket=bucket, Key=name)["Body"].read().decode() for name in names} == {
        "reports/project=acme/grain=hour/2015-05-17T10/v1.json": '{"version":1}',
        "reports/project=acme/grain=hour/2015-05-17T10/v2.json": '{"version":2,"top":"\u00e4"}',
        "reports/project=acme/grain=day/2015-05-17/v1.json": '{"grain":"day"}',
    }
