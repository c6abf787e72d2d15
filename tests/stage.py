"""One stage on the emulator for tests: resources of its own, made in milliseconds, and their ports."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.adapters.archive import Archive
from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.counters import Counters
from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.dead_letters import DeadLetters
from chalicelib.adapters.erasure import Erasure
from chalicelib.adapters.event_store import EventStore
from chalicelib.adapters.failure_notes import FailureNotes
from chalicelib.adapters.hour_summaries import HourSummaryStore
from chalicelib.adapters.ledger_sums import LedgerSums
from chalicelib.adapters.marks import Marks
from chalicelib.adapters.project_store import ProjectStore
from chalicelib.adapters.quarantine import Quarantine
from chalicelib.adapters.queue import Queue
from chalicelib.adapters.quota_counter import QuotaCounter
from chalicelib.adapters.rejection_log import RejectionLog
from chalicelib.adapters.report_store import ReportStore
from chalicelib.adapters.table import MAX_INSERTS, Table
from chalicelib.adapters.topic import Topic
from chalicelib.core import limits
from chalicelib.settings import Settings
from fakes import FakeMeter

_numbers = count(1)
MAX_RECEIVES = 5


def no_pause(_seconds: float) -> None:
    """Tests do not wait where the product backs off."""


class Clients:
    """The four clients, made once: they are what takes time."""

    def __init__(self, environment: dict[str, str], *, attempts: int = 1) -> None:
        session = boto3.session.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=10)
        options: dict[str, Any] = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "config": config}
        self.sqs = session.client("sqs", **options)
        self.dynamodb = session.client("dynamodb", **options)
        self.s3 = session.client("s3", **options)
        self.sns = session.client("sns", **options)

    @property
    def all(self) -> list[Any]:
        return [self.sqs, self.dynamodb, self.s3, self.sns]


@dataclass
class Stage:
    """Queue, dead letters, table, bucket and topic with names of their own, through the given clients.

    Reports that are published arrive in the queue `subscriber_url`, once `subscribe` was called.
    """

    clients: Clients
    number: int = field(default_factory=lambda: next(_numbers))
    max_summary_item_bytes: int = limits.MAX_SUMMARY_ITEM_BYTES
    max_inserts: int = MAX_INSERTS

    def __post_init__(self) -> None:
        name, sqs = f"stage-{self.number}", self.clients.sqs
        self.dead_letters_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = f'{{"deadLetterTargetArn": "{self._arn(self.dead_letters_url)}", "maxReceiveCount": {MAX_RECEIVES}}}'
        attributes = {"VisibilityTimeout": "600", "RedrivePolicy": redrive}
        queue_url = sqs.create_queue(QueueName=f"{name}-chunks", Attributes=attributes)["QueueUrl"]
        self.clients.dynamodb.create_table(
            TableName=f"{name}-table",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.clients.s3.create_bucket(Bucket=f"{name}-archive")
        topic_arn = self.clients.sns.create_topic(Name=f"{name}-reports")["TopicArn"]
        self.settings = Settings(queue_url, f"{name}-table", f"{name}-archive", topic_arn, "secret", is_open=True)

    def environment(self) -> dict[str, str]:
        """What the functions are told of the stage, which is open."""
        return {
            "QUEUE_URL": self.settings.queue_url,
            "DEAD_LETTER_URL": self.dead_letters_url,
            "TABLE_NAME": self.settings.table_name,
            "BUCKET_NAME": self.settings.bucket_name,
            "TOPIC_ARN": self.settings.topic_arn,
            "CURSOR_SECRET": self.settings.cursor_secret,
            "OPEN_STAGE": "true",
        }

    def subscribe(self) -> None:
        """Only some tests look at what is published."""
        self.subscriber_url = self.clients.sqs.create_queue(QueueName=f"stage-{self.number}-reports")["QueueUrl"]
        self.clients.sns.subscribe(
            TopicArn=self.settings.topic_arn, Protocol="sqs", Endpoint=self._arn(self.subscriber_url)
        )

    def through(self, clients: Clients) -> Stage:
        """The same stage, reached through other clients."""
        other = copy(self)
        for name in (
            "queue",
            "dead_letters",
            "_table",
            "events",
            "commits",
            "counters",
            "marks",
            "ledger_sums",
            "failure_notes",
            "quarantine",
            "erasure",
            "reports",
            "hour_summaries",
            "_bucket",
            "archive",
            "topic",
        ):
            other.__dict__.pop(name, None)
        other.clients = clients
        return other

    def _arn(self, queue_url: str) -> str:
        answer = self.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.clients.sqs, self.settings.queue_url, pause=no_pause)

    @cached_property
    def meter(self) -> FakeMeter:
        return FakeMeter()

    @cached_property
    def dead_letters(self) -> DeadLetters:
        url, target_url = self.dead_letters_url, self.settings.queue_url
        return DeadLetters(self.clients.sqs, url, target_url=target_url, wait_seconds=0)

    @cached_property
    def _table(self) -> Table:
        return Table(self.clients.dynamodb, self.settings.table_name, pause=no_pause)

    @cached_property
    def events(self) -> EventStore:
        return EventStore(
            self._table,
            retention=timedelta(days=400),
            guard_retention=timedelta(days=37),
            max_inserts=self.max_inserts,
        )

    @cached_property
    def commits(self) -> CommitLog:
        return CommitLog(self._table, retention=timedelta(days=400))

    @cached_property
    def counters(self) -> Counters:
        return Counters(self._table)

    @cached_property
    def marks(self) -> Marks:
        return Marks(self._table)

    @cached_property
    def ledger_sums(self) -> LedgerSums:
        return LedgerSums(self._table)

    @cached_property
    def failure_notes(self) -> FailureNotes:
        return FailureNotes(self._table)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self._table, self._bucket, self.commits)

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(self._table, self._bucket)

    @cached_property
    def reports(self) -> ReportStore:
        return ReportStore(self._table, self._bucket)

    @cached_property
    def hour_summaries(self) -> HourSummaryStore:
        return HourSummaryStore(self._table, self.reports, self._bucket, max_item_bytes=self.max_summary_item_bytes)

    @cached_property
    def projects(self) -> ProjectStore:
        self.formats.create()
        return ProjectStore(self._table, self.formats)

    @cached_property
    def formats(self) -> DataFormats:
        return DataFormats(self._table)

    @cached_property
    def quota_counter(self) -> QuotaCounter:
        return QuotaCounter(self._table)

    @cached_property
    def rejection_log(self) -> RejectionLog:
        return RejectionLog(self._table, retention=timedelta(days=7))

    @cached_property
    def archive(self) -> Archive:
        return Archive(self._bucket)

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(lambda: self.clients.s3, self.settings.bucket_name)

    @cached_property
    def topic(self) -> Topic:
        return Topic(self.clients.sns, self.settings.topic_arn)
