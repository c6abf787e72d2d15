"""The one place where adapters are made and handed to flows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import ports
from chalicelib.adapters import aws
from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.logs import speak_json
from chalicelib.adapters.metrics import Meter, MetricReader
from chalicelib.adapters.project_store import ProjectStore
from chalicelib.adapters.queue import Queue
from chalicelib.adapters.quota_counter import QuotaCounter
from chalicelib.adapters.rejection_log import RejectionLog
from chalicelib.adapters.table import Table
from chalicelib.flows.access import Access
from chalicelib.flows.quota import Quota
from chalicelib.flows.rejections import Rejections
from chalicelib.settings import Settings

if TYPE_CHECKING:  # what is imported on first use
    from chalicelib.adapters.archive import Archive
    from chalicelib.adapters.report_store import ReportStore
    from chalicelib.flows.status import Remembered

REJECTION_RETENTION = timedelta(days=7)


class Pipeline:
    """The ports of a stage, each made on first use, so that a function pays only for what it calls.

    What a POST does not call is imported on first use too: its cold start is the one that a client waits for.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def queue(self) -> Queue:
        return Queue(aws.client("sqs", aws.ONCE), self.settings.queue_url)

    @cached_property
    def dead_letters(self) -> ports.DeadLetters:
        from chalicelib.adapters.dead_letters import DeadLetters

        return DeadLetters(aws.client("sqs"), self.settings.dead_letter_url, target_url=self.settings.queue_url)

    @cached_property
    def meter(self) -> Meter:
        return Meter(self.settings.stack_name)

    @cached_property
    def metrics(self) -> MetricReader:
        queue_name = self.settings.queue_url.rsplit("/", 1)[-1]
        return MetricReader(aws.client("cloudwatch"), self.settings.stack_name, queue_name)

    @cached_property
    def status(self) -> Remembered:
        from chalicelib.flows.status import Remembered

        return Remembered(self._look, seconds=self.settings.status_seconds)

    def _look(self, now: datetime) -> dict[str, Any]:
        from chalicelib.flows import status

        return status.look(
            commits=self.commits,
            queue=self.queue,
            dead_letters=self.dead_letters,
            metrics=self.metrics,
            now=now,
        )

    @cached_property
    def access(self) -> Access:
        return Access(self.projects, is_open=self.settings.is_open)

    @cached_property
    def projects(self) -> ProjectStore:
        return ProjectStore(self._table, self.formats)

    @cached_property
    def formats(self) -> DataFormats:
        return DataFormats(self._table)

    def checked(self) -> Pipeline:
        """Return this pipeline if its data has a format that this version knows. Raises UnknownFormat and StoreFailed.

        Requests need no call of it: the format is checked where their project is read.
        """
        self.formats.check()
        return self

    @cached_property
    def quota(self) -> Quota:
        return Quota(QuotaCounter(self._table), self.meter)

    @cached_property
    def rejections(self) -> Rejections:
        # A POST that is answered already waits for this: better to give up soon.
        table = Table(aws.client("dynamodb", aws.IMPATIENT), self.settings.table_name)
        return Rejections(RejectionLog(table, retention=REJECTION_RETENTION))

    @cached_property
    def rejection_log(self) -> RejectionLog:
        return RejectionLog(self._table, retention=REJECTION_RETENTION)

    @cached_property
    def events(self) -> ports.EventStore:
        from chalicelib.adapters.event_store import EventStore

        return EventStore(self._table, retention=self.settings.retention, guard_retention=self.settings.guard_retention)

    @cached_property
    def commits(self) -> ports.CommitLog:
        from chalicelib.adapters.commit_log import CommitLog

        return CommitLog(self._table, retention=self.settings.retention)

    @cached_property
    def erasure(self) -> ports.Erasure:
        from chalicelib.adapters.erasure import Erasure

        return Erasure(self._table)

    @cached_property
    def reports(self) -> ReportStore:
        from chalicelib.adapters.report_store import ReportStore

        return ReportStore(self._table)

    @cached_property
    def hour_summaries(self) -> ports.HourSummaryStore:
        from chalicelib.adapters.hour_summaries import HourSummaryStore

        return HourSummaryStore(self._table, self.reports, self.archive)

    @cached_property
    def archive(self) -> Archive:
        from chalicelib.adapters.archive import Archive

        return Archive(aws.client("s3"), self.settings.bucket_name)

    @cached_property
    def topic(self) -> ports.Topic:
        from chalicelib.adapters.topic import Topic

        return Topic(aws.client("sns"), self.settings.topic_arn)

    @cached_property
    def _table(self) -> Table:
        return Table(aws.client("dynamodb"), self.settings.table_name)


def pipeline() -> Pipeline:
    """The pipeline of the stage that the environment names; the same one as long as it names the same."""
    return _pipeline(Settings.from_environ())


def measured(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Middleware: what an invocation has measured is written when it ends, however it ends."""
    try:
        return get_response(event)
    finally:
        with suppress(ValueError):  # a stage that is not set up has measured nothing
            pipeline().meter.flush()


@lru_cache(maxsize=1)
def _pipeline(settings: Settings) -> Pipeline:
    speak_json(settings.stack_name)
    return Pipeline(settings)
