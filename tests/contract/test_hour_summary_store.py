"""The summary store: a summary stands and falls with one version of its hour's report, large or small."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import make_report
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report
from chalicelib.core.windows import Window
from chalicelib.errors import StoreFailed
from chalicelib.ports import HourSummaryStore, ReportStore
from fakes import FakeHourSummaryStore, FakeReportStore
from stage import Stage

DAY = "2015-05-17"
HOUR = Window("acme", "hour", f"{DAY}T10")
NEXT_HOUR = Window("acme", "hour", f"{DAY}T11")
IN_TABLE, IN_S3 = 16_000, 0


@pytest.fixture(params=[IN_TABLE, IN_S3], ids=["table", "s3"])
def stores(backend: Stage | None, request: pytest.FixtureRequest) -> tuple[HourSummaryStore, ReportStore]:
    if backend is None:
        reports = FakeReportStore()
        return FakeHourSummaryStore(reports), reports
    backend.max_summary_item_bytes = request.param
    return backend.hour_summaries, backend.reports


def summary_of(*users: str, event_type: str = "view") -> HourSummary:
    return HourSummary(Counter({event_type: len(users)}), set(users), {"page": Counter({"ä\n": 2})} if users else {})


def version(number: int, window: Window = HOUR) -> Report:
    return Report(window, number, make_report(window).content, fingerprint=f"fingerprint {number}")


def test_a_day_without_reports_has_no_hour_summaries(stores: tuple[HourSummaryStore, ReportStore]) -> None:
    assert dict(stores[0].of_day("acme", DAY)) == {}


def test_a_report_and_its_summary_are_saved_together(stores: tuple[HourSummaryStore, ReportStore]) -> None:
    hour_summaries, reports = stores
    assert hour_summaries.save(version(1), summary_of("ann", "bob"))
    assert reports.get(HOUR) == version(1)
    assert list(reports.unfinished()) == [HOUR]
    assert dict(hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("ann", "bob")}


def test_a_version_that_is_refused_leaves_the_summary_that_is_there(
    stores: tuple[HourSummaryStore, ReportStore],
) -> None:
    hour_summaries, _ = stores
    hour_summaries.save(version(2), summary_of("ann"))
    for number in (1, 2):
        assert not hour_summaries.save(version(number), summary_of("old"))
    assert dict(hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("ann")}


def test_a_newer_version_brings_its_own_summary(stores: tuple[HourSummaryStore, ReportStore]) -> None:
    hour_summaries, _ = stores
    for number, summary in ((1, summary_of("ann")), (2, summary_of("bob")), (3, summary_of())):
        assert hour_summaries.save(version(number), summary)
        assert dict(hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary}


def test_publishing_leaves_the_fingerprint_where_it_is(stores: tuple[HourSummaryStore, ReportStore]) -> None:
    hour_summaries, reports = stores
    hour_summaries.save(version(1), summary_of("ann"))
    reports.mark_published(version(1))
    found = reports.get(HOUR)
    assert found is not None
    assert (found.published, found.fingerprint) == (1, "fingerprint 1")


def test_a_summary_can_be_kept_anew_unless_the_report_has_moved_on(
    stores: tuple[HourSummaryStore, ReportStore],
) -> None:
    hour_summaries, reports = stores
    reports.save(version(1))
    hour_summaries.keep(version(1), summary_of("ann"))
    hour_summaries.keep(version(1), summary_of("ann"))
    assert dict(hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("ann")}
    hour_summaries.save(version(2), summary_of("bob"))
    hour_summaries.keep(version(1), summary_of("ann"))
    assert dict(hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("bob")}


def test_hours_days_and_projects_are_kept_apart(stores: tuple[HourSummaryStore, ReportStore]) -> None:
    hour_summaries, _ = stores
    windows = (HOUR, NEXT_HOUR, Window("acme", "hour", "2015-05-18T00"), Window("acme-2", "hour", HOUR.name))
    for window in windows:
        hour_summaries.save(version(1, window), summary_of(f"{window.project} {window.name}"))
    assert dict(hour_summaries.of_day("acme", DAY)) == {
        each.name: summary_of(f"acme {each.name}") for each in (HOUR, NEXT_HOUR)
    }
    assert dict(hour_summaries.of_day("acme-2", DAY)) == {HOUR.name: summary_of(f"acme-2 {HOUR.name}")}


def objects(stage: Stage) -> list[str]:
    found = stage.clients.s3.list_objects_v2(Bucket=stage.settings.bucket_name, Prefix="summaries/")
    return [each["Key"] for each in found.get("Contents", [])]


@pytest.fixture
def in_s3(stage: Stage) -> Stage:
    stage.max_summary_item_bytes = IN_S3
    return stage


def test_of_large_hour_summaries_only_the_newest_is_left(in_s3: Stage) -> None:
    for number in (1, 2, 3):
        in_s3.hour_summaries.save(version(number), summary_of(str(number)))
        assert len(objects(in_s3)) == 1
    assert not in_s3.hour_summaries.save(version(3), summary_of("late"))
    in_s3.hour_summaries.keep(version(3), summary_of("3"))
    in_s3.hour_summaries.keep(version(2), summary_of("2"))
    assert len(objects(in_s3)) == 1
    assert dict(in_s3.hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("3")}


def test_a_summary_that_became_small_leaves_no_object(in_s3: Stage) -> None:
    in_s3.hour_summaries.save(version(1), summary_of("ann"))
    small = in_s3.through(in_s3.clients)
    small.max_summary_item_bytes = IN_TABLE
    small.hour_summaries.save(version(2), summary_of("bob"))
    assert objects(in_s3) == []
    assert dict(in_s3.hour_summaries.of_day("acme", DAY)) == {HOUR.name: summary_of("bob")}


@pytest.mark.parametrize("then", ["save", "keep"])
def test_an_object_that_could_not_be_deleted_goes_the_next_time(in_s3: Stage, then: str) -> None:
    in_s3.hour_summaries.save(version(1), summary_of("ann"))

    def fail(**_: Any) -> None:
        raise StoreFailed("nothing can be deleted")

    in_s3.clients.s3.meta.events.register("provide-client-params.s3.DeleteObject", fail)
    with pytest.raises(StoreFailed):
        in_s3.hour_summaries.save(version(2), summary_of())
    in_s3.clients.s3.meta.events.unregister("provide-client-params.s3.DeleteObject", fail)
    assert len(objects(in_s3)) == 2
    number = 3 if then == "save" else 2
    getattr(in_s3.hour_summaries, then)(version(number), summary_of())
    assert len(objects(in_s3)) == 1


@pytest.mark.parametrize("late", ["save", "keep"])
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_writers_at_once_neither_leaves_an_object_that_no_item_names(
    in_s3: Stage, late: str, is_first: bool
) -> None:
    """Both read the item; one writes between the other's read and write."""
    if not is_first:
        in_s3.hour_summaries.save(version(1), summary_of("ann"))
    other = in_s3.through(in_s3.clients)
    put = in_s3.clients.s3.meta.events

    def write_between(**_: Any) -> None:
        put.unregister("provide-client-params.s3.PutObject", write_between)
        other.hour_summaries.keep(version(1), summary_of("bob"))

    put.register("provide-client-params.s3.PutObject", write_between)
    getattr(in_s3.hour_summaries, late)(version(2 if late == "save" else 1), summary_of("cid"))
    named = list(in_s3.hour_summaries.of_day("acme", DAY))
    assert len(objects(in_s3)) == len(named) == 1
    assert list(in_s3.hour_summaries.unnamed(datetime.now(UTC) + timedelta(days=1))) == []


def test_an_object_that_no_item_names_is_found_when_no_writer_can_name_it_any_more(in_s3: Stage) -> None:
    in_s3.hour_summaries.save(version(1), summary_of("ann"))
    lost = f"acme/{HOUR.name}/lost"
    in_s3.clients.s3.put_object(Bucket=in_s3.settings.bucket_name, Key=f"summaries/{lost}", Body=b"")
    now = datetime.now(UTC)
    assert list(in_s3.hour_summaries.unnamed(now - timedelta(days=1))) == []
    assert list(in_s3.hour_summaries.unnamed(now + timedelta(days=1))) == [lost]
    in_s3.hour_summaries.delete(lost)
    assert len(objects(in_s3)) == 1


def test_a_summary_whose_object_is_gone_is_left_out(in_s3: Stage) -> None:
    in_s3.hour_summaries.save(version(1), summary_of("ann"))
    in_s3.clients.s3.delete_object(Bucket=in_s3.settings.bucket_name, Key=objects(in_s3)[0])
    assert dict(in_s3.hour_summaries.of_day("acme", DAY)) == {}
