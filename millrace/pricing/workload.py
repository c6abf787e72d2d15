"""A workload in the form of Lambda's events: a web site's events, the requests that send them, and queue batches."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

_TYPES = ("page_view", "page_view", "page_view", "page_view", "click", "click", "search", "add_to_cart", "purchase")
_PAGES = [f"/products/{number}" for number in range(200)]
_USERS = 5_000
# Live traffic: the events of a batch happen within some seconds.
_SPREAD_SECONDS = 30


class Traffic:
    """Events like a shop's, about 400 bytes each as JSON. The same seed gives the same events."""

    def __init__(self, seed: int = 7, *, projects: int = 1, types: int = 0, event_bytes: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a workload, no secret
        self._start = datetime.now(UTC).replace(minute=5, second=0, microsecond=0) - timedelta(hours=1)
        self._types = tuple(f"type-{number}" for number in range(types)) or _TYPES
        self._padding_bytes = max(0, event_bytes - 400)
        self.projects = [f"project-{number}" for number in range(projects)]

    def event(self) -> dict[str, Any]:
        chance = self._random
        page = chance.choice(_PAGES)
        event: dict[str, Any] = {
            "event_id": str(UUID(int=chance.getrandbits(128), version=4)),
            "event_type": chance.choice(self._types),
            "user_id": f"user-{chance.randrange(_USERS)}",
            "timestamp": (self._start + timedelta(milliseconds=chance.randrange(_SPREAD_SECONDS * 1000)))
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "properties": {
                "page": page,
                "referrer": f"https://shop.example{chance.choice(_PAGES)}",
                "title": f"Product {page.rsplit('/', 1)[-1]} - Shop",
                "price": round(chance.uniform(1, 500), 2),
                "position": chance.randrange(50),
            },
            "context": {
                "locale": "en-GB",
                "timezone": "Europe/London",
                "screen": {"width": 1512, "height": 982},
                "session": chance.randrange(10**9),
            },
        }
        if self._padding_bytes:  # random hex digits: each has 4 bits of information, so compression halves them
            event["properties"]["padding"] = chance.randbytes(self._padding_bytes // 2).hex()
        return event

    def post(self, events: int) -> str:
        """Return the body of one POST."""
        if events == 1:
            return json.dumps(self.event())
        return json.dumps({"events": [self.event() for _ in range(events)]})


def http_event(
    body: str, method: str = "POST", path: str = "/events", parameters: dict[str, str] | None = None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "CloudFront-Viewer-Country": "GB",
        "Content-Type": "application/json",
        "Host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Safari/537.36",
        "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": headers["User-Agent"]},
            "path": f"/api{path}",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "resourceId": "123456",
            "resourcePath": path,
            "stage": "api",
        },
        "body": body,
        "isBase64Encoded": False,
    }


_numbers = count(1)


def queue_event(bodies: Sequence[str]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {"Records": [_record(body) for body in bodies]}


def _record(body: str) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "messageId": str(UUID(int=number)),
        "receiptHandle": f"AQEB{number:060d}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:millrace-chunks",
        "awsRegion": "us-east-1",
    }


class Context:
    """The part of Lambda's context that handlers read."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000
