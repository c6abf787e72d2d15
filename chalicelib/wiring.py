"""Makes the adapters and hands them to flows. No other module of the product makes adapters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import ports
from chalicelib.adapters import aws
from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.logs import speak_json
from chalicelib.adapters.metrics import Meter, MetricReader
from chalicelib.adapters.queue import Queue
from chalicelib.adapters.table import Table
from chalicelib.core import limits, retries
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.retries import Retry
from chalicelib.settings import Settings

if TYPE_CHECKING:  # the properties below import these on first use
    from chalicelib.adapters.bucket import Bucket
    from chalicelib.adapters.commit_log import CommitLog
    from chalicelib.adapters.project_store import ProjectStore
    from chalicelib.adapters.quota_counter import QuotaCounter
    from chalicelib.adapters.rejection_log import RejectionLog
    from chalicelib.adapters.report_store import ReportStore
    from chalicelib.flows.access import Access
    from chalicelib.flows.quota import Quota
    from chalicelib.flows.rejections import Rejections
    from chalicelib.flows.status import Remembered


class Pipeline:
    """The ports of a stage. Each is imported and made on first use: a cold start pays only for what it needs."""

    #: How adapters wait before a retry.
    pause: Callable[[float], None] = staticmethod(time.sleep)
    #: A map that makes its calls in parallel.
    side_by_side: Callable[..., Iterable[Any]] = staticmethod(aws.side_by_side)

    def __init__(self, settings: Settings, call: Retry = retries.CALL) -> None:
        """Make the pipeline of a stage. `call`: the retries of AWS calls, unless an adapter needs others."""
        self.settings = settings
        self.deadline = aws.Deadline()
        self._call = call

    def client(self, service: str, retry: Retry | None = None) -> Any:
        """Return a new client of an AWS service. Its calls end with the deadline of the invocation."""
        client = aws.client(service, retry or self._call)
        self.deadline.bind(client)
        return client

    @property
    def lifetimes(self) -> History:
        """Return the stage's lifetimes, read at most REMEMBERED_SECONDS ago. Raises StoreFailed."""
        return self.formats.lifetimes()

    @property
    def pace(self) -> dict[str, Any]:
        """Return the arguments of a flow for its time limit and its parallel calls."""
        return {"seconds_left": self.deadline.seconds_left, "side_by_side": self.side_by_side}

    def _retention(self) -> timedelta:
        return self.lifetimes.current.events

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.client("sqs", retries.SINGLE_CALL), self.settings.queue_url, pause=self.pause)

    @cached_property
    def dead_letters(self) -> ports.DeadLetters:
        from chalicelib.adapters.dead_letters import DeadLetters

        return DeadLetters(self.client("sqs"), self.settings.dead_letter_url, target_url=self.settings.queue_url)

    @cached_property
    def meter(self) -> Meter:
        return Meter(self.settings.stack_name)

    @cached_property
    def metrics(self) -> MetricReader:
        queue_name = self.settings.queue_url.rsplit("/", 1)[-1]
        return MetricReader(self.client("cloudwatch"), self.settings.stack_name, queue_name)

    @cached_property
    def status(self) -> Remembered:
        from chalicelib.flows.status import Remembered

        return Remembered(self._look, seconds=self.settings.status_seconds)

    def _look(self, now: datetime) -> dict[str, Any]:
        from chalicelib.flows import status

        deliveries = self.settings.max_deliveries
        return status.look(**self.stock, now=now, look_back=Lifetimes.ledger, max_deliveries=deliveries)

    @property
    def stock(self) -> dict[str, Any]:
        """Return the ports that tell where accepted chunks are."""
        return {
            "ledger_sums": self.ledger_sums,
            "quarantine": self.quarantine,
            "queue": self.queue,
            "dead_letters": self.dead_letters,
            "metrics": self.metrics,
        }

    @cached_property
    def access(self) -> Access:
        from chalicelib.flows.access import Access

        return Access(self.projects, is_open=self.settings.is_open)

    @cached_property
    def projects(self) -> ProjectStore:
        from chalicelib.adapters.project_store import ProjectStore

        return ProjectStore(self._table, self.formats)

    @cached_property
    def formats(self) -> DataFormats:
        return DataFormats(self._table)

    def checked(self) -> Pipeline:
        """Return this pipeline after checking that this version knows the format of its data.

        Raises UnknownFormat and StoreFailed. Requests need not call it: reading their project checks the format.
        """
        self.formats.check()
        return self

    @cached_property
    def quota(self) -> Quota:
        from chalicelib.flows.quota import Quota

        return Quota(self.quota_counter, self.meter)

    @cached_property
    def quota_counter(self) -> QuotaCounter:
        from chalicelib.adapters.quota_counter import QuotaCounter

        return QuotaCounter(self._quick_table, retention=Lifetimes.quota_minutes)

    @cached_property
    def rejections(self) -> Rejections:
        from chalicelib.flows.rejections import Rejections

        log = cache(lambda: self._rejection_log(self._quick_table))
        return Rejections(log, posts_a_minute=self.settings.rejected_posts_a_minute)

    @cached_property
    def rejection_log(self) -> RejectionLog:
        return self._rejection_log(self._table)

    def _rejection_log(self, table: Table) -> RejectionLog:
        from chalicelib.adapters.rejection_log import RejectionLog

        return RejectionLog(table, retention=Lifetimes.rejections)

    @cached_property
    def events(self) -> ports.EventStore:
        from chalicelib.adapters.event_store import EventStore

        return EventStore(self._table, retention=self._retention, side_by_side=self.side_by_side)

    @cached_property
    def commits(self) -> CommitLog:
        from chalicelib.adapters.commit_log import CommitLog

        return CommitLog(self._table, lifetimes=lambda: self.lifetimes)

    @cached_property
    def counters(self) -> ports.Counters:
        from chalicelib.adapters.counters import Counters

        return Counters(self._table)

    @cached_property
    def marks(self) -> ports.Marks:
        from chalicelib.adapters.marks import Marks

        return Marks(self._table)

    @cached_property
    def agenda(self) -> ports.Agenda:
        from chalicelib.adapters.agenda import Agenda

        return Agenda(self._table)

    @cached_property
    def ledger_sums(self) -> ports.LedgerSums:
        from chalicelib.adapters.ledger_sums import LedgerSums

        return LedgerSums(self._table)

    @cached_property
    def chunk_log(self) -> ports.ChunkLog:
        from chalicelib.adapters.chunk_log import ChunkLog

        return ChunkLog(cache(lambda: self.client("logs")), self.settings.stack_name)

    @cached_property
    def failure_notes(self) -> ports.FailureNotes:
        from chalicelib.adapters.failure_notes import FailureNotes

        return FailureNotes(self._table, retention=Lifetimes.failure_notes)

    @cached_property
    def quarantine(self) -> ports.Quarantine:
        from chalicelib.adapters.quarantine import Quarantine

        return Quarantine(self._table, self._bucket, self.commits)

    @cached_property
    def erasure(self) -> ports.Erasure:
        from chalicelib.adapters.erasure import Erasure

        return Erasure(self._table, self._bucket)

    @cached_property
    def reports(self) -> ReportStore:
        from chalicelib.adapters.report_store import ReportStore

        return ReportStore(self._table, self._bucket)

    @cached_property
    def hour_summaries(self) -> ports.HourSummaryStore:
        from chalicelib.adapters.hour_summaries import HourSummaryStore

        return HourSummaryStore(self._table, self.reports, self._bucket, retention=Lifetimes.hour_summaries)

    @cached_property
    def archive(self) -> ports.Archive:
        from chalicelib.adapters.archive import Archive

        return Archive(self._bucket)

    @cached_property
    def topic(self) -> ports.Topic:
        from chalicelib.adapters.topic import Topic

        return Topic(self.client("sns"), self.settings.topic_arn)

    @cached_property
    def _table(self) -> Table:
        return self._table_for(None)

    @cached_property
    def _quick_table(self) -> Table:
        """The table for optional work of a POST. Its calls give up early, so that they do not delay the answer."""
        return self._table_for(retries.QUICK_CALL)

    def _table_for(self, retry: Retry | None) -> Table:
        return Table(self.client("dynamodb", retry), self.settings.table_name, pause=self.pause)

    @cached_property
    def _bucket(self) -> Bucket:
        from chalicelib.adapters.bucket import Bucket

        return Bucket(cache(lambda: self.client("s3")), self.settings.bucket_name)


def pipeline() -> Pipeline:
    """Return the pipeline of the stage that the environment names. Calls for the same stage share one."""
    return _pipeline(Settings.from_environ())


def bounded(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Chalice middleware: set a deadline before an invocation, and write its metrics afterwards, even if it failed."""
    with suppress(ValueError):  # a stage that is not set up makes no calls
        pipeline().deadline.start(_seconds_of(event))
    try:
        return get_response(event)
    finally:
        with suppress(ValueError):  # such a stage has no metrics
            pipeline().meter.flush()


def _seconds_of(event: Any) -> float:
    """Return the seconds that an invocation may take. Clients limit requests, and Lambda limits other invocations."""
    if hasattr(event, "lambda_context"):  # only Chalice's requests have it
        return limits.REQUEST_SECONDS
    if event.context is None:  # the local stack and tests have no time limit
        return math.inf
    return float(event.context.get_remaining_time_in_millis()) / 1000 - limits.LAST_SECONDS


@lru_cache(maxsize=1)
def _pipeline(settings: Settings) -> Pipeline:
    speak_json(settings.stack_name)
    return Pipeline(settings)
