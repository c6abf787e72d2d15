"""A cancelled transaction: only a failed condition is a fact about its part; everything else is to be tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from builders import HISTORY, make_chunk, make_event, make_record, make_report
from chalicelib.adapters.items import key_item, number, put_part
from chalicelib.adapters.table import Cancelled, Conflict, NotTogether, Table
from chalicelib.core.commit import Outcome
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.summary import RecordSums
from chalicelib.core.table_keys import Key
from chalicelib.core.windows import Window
from chalicelib.errors import StoreFailed
from chalicelib.flows.aggregate import aggregate
from chalicelib.ports import CommitLog
from injector import reply
from stage import Stage, no_pause

HOUR = Window("acme", "hour", "2015-05-17T10")
PASSING = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
LASTING = ("ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied")
KEYS = [Key("p", f"{position}") for position in range(3)]


@dataclass
class Refusals:
    """Answers calls of one operation with an error, as DynamoDB words it, until it is let go."""

    carried: Callable[[str, AWSPreparedRequest], AWSResponse]
    operation: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    def cancel(self, *reasons: str) -> None:
        """The reasons of a transaction's parts, in their order."""
        self.refuse("TransactWriteItems", "TransactionCanceledException")
        self.body["CancellationReasons"] = [{"Code": reason} for reason in reasons]

    def refuse(self, operation: str, code: str) -> None:
        self.operation, self.body = f"dynamodb.{operation}", {"__type": code, "message": "refused"}

    def carry(self, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        if operation != self.operation:
            return self.carried(operation, request)
        return reply(request, 400, json.dumps(self.body), {"x-amzn-errortype": self.body["__type"]})


@pytest.fixture
def refusals(stage: Stage) -> Iterator[Refusals]:
    refusing = Refusals(stage.clients.carry)
    stage.clients.carry = refusing.carry
    yield refusing
    stage.clients.carry = refusing.carried


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(stage.clients.dynamodb, stage.settings.table_name, pause=no_pause)


def puts() -> list[dict[str, Any]]:
    return [put_part(key_item(key), "attribute_not_exists(pk)") for key in KEYS]


def test_a_transaction_that_is_applied_has_no_failed_condition(table: Table) -> None:
    assert table.transact(puts()) == set()
    assert set(table.get_many(KEYS)) == set(KEYS)


def test_the_parts_whose_condition_failed_are_named_and_no_part_is_applied(table: Table) -> None:
    table.put(key_item(KEYS[0]))
    table.put(key_item(KEYS[2]))
    assert table.transact(puts()) == {0, 2}
    assert set(table.get_many(KEYS)) == {KEYS[0], KEYS[2]}


def test_a_failed_condition_is_known_whatever_else_was_in_the_way(table: Table, refusals: Refusals) -> None:
    refusals.cancel("ConditionalCheckFailed", "None", "TransactionConflict")
    assert table.transact(puts()) == {0}


@pytest.mark.parametrize("reason", PASSING + LASTING)
def test_any_other_reason_is_a_failure_that_names_it(table: Table, refusals: Refusals, reason: str) -> None:
    refusals.cancel("None", reason, "None")
    with pytest.raises(Cancelled, match=reason) as caught:
        table.transact(puts())
    assert caught.value.passes == (reason in PASSING)


def test_a_reason_that_passes_beside_one_that_lasts_does_not_pass(table: Table, refusals: Refusals) -> None:
    refusals.cancel("TransactionConflict", "ValidationError", "None")
    with pytest.raises(Cancelled) as caught:
        table.transact(puts())
    assert not caught.value.passes


def test_a_cancellation_without_reasons_is_a_failure(table: Table, refusals: Refusals) -> None:
    refusals.cancel()
    with pytest.raises(Cancelled) as caught:
        table.transact(puts())
    assert not caught.value.passes


@pytest.mark.parametrize("reason", PASSING + LASTING)
def test_a_report_that_was_not_saved_for_another_reason_is_not_taken_for_a_lost_race(
    stage: Stage, refusals: Refusals, reason: str
) -> None:
    refusals.cancel("None", reason)
    with pytest.raises(StoreFailed, match=reason):
        stage.reports.save(make_report(HOUR))
    refusals.cancel("ConditionalCheckFailed", "None")
    assert not stage.reports.save(make_report(HOUR))


def test_an_hour_summary_that_was_not_saved_leaves_no_object(stage: Stage, refusals: Refusals) -> None:
    stage.max_summary_item_bytes = 0
    refusals.cancel("None", "None", "ThrottlingError")
    with pytest.raises(StoreFailed):
        stage.hour_summaries.save(make_report(HOUR), HourSummary())
    assert "Contents" not in stage.clients.s3.list_objects_v2(Bucket=stage.settings.bucket_name)


@pytest.mark.parametrize("reason", PASSING + LASTING)
def test_a_commit_that_was_cancelled_for_another_reason_teaches_nothing(
    stage: Stage, refusals: Refusals, reason: str
) -> None:
    refusals.cancel("None", reason)
    assert stage.commits.commit([make_record(make_chunk())]) == Outcome(set())


@pytest.mark.parametrize("reason", [*PASSING, "ConditionalCheckFailed"])
def test_an_erasure_that_somebody_was_in_the_way_of_looks_again(stage: Stage, refusals: Refusals, reason: str) -> None:
    refusals.cancel(reason)
    assert not stage.erasure.erase("acme", make_chunk().chunk_id, [make_event()], None)


@pytest.mark.parametrize("reason", LASTING)
def test_an_erasure_that_is_refused_for_good_says_why(stage: Stage, refusals: Refusals, reason: str) -> None:
    refusals.cancel(reason)
    with pytest.raises(StoreFailed, match=reason):
        stage.erasure.erase("acme", make_chunk().chunk_id, [make_event()], None)


def test_a_transaction_in_the_way_of_one_conditional_write_is_no_failed_condition(
    table: Table, refusals: Refusals
) -> None:
    refusals.refuse("DeleteItem", "TransactionConflictException")
    with pytest.raises(Conflict):
        table.delete_if(KEYS[0], "n = :n", {":n": number(1)})
    refusals.refuse("PutItem", "TransactionConflictException")
    with pytest.raises(Conflict):
        table.put_if(key_item(KEYS[0]), "attribute_not_exists(pk)")
    with pytest.raises(StoreFailed, match="TransactionConflict"):
        table.insert(key_item(KEYS[0]))
    refusals.refuse("UpdateItem", "TransactionConflictException")
    with pytest.raises(Conflict):
        table.update_if(KEYS[0], "SET n = :n", "attribute_not_exists(n)", {":n": number(1)})


def test_what_the_aggregator_tidies_away_stays_where_a_transaction_writes_it_and_nothing_fails(
    stage: Stage, refusals: Refusals
) -> None:
    stage.commits.commit([make_record(make_chunk())])
    (mark,) = stage.marks.all()
    report = make_report(Window("acme", "hour", mark.hour))
    assert stage.hour_summaries.save(report, HourSummary())
    refusals.refuse("DeleteItem", "TransactionConflictException")
    stage.marks.remove(mark)
    stage.reports.finish(report)
    refusals.refuse("UpdateItem", "TransactionConflictException")
    stage.marks.keep(mark, mark.since + timedelta(minutes=5))
    stage.reports.mark_published(report)
    refusals.refuse("PutItem", "TransactionConflictException")
    stage.hour_summaries.keep(report, HourSummary())
    assert (list(stage.marks.all()), list(stage.reports.unfinished())) == ([mark], [report.window])
    assert stage.reports.get(report.window) == report


def test_a_throttled_report_reads_its_hour_once_and_is_left_to_the_next_run(stage: Stage, refusals: Refusals) -> None:
    stage.commits.commit([make_record(make_chunk())])
    refusals.cancel("ThrottlingError")
    asked: list[str] = []
    read = stage.commits.sums

    class Commits:
        def sums(self, project: str, hour: str) -> Iterator[RecordSums]:
            asked.append(hour)
            return read(project, hour)

    now = datetime.now(UTC)
    aggregate(
        agenda=stage.agenda,
        marks=stage.marks,
        counters=stage.counters,
        commits=cast(CommitLog, Commits()),
        reports=stage.reports,
        hour_summaries=stage.hour_summaries,
        topic=stage.topic,
        meter=stage.meter,
        lifetimes=HISTORY,
        now=now,
    )
    assert len(asked) == 1
    assert len(list(stage.marks.all())) == 1


def test_an_item_that_is_in_the_way_of_an_insert_is_returned(table: Table) -> None:
    item = key_item(KEYS[0]) | {"n": number(1)}
    assert table.insert(item) is None
    assert table.insert(key_item(KEYS[0])) == item


def test_each_insert_of_a_batch_stands_for_itself(table: Table, refusals: Refusals) -> None:
    table.put(key_item(KEYS[1]))
    assert table.insert_each([key_item(key) for key in KEYS]) == [True, False, True]
    refusals.refuse("BatchExecuteStatement", "ValidationException")
    with pytest.raises(NotTogether):
        table.insert_each([key_item(key) for key in KEYS])
    refusals.refuse("BatchExecuteStatement", "InternalServerError")
    with pytest.raises(StoreFailed):
        table.insert_each([key_item(key) for key in KEYS])
