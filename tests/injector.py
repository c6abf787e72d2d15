"""Numbers every AWS call of its clients, and makes a chosen one go wrong in a chosen way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from types import FrameType
from typing import Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from stage import Clients
from wire import make_answer


class Crash(BaseException):
    """The process is gone: nothing in the product may catch it."""


class Call(NamedTuple):
    """`operation`: as "dynamodb.PutItem"; `step`: the functions of the product that led to it, outermost first."""

    operation: str
    step: str


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the call with this number (from 1)."""

    number: int
    kind: str

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
_PRODUCT = ("chalicelib.", "millrace.")
# Another worker does the same work, or with "half" a part of it. A "zombie" stands still there: its time runs out,
# all comes again and is done by others, reports are made; then it goes on.
_BETWEEN = ("crash", "rival-all", "rival-half", "rival-zombie")
BEFORE, AFTER = ([f"{each}-{when}" for each in _BETWEEN] for when in ("before", "after"))


def is_read(operation: str) -> bool:
    return operation.partition(".")[2].startswith(("Get", "BatchGet", "Query", "List"))


def ways_to_fail(operation: str) -> list[list[str]]:
    """Every way in which a call of this operation ("dynamodb.PutItem") can fail, in groups that come to the same."""
    service, _, name = operation.partition(".")
    errors = {"dynamodb": _DYNAMODB, "s3": _S3, "sqs": _SQS, "sns": _SNS}[service]
    refused, lost = ["unreachable"] + [f"error-{status}-{code}" for status, code in errors], ["lost"]
    ways = [[*refused, *lost]] if is_read(operation) else [refused, lost]
    ways.append(["outage"])
    if name == "TransactWriteItems":
        ways += [[f"cancelled-{code}" for code in _CANCELLED], ["error-400-TransactionInProgressException"]]
    if name in ("PutItem", "UpdateItem", "DeleteItem"):
        ways += [["error-400-TransactionConflictException"]]
    if name in _BATCHES:
        partly = [["partly-refused"], ["partly-applied-but-refused"]]
        ways += [[*partly[0], *partly[1]]] if is_read(operation) else partly
    return ways


@dataclass(eq=False)
class Injector:
    """Takes over what its clients send; `arm` starts a new numbering. `rival` is what another worker does."""

    clients: Clients
    calls: list[Call] = field(default_factory=list)
    fired: bool = False
    fault: Fault | None = None
    rival: Callable[[str], None] | None = None
    total_fired: int = 0

    def __post_init__(self) -> None:
        self.clients.carry = self._carry
        self._numbering = Lock()  # some calls are made side by side

    def arm(self, fault: Fault | None, rival: Callable[[str], None] | None = None) -> None:
        self.calls, self.fired, self.fault, self.rival = [], False, fault, rival

    def _carry(self, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        with self._numbering:
            fault = self.fault
            self.calls.append(Call(operation, "" if fault else _step()))
            if not fault or len(self.calls) < fault.number or (self.fired and fault.kind != "outage"):
                fault = None
            self.total_fired += fault is not None and not self.fired
            self.fired |= fault is not None
        return self._go_wrong(fault.kind, operation, request) if fault else self._send(request)

    def _go_wrong(self, kind: str, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        if kind in ("unreachable", "outage"):
            raise EndpointConnectionError(endpoint_url=request.url)
        if kind == "crash-before":
            raise Crash
        if kind.startswith("rival-") and kind.endswith("before"):
            self._let_rival_run(kind)
            return self._send(request)
        if kind.startswith("error-"):
            _, status, code = kind.split("-")
            return reply(request, int(status), _error_body(operation, code), {"x-amzn-errortype": code})
        name = operation.partition(".")[2]  # a second act may make other calls than the first
        if kind.startswith("cancelled-") and name == "TransactWriteItems":
            return _cancelled(request, kind.removeprefix("cancelled-"))
        if kind.startswith("partly-") and name in _BATCHES:
            return self._partly(operation, request, applied="applied" in kind)
        response = self._send(request)
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
            answer = self._send_document(request, document) if wanted["Keys"] else {"Responses": {table: []}}
            answer["UnprocessedKeys"] = {table: {**wanted, "Keys": [first]}}
            return reply(request, 200, json.dumps(answer))
        first = document[entries_name][0]
        if not applied:
            document[entries_name] = document[entries_name][1:]
        answer = self._send_document(request, document) if document[entries_name] else {failures_name: []}
        if name == "BatchExecuteStatement":
            rest = answer["Responses"][1:] if applied else answer["Responses"]
            refused = {
                "Error": {"Code": "InternalServerError" if applied else "ThrottlingError", "Message": "injected"}
            }
            answer["Responses"] = [refused, *rest]
        else:
            answer["Successful"] = [each for each in answer.get("Successful", []) if each["Id"] != first["Id"]]
            answer["Failed"] = [{"Id": first["Id"], "Code": "InternalError", "SenderFault": False}]
        return reply(request, 200, json.dumps(answer))

    def _send(self, request: AWSPreparedRequest) -> AWSResponse:
        return self.clients.wire.send(request)

    def _send_document(self, request: AWSPreparedRequest, document: dict[str, Any]) -> dict[str, Any]:
        request.body = json.dumps(document).encode()
        request.headers["Content-Length"] = str(len(request.body))
        answer: dict[str, Any] = json.loads(self._send(request).content)
        return answer


def _step() -> str:
    """Which way through the product the running call came."""
    names = list[str]()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way, and many times as fast as inspect
    while frame:
        if frame.f_globals.get("__name__", "").startswith(_PRODUCT):
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return " > ".join(reversed(names))


def reply(request: AWSPreparedRequest, status: int, body: str, headers: dict[str, str] | None = None) -> AWSResponse:
    return make_answer(request, status, body.encode(), headers)


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
    return reply(request, 400, json.dumps(body), {"x-amzn-errortype": "TransactionCanceledException"})
