"""The first event of a deployment: posted, processed and found again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import requests

from chalicelib import ingest, query
from chalicelib.core.chunk import Sender
from chalicelib.core.metrics import CATALOGUE, NAMESPACE
from chalicelib.errors import Problem
from chalicelib.wiring import Pipeline
from millrace.client import Client
from millrace.failure import Failure

_WAIT_SECONDS = 90
#: Where the event of a closed stage goes: no client's project.
PROJECT = "millrace-smoke-test"


def try_out(url: str, pipeline: Pipeline) -> str:
    """Say what was seen to work. Raises Failure.

    An open stage is tried as a client would. A closed one has to refuse the event; then it is put on the
    queue with the operator's rights, which shows the way from there on.
    """
    health = Client(url).get("/health")
    event = {"event_type": "smoke_test", "user_id": "millrace", "event_id": uuid4().hex}
    if health["open"]:
        _try_open(Client(url), event)
        return "An event was posted, processed and found again. The stage is open: everybody may write and read."
    answer = requests.post(f"{url}/events", json=event, timeout=30)
    if answer.status_code != requests.codes.unauthorized:
        raise Failure(f"The stage answered {answer.status_code} to an event without a key, and should have said 401.")
    _try_behind(pipeline, event)
    return "The stage refuses events without a key; an event put on its queue was processed and found again."


def _try_open(client: Client, event: dict[str, Any]) -> None:
    reply = client.post_events([event])
    _await(lambda: client.get(f"/chunks/{reply['chunks'][0]}"))
    key = reply["events"][0]["key"]
    if client.get(f"/events/{key}")["event_id"] != event["event_id"]:
        raise Failure("The event that was posted is not the one that was found.")


def _try_behind(pipeline: Pipeline, event: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    sender = Sender(project=PROJECT, received=now, source_ip=None, user_agent="millrace deploy")
    meter = _Door(pipeline.settings.stack_name)
    try:
        reply = ingest.ingest(json.dumps(event).encode(), sender=sender, queue=pipeline.queue, meter=meter)
        oldest = now - pipeline.settings.max_chunk_age
        _await(lambda: query.get_receipt(reply["chunks"][0], project=PROJECT, commits=pipeline.commits, oldest=oldest))
        query.get_event(reply["events"][0]["key"], project=PROJECT, events=pipeline.events)
    except Problem as problem:
        raise Failure(f"The event could not be followed: {problem.message}") from problem


class _Door:
    """Measures as the API's door does, so that the ledger knows the event."""

    def __init__(self, stack_name: str) -> None:
        self._dimensions = [{"Name": "service", "Value": stack_name}]

    def add(self, name: str, value: float, *, at: datetime | None = None) -> None:
        datum = {"MetricName": name, "Dimensions": self._dimensions, "Value": value, "Unit": CATALOGUE[name]}
        boto3.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[datum | {"Timestamp": at}])

    def add_seconds_since(self, name: str, moment: datetime) -> None:
        self.add(name, (datetime.now(UTC) - moment).total_seconds())


def _await(receipt: Callable[[], dict[str, Any]]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while (answer := receipt())["status"] == "in_flight":
        if time.monotonic() > deadline:
            raise Failure(
                f"The event was queued and not processed in {_WAIT_SECONDS} s. Look at the log of the function "
                "process, and run millrace doctor."
            )
        time.sleep(0.5)
    if answer["status"] != "committed":
        raise Failure(f"The event was not committed: {answer}")
