"""Numbers every AWS call through botocore's events, and makes a chosen one go wrong in a chosen way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from stage import Clients


class Crash(BaseException):
    """The process is gone: nothing in the product may catch it."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the call with this number (from 1)."""

    number: int
    kind: str
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.kind}"


# What the services document, as (HTTP status, code); "cancelled" codes are reasons of a cancelled transaction.
_DYNAMODB = [
    (400, "ProvisionedThroughputExceededException"),
    (400, "ThrottlingException"),
    (400, "RequestLimitExceeded"),
    (400, "ResourceNotFoundException"),
    (400, "AccessDeniedException"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
]
_S3 = [
    (503, "SlowDown"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    (400, "RequestTimeout"),
    (403, "AccessDenied"),
]
_SQS = [(403, "RequestThrottled"), (500, "InternalFailure"), (503, "ServiceUnavailable"), (400, "OverLimit")]
_SNS = [(429, "Throttled"), (500, "InternalError"), (403, "AuthorizationError"), (400, "KMSThrottling")]
_CANCELLED = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "ItemCollectionSizeLimitExceeded",
]
_BATCHES = {
    "SendMessageBatch": ("Entries", "Failed"),
    "DeleteMessageBatch": ("Entries", "Failed"),
    "ChangeMessageVisibilityBatch": ("Entries", "Failed"),
    "BatchExecuteStatement": ("Statements", "Responses"),
    "BatchGetItem": ("RequestItems", "UnprocessedKeys"),
}
_ANYWHERE = ["unreachable", "outage", "lost", "crash-before", "crash-after"]
# Another worker does the same work, or with "half" a part of it, just before or just after the call. A "zombie"
# stands still there: its time runs out, all comes again and is done by others, reports are made; then it goes on.
_RIVALS = ("all", "half", "zombie")
_ANYWHERE += [f"rival-{what}-{when}" for what in _RIVALS for when in ("before", "after")]


def kinds_for(operation: str) -> list[str]:
    """Every way in which a call of this operation ("dynamodb.PutItem") can go wrong."""
    service, _, name = operation.partition(".")
    errors = {"dynamodb": _DYNAMODB, "s3": _S3, "sqs": _SQS, "sns": _SNS}[service]
    kinds = _ANYWHERE + [f"error-{status}-{code}" for status, code in errors]
    if name == "TransactWriteItems":
        kinds += [f"cancelled-{code}" for code in _CANCELLED] + ["error-400-TransactionInProgressException"]
    if name in ("PutItem", "UpdateItem", "DeleteItem"):
        kinds += ["error-400-TransactionConflictException"]
    if name in _BATCHES:
        kinds += ["partly-refused", "partly-applied-but-refused"]
    return kinds


@dataclass
class Injector:
    """Registered with clients once; `arm` starts a new numbering. `rival` is what another worker does."""

    clients: Clients
    calls: list[str] = field(default_factory=list)
    fired: bool = False
    fault: Fault | None = None
    rival: Callable[[str], None] | None = None
    total_fired: int = 0

    def __post_init__(self) -> None:
        self._wire = URLLib3Session()
        for client in self.clients.all:
            client.meta.events.register("before-send", self._before_send)

    def arm(self, fault: Fault | None, rival: Callable[[str], None] | None = None) -> None:
        self.calls, self.fired, self.fault, self.rival = [], False, fault, rival

    def _before_send(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = event_name.removeprefix("before-send.")
        self.calls.append(operation)
        fault = self.fault
        if fault is None or len(self.calls) < fault.number or (self.fired and fault.kind != "outage"):
            return None
        self.total_fired += not self.fired
        self.fired = True
        return self._go_wrong(fault.kind, operation, request)

    def _go_wrong(self, kind: str, operation: str, request: AWSPreparedRequest) -> AWSResponse | None:
        if kind in ("unreachable", "outage"):
            raise EndpointConnectionError(endpoint_url=request.url)
        if kind == "crash-before":
            raise Crash
        if kind.startswith("rival-") and kind.endswith("before"):
            self._let_rival_run(kind)
            return None
        if kind.startswith("error-"):
            _, status, code = kind.split("-")
            return answer(request, int(status), _error_body(operation, code), {"x-amzn-errortype": code})
        if kind.startswith("cancelled-"):
            return _cancelled(request, kind.removeprefix("cancelled-"))
        if kind.startswith("partly-") and operation.partition(".")[2] in _BATCHES:  # a second act makes other calls
            return self._partly(operation, request, applied="applied" in kind)
        response = self._wire.send(request)
        response.content  # noqa: B018 - reads it, where it would be streamed: a socket is not left open
        if kind == "lost":
            raise ReadTimeoutError(endpoint_url=request.url)
        if kind == "crash-after":
            raise Crash
        self._let_rival_run(kind)
        return response

    def _let_rival_run(self, kind: str) -> None:
        rival, self.rival = self.rival, None
        if rival:
            rival(kind.split("-")[1])

    def _partly(self, operation: str, request: AWSPreparedRequest, *, applied: bool) -> AWSResponse:
        """The first entry of a batch is reported as failed, whether or not it was applied."""
        name = operation.partition(".")[2]
        document = json.loads(request.body)
        entries_name, failures_name = _BATCHES[name]
        if name == "BatchGetItem":
            (table, wanted), *_ = document["RequestItems"].items()
            first = wanted["Keys"].pop(0)
            answer = self._send(request, document) if wanted["Keys"] else {"Responses": {table: []}}
            answer["UnprocessedKeys"] = {table: {**wanted, "Keys": [first]}}
            return answer(request, 200, json.dumps(answer))
        first = document[entries_name][0]
        if not applied:
            document[entries_name] = document[entries_name][1:]
        answer = self._send(request, document) if document[entries_name] else {failures_name: []}
        if name == "BatchExecuteStatement":
            rest = answer["Responses"][1:] if applied else answer["Responses"]
            refused = {
                "Error": {"Code": "InternalServerError" if applied else "ThrottlingError", "Message": "injected"}
            }
            answer["Responses"] = [refused, *rest]
        else:
            answer["Successful"] = [each for each in answer.get("Successful", []) if each["Id"] != first["Id"]]
            answer["Failed"] = [{"Id": first["Id"], "Code": "InternalError", "SenderFault": False}]
        return answer(request, 200, json.dumps(answer))

    def _send(self, request: AWSPreparedRequest, document: dict[str, Any]) -> dict[str, Any]:
        request.body = json.dumps(document).encode()
        request.headers["Content-Length"] = str(len(request.body))
        answer: dict[str, Any] = json.loads(self._wire.send(request).content)
        return answer


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def answer(request: AWSPreparedRequest, status: int, body: str, headers: dict[str, str] | None = None) -> AWSResponse:
    return AWSResponse(request.url, status, headers or {}, _Raw(body.encode()))


def _error_body(operation: str, code: str) -> str:
    if operation.startswith("s3."):
        return f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
    if operation.startswith("sns."):
        return f"<ErrorResponse><Error><Code>{code}</Code><Message>injected</Message></Error></ErrorResponse>"
    return json.dumps({"__type": code, "message": "injected"})


def _cancelled(request: AWSPreparedRequest, code: str) -> AWSResponse:
    items = json.loads(request.body)["TransactItems"]
    # The last item, a counter or an index, is the one that collided.
    reasons = [{"Code": "None"} for _ in items[1:]] + [{"Code": code, "Message": "injected"}]
    body = {"__type": "TransactionCanceledException", "message": "injected", "CancellationReasons": reasons}
    return answer(request, 400, json.dumps(body), {"x-amzn-errortype": "TransactionCanceledException"})
