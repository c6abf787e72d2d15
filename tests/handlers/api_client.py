"""A stage as its clients see it: Chalice's test client, and the triggers that move chunks along."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from chalice.test import Client, HTTPResponse

import app
from chalicelib.core import chunk

_SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2015-10-08T16:53:06Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/aggregate"],
    "detail": {},
}


class Api:
    """The stage that the environment describes."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._http = Client(app.app).http
        self._sqs, self._queue_url = sqs, queue_url

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> HTTPResponse:
        """Header names are written with underscores for their hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.request(method, path, headers=named, body=body)

    def post(self, body: Any, **headers: Any) -> HTTPResponse:
        """POST /events; what is not bytes becomes JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/events", sent, **({"content_type": "application/json"} | headers))

    def get(self, path: str, *, authorization: str | None = None, **parameters: object) -> HTTPResponse:
        """A trailing underscore keeps `from_` apart from Python's keyword."""
        named = {name.rstrip("_"): value for name, value in parameters.items()}
        headers: dict[str, Any] = {"authorization": authorization} if authorization else {}
        return self.request("GET", f"{path}?{urlencode(named)}" if named else path, **headers)

    def verdict(self, event: Any) -> dict[str, Any]:
        """What the answer to a POST of this event says of it, accepted or rejected."""
        [only] = self.post([event]).json_body["events"]
        return dict(only)

    def stored(self, event: Any) -> dict[str, Any]:
        """The event as it is read back once the pipeline is done with it."""
        key = self.verdict(event)["key"]
        self.process()
        return dict(self.get(f"/events/{key}").json_body)

    def take_messages(self) -> list[str]:
        """Take every waiting message off the queue."""
        bodies = []
        while found := self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages"):
            entries = [{"Id": each["MessageId"], "ReceiptHandle": each["ReceiptHandle"]} for each in found]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
            bodies += [each["Body"] for each in found]
        return bodies

    def process(self, *, project: str | None = None) -> int:
        """Deliver the waiting chunks, as chunks of another project if named; answers how many there were."""
        chunks = [chunk.decode(body) for body in self.take_messages()]
        if project:
            chunks = [replace(each, sender=replace(each.sender, project=project)) for each in chunks]
        size = app.trigger.batch_size
        for start in range(0, len(chunks), size):
            self.deliver(*chunks[start : start + size])
        return len(chunks)

    def deliver(self, *chunks: chunk.Chunk) -> None:
        """Invoke the processor with one batch, as the queue does."""
        records = [_record(number, chunk.encode(each)) for number, each in enumerate(chunks)]
        app.app.handler_map["process"]({"Records": records}, None)

    def aggregate(self) -> None:
        app.app.handler_map["aggregate"](_SCHEDULED, None)


def _record(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{number:012}",
        "receiptHandle": f"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:handlers-chunks",
        "awsRegion": "us-east-1",
    }
