"""The wiring: every adapter gets its part of the settings, as the items that it writes and the calls it makes show."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import HISTORY, SETTINGS, make_chunk, make_event
from chalicelib import wiring
from chalicelib.adapters import aws
from chalicelib.core import commit, limits, retries, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Failure
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.project import Project
from chalicelib.core.rejection import RejectedPost
from chalicelib.core.report import Report
from chalicelib.core.retries import Retry
from chalicelib.core.windows import Window
from chalicelib.errors import StoreFailed
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
REJECTED = RejectedPost("acme", "name", (), 0)


class Recorder:
    """A client of AWS that has nothing and notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**given: Any) -> dict[str, Any]:
            self.calls.append((operation, given))
            return {
                "Responses": [{} for _ in given.get("Statements", ())],
                "Attributes": dict.fromkeys(given.get("AttributeNames", ()), "0"),
                "Items": [],
            }

        return call

    def get_paginator(self, operation: str) -> Any:
        recorder = self

        class Paginator:
            def paginate(self, **given: Any) -> list[dict[str, Any]]:
                recorder.calls.append((operation, given))
                return []

        return Paginator()

    def items(self) -> Iterator[dict[str, Any]]:
        """What was written, as attributes by name."""
        for operation, given in self.calls:
            for put in given.get("TransactItems", [{"Put": given}] if operation == "put_item" else []):
                if "Put" in put:
                    yield put["Put"]["Item"]
                elif "Update" in put:
                    yield put["Update"]["Key"] | _values(put["Update"])
            for statement in given.get("Statements", ()):
                yield dict(
                    zip(re.findall(r"'(\w+)': \?", statement["Statement"]), statement["Parameters"], strict=True)
                )
            if operation == "update_item":
                yield given["Key"] | _values(given)


def _values(update: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(":"): value for name, value in update["ExpressionAttributeValues"].items()}


class Wired(Pipeline):
    """The product's wiring over one recorder. `retried`: how the client of each service tries again."""

    lifetimes = HISTORY

    def __init__(self, settings: Settings = SETTINGS) -> None:
        super().__init__(settings)
        self.recorder, self.retried = Recorder(), list[tuple[str, Retry]]()

    def client(self, service: str, retry: Retry | None = None) -> Any:
        self.retried.append((service, retry or self._call))
        return self.recorder


def _chunk(**event: Any) -> Chunk:
    return make_chunk(make_event("e1", **event), received=NOW)


def _point(wired: Pipeline, own: datetime) -> None:
    chunk = _chunk(own=own.isoformat(), anonymous="anon")
    wired.events.claim([(chunk, chunk.events[0])])


def _commit(wired: Pipeline, chunk: Chunk) -> None:
    wired.commits.commit([commit.make_record(chunk, chunk.events, "object", ())])


def _fail(wired: Pipeline) -> None:
    wired.failure_notes.save(_chunk(), Failure("unfinished", timestamps.sortable(NOW), 2))


def _summarise(wired: Pipeline) -> None:
    window = Window("acme", "hour", "2026-05-17T10")
    wired.hour_summaries.keep(Report(window, 1, {}, 0), HourSummary(Counter(), set(), {}))


#: How long each item is kept, by what writes it; docs/data.md says the same.
KEPT: dict[str, tuple[Callable[[Pipeline], Any], str, timedelta]] = {
    "an event": (lambda wired: wired.events.claim([(_chunk(), _chunk().events[0])]), "#e#", 400 * DAY),
    "a guard": (
        lambda wired: wired.events.claim([(_chunk(guarded=True), _chunk(guarded=True).events[0])]), "#g#", 400 * DAY,
    ),
    "a pointer": (lambda wired: _point(wired, NOW - DAY), "#e#anon", 400 * DAY),
    "a pointer at a time to come": (lambda wired: _point(wired, NOW + 300 * DAY), "#e#anon", 700 * DAY),
    "a pointer at a time when it has expired": (lambda wired: _point(wired, NOW + 402 * DAY), "#e#anon", 400 * DAY),
    "a commit record": (lambda wired: _commit(wired, _chunk()), "#d#", 400 * DAY),
    "a ledger sum": (lambda wired: _commit(wired, _chunk()), "#ledger#", 400 * DAY),
    "a failure note": (_fail, "#d#", 30 * DAY),
    "an hour summary": (_summarise, "#summary#", 35 * DAY),
    "a rejection": (lambda wired: wired.rejection_log.keep(REJECTED), "#rejected", 7 * DAY),
    "a POST's rejection": (lambda wired: wired.rejections._log().keep(REJECTED), "#rejected", 7 * DAY),  # noqa: SLF001
    "a quota's minute": (
        lambda wired: wired.quota.admit(Project("acme", quota=10), 1, [], NOW), "#quota", timedelta(hours=1),
    ),
    "a day's old hours": (
        lambda wired: wired.quota_counter.take_hours("acme", "2015-05-17", ["2015-01-01T10"], limit=9),
        "#quota", timedelta(hours=25),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KEPT)
def test_what_is_written_is_kept_for_its_lifetime(what: str) -> None:
    write, partition, lifetime = KEPT[what]
    wired = Wired()
    write(wired)
    kept = [
        timedelta(seconds=int(item["x"]["N"]) - NOW.timestamp())
        for item in wired.recorder.items()
        if partition in item["pk"]["S"] and "x" in item
    ]
    assert kept
    # The ledger counts from the start of the hour. The others may be off by the time since this module was imported.
    margin = timedelta(minutes=61 if what == "a ledger sum" else 1) + (datetime.now(UTC) - NOW)
    assert [each for each in kept if abs(each - lifetime) > margin] == []


@pytest.mark.parametrize(("seconds", "looks"), [(0, 2), (10_000, 1)])
def test_the_status_is_remembered_as_long_as_the_settings_say(seconds: int, looks: int) -> None:
    wired = Wired(replace(SETTINGS, status_seconds=seconds, max_deliveries=3))
    for _ in range(2):
        found = wired.status.at(NOW)
    assert len([operation for operation, _ in wired.recorder.calls if operation == "get_metric_data"]) == 4 * looks
    assert found["dead_letters"] == {"count": 0, "max_deliveries": 3}
    assert found["ledger"]["from"][:10] == f"{NOW - 13 * DAY:%Y-%m-%d}"


def test_the_ledger_is_summed_by_hour_since_cloudwatch_forgets_minutes_after_15_days() -> None:
    wired = Wired()
    wired.metrics.by_hour(("accepted", "chunks"), NOW - 13 * DAY, NOW)
    [(_, given)] = wired.recorder.calls
    assert {query["MetricStat"]["Period"] for query in given["MetricDataQueries"]} == {3600}


def test_behind_the_toolbox_nobody_tries_again_so_its_calls_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert Pipeline(SETTINGS, retries.TOOLBOX_CALL).client("sns").meta.config.retries["total_max_attempts"] == 4
    assert Pipeline(SETTINGS).client("sns").meta.config.retries["total_max_attempts"] == 2


@pytest.mark.parametrize("service", ["sqs", "dynamodb", "s3", "sns", "cloudwatch"])
def test_when_the_time_of_an_invocation_is_over_no_client_makes_a_call(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    pipeline = Pipeline(SETTINGS)
    client = pipeline.client(service)
    pipeline.deadline.start(0)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "sqs": ("receive_message", {"QueueUrl": "https://sqs.test/1/queue"}),
        "dynamodb": ("get_item", {"TableName": "table", "Key": {}}),
        "s3": ("get_object", {"Bucket": "bucket", "Key": "key"}),
        "sns": ("publish", {"TopicArn": "topic", "Message": "text"}),
        "cloudwatch": ("list_metrics", {}),
    }
    name, given = calls[service]
    with pytest.raises(StoreFailed, match="The time is over"), aws.translated_errors():
        getattr(client, name)(**given)


def test_an_invocation_has_as_long_as_lambda_says_and_a_request_as_long_as_its_client_waits() -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 42_000

    class Called:
        context = Context()

    class Request(Called):
        lambda_context = None

    class Local:
        context = None

    seconds = [wiring._seconds_of(each) for each in (Called(), Request(), Local())]  # noqa: SLF001
    assert seconds == [41, limits.REQUEST_SECONDS, math.inf]


def test_a_call_is_tried_as_often_as_its_use_wants() -> None:
    wired = Wired()
    for make in ("queue", "rejections", "events", "archive", "topic", "metrics", "dead_letters"):
        getattr(wired, make)
    list(wired.archive.find())  # its client is made on first use, and so is that for rejections and quotas
    for make_log in (wired.rejections._log, lambda: wired.quota_counter):  # noqa: SLF001
        make_log()
    assert wired.retried == [
        ("sqs", retries.SINGLE_CALL),
        ("dynamodb", retries.CALL),
        ("sns", retries.CALL),
        ("cloudwatch", retries.CALL),
        ("sqs", retries.CALL),
        ("s3", retries.CALL),
        ("dynamodb", retries.QUICK_CALL),
    ]
