"""One stage on the emulator for tests: resources of its own, made in milliseconds, and their ports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from builders import HISTORY
from chalicelib.adapters.dead_letters import DeadLetters
from chalicelib.adapters.event_store import EventStore
from chalicelib.adapters.hour_summaries import HourSummaryStore
from chalicelib.adapters.project_store import ProjectStore
from chalicelib.core.retries import Retry
from chalicelib.flows.aggregate import aggregate
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline
from fakes import FakeMeter
from millrace.local.emulator import REGION
from wire import Wire

_numbers = count(1)


def no_pause(_seconds: float) -> None:
    """Tests do not wait where the product backs off."""


class Clients:
    """The four clients, made once: they are what takes time. Every call goes through `carry`.

    `checked`: botocore checks what it is given, as the product's own clients do not. `signed`: moto tells the service
    by the signature. The emulator looks at the session token alone, which the wire adds. With both, and a user agent
    made anew for each call, a call would take twice as long.
    """

    def __init__(
        self, environment: dict[str, str], *, attempts: int = 1, checked: bool = True, signed: bool = False
    ) -> None:
        token = environment.get("AWS_SESSION_TOKEN", "")
        self.session = boto3.session.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=token or None,
            region_name=environment["AWS_DEFAULT_REGION"],
        )
        self.wire = Wire(environment["AWS_ENDPOINT_URL"], token)
        self.carry: Callable[[str, AWSPreparedRequest], AWSResponse] = lambda _, request: self.wire.send(request)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            parameter_validation=checked,
            signature_version=None if signed else UNSIGNED,
            user_agent="tests",
        )
        options: dict[str, Any] = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "config": config}
        self.sqs = self.session.client("sqs", **options)
        self.dynamodb = self.session.client("dynamodb", **options)
        self.s3 = self.session.client("s3", **options)
        self.sns = self.session.client("sns", **options)
        for client in (self.sqs, self.dynamodb, self.s3, self.sns):
            client.meta.events.register("before-send", self._before_send)

    def _before_send(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return self.carry(event_name.removeprefix("before-send."), request)


class Stage(Pipeline):
    """The product's own wiring over the given clients, of a stage with names of its own. Nothing waits.

    Reports that are published arrive in the queue `subscriber_url`, once `subscribe` was called.
    `max_summary_item_bytes`: a larger hour summary lies in S3. `max_inserts`: of one call. None: as in the product.
    """

    pause = staticmethod(no_pause)
    side_by_side = map  # the calls of a story come in the same order each time
    subscriber_url = ""
    lifetimes = HISTORY

    def __init__(
        self,
        clients: Clients,
        *,
        max_summary_item_bytes: int | None = None,
        max_inserts: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(settings or _created(clients, f"stage-{next(_numbers)}"))
        self.clients, self.max_summary_item_bytes, self.max_inserts = clients, max_summary_item_bytes, max_inserts

    def aggregate(self, now: datetime) -> None:
        """Run the aggregator once."""
        aggregate(
            agenda=self.agenda,
            marks=self.marks,
            counters=self.counters,
            commits=self.commits,
            reports=self.reports,
            hour_summaries=self.hour_summaries,
            topic=self.topic,
            meter=self.meter,
            lifetimes=self.lifetimes,
            now=now,
        )

    def environment(self) -> dict[str, str]:
        """What the functions are told of the stage, which is open."""
        return {
            "QUEUE_URL": self.settings.queue_url,
            "DEAD_LETTER_URL": self.settings.dead_letter_url,
            "TABLE_NAME": self.settings.table_name,
            "BUCKET_NAME": self.settings.bucket_name,
            "TOPIC_ARN": self.settings.topic_arn,
            "CURSOR_SECRET": self.settings.cursor_secret,
            "OPEN_STAGE": "true",
        }

    def through(self, clients: Clients) -> Stage:
        """The same stage, reached through other clients."""
        limits = {"max_summary_item_bytes": self.max_summary_item_bytes, "max_inserts": self.max_inserts}
        return Stage(clients, **limits, settings=self.settings)

    def client(self, service: str, retry: Retry | None = None) -> Any:  # noqa: ARG002 - tests say how often they try
        return getattr(self.clients, service)

    def subscribe(self) -> None:
        """Only some tests look at what is published."""
        queue_name = self.settings.topic_arn.rpartition(":")[2]
        self.subscriber_url = self.clients.sqs.create_queue(QueueName=queue_name)["QueueUrl"]
        self.clients.sns.subscribe(TopicArn=self.settings.topic_arn, Protocol="sqs", Endpoint=_arn(self.subscriber_url))

    @cached_property
    def dead_letters(self) -> DeadLetters:
        url, target_url = self.settings.dead_letter_url, self.settings.queue_url
        return DeadLetters(self.clients.sqs, url, target_url=target_url, wait_seconds=0)

    @cached_property
    def events(self) -> EventStore:
        store = super().events
        assert isinstance(store, EventStore)
        if self.max_inserts is not None:
            store._max_inserts = self.max_inserts  # noqa: SLF001
        return store

    @cached_property
    def hour_summaries(self) -> HourSummaryStore:
        store = super().hour_summaries
        assert isinstance(store, HourSummaryStore)
        if self.max_summary_item_bytes is not None:
            store._max_item_bytes = self.max_summary_item_bytes  # noqa: SLF001
        return store

    @cached_property
    def meter(self) -> FakeMeter:  # type: ignore[override]  # a stage of tests looks at what was measured
        return FakeMeter()

    @cached_property
    def projects(self) -> ProjectStore:
        self.formats.create()
        return super().projects


def _created(clients: Clients, name: str) -> Settings:
    """Queue, dead letters, table, bucket and topic, as the settings that name them."""
    sqs = clients.sqs
    dead_letter_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    settings = Settings("", f"{name}-table", f"{name}-archive", "", "secret", dead_letter_url, is_open=True)
    redrive = {"deadLetterTargetArn": _arn(dead_letter_url), "maxReceiveCount": settings.max_deliveries}
    attributes = {"VisibilityTimeout": "600", "RedrivePolicy": json.dumps(redrive)}
    queue_url = sqs.create_queue(QueueName=f"{name}-chunks", Attributes=attributes)["QueueUrl"]
    clients.dynamodb.create_table(
        TableName=settings.table_name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    clients.s3.create_bucket(Bucket=settings.bucket_name)
    topic_arn = clients.sns.create_topic(Name=f"{name}-reports")["TopicArn"]
    return replace(settings, queue_url=queue_url, topic_arn=topic_arn)


def _arn(queue_url: str) -> str:
    account, name = queue_url.split("/")[-2:]
    return f"arn:aws:sqs:{REGION}:{account}:{name}"
