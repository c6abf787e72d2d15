"""The one place where adapters are made and handed to flows."""

from __future__ import annotations

from functools import cached_property, lru_cache

from chalicelib.adapters import aws
from chalicelib.adapters.archive import Archive
from chalicelib.adapters.commits import CommitLog
from chalicelib.adapters.events import EventStore
from chalicelib.adapters.queue import Queue
from chalicelib.adapters.reports import ReportStore
from chalicelib.adapters.table import Table
from chalicelib.adapters.topic import Topic
from chalicelib.settings import Settings


class Pipeline:
    """The ports of a stage, each made on first use, so that a function pays only for what it calls."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def queue(self) -> Queue:
        return Queue(aws.client("sqs"), self.settings.queue_url)

    @cached_property
    def events(self) -> EventStore:
        return EventStore(self._table, retention=self.settings.retention, guard_retention=self.settings.guard_retention)

    @cached_property
    def commits(self) -> CommitLog:
        return CommitLog(self._table, retention=self.settings.retention)

    @cached_property
    def reports(self) -> ReportStore:
        return ReportStore(self._table)

    @cached_property
    def archive(self) -> Archive:
        return Archive(aws.client("s3"), self.settings.bucket_name)

    @cached_property
    def topic(self) -> Topic:
        return Topic(aws.client("sns"), self.settings.topic_arn)

    @cached_property
    def _table(self) -> Table:
        return Table(aws.client("dynamodb"), self.settings.table_name)


def pipeline() -> Pipeline:
    """The pipeline of the stage that the environment names; the same one as long as it names the same."""
    return _pipeline(Settings.from_environ())


@lru_cache(maxsize=1)
def _pipeline(settings: Settings) -> Pipeline:
    return Pipeline(settings)
