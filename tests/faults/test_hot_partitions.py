"""A partition that is throttled, or whose calls hang, costs the chunks of other partitions nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from builders import HISTORY, NOW, SETTINGS, make_chunk, make_event, make_message, make_single
from chalicelib.core.chunk import Chunk
from chalicelib.errors import ProcessingFailed
from chalicelib.flows.process import process
from fakes import FakeMeter, FakeQueue
from injector import reply
from millrace.local.emulator import Emulator
from stage import Clients, Stage

HOT = "hot"
#: What the product cannot do without, for each hot chunk: a look, a claim or a commit together with others and alone.
MOST_TRIED = 9


@dataclass
class Partition:
    """Throttles every key in whose partition `hot` is, or lets every call hang that has such a key."""

    clients: Clients
    hangs: bool = False
    throttles: bool = False
    tried: int = 0

    def carry(self, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        if operation.startswith("dynamodb.") and HOT.encode() in request.body:
            self.tried += self.hangs or self.throttles
            if self.hangs:
                raise ReadTimeoutError(endpoint_url=request.url)
            if self.throttles:
                return self._throttle(operation.partition(".")[2], request)
        return self.clients.wire.send(request)

    def _throttle(self, name: str, request: AWSPreparedRequest) -> AWSResponse:
        document = json.loads(request.body)
        if name == "BatchExecuteStatement":
            statements = document["Statements"]
            answers = iter(self._send(request, {**document, "Statements": _cold(statements)})["Responses"])
            refused = {"Error": {"Code": "ThrottlingError", "Message": "hot"}}
            responses = [refused if HOT in json.dumps(each) else next(answers) for each in statements]
            return reply(request, 200, json.dumps({"Responses": responses}))
        if name == "BatchGetItem":
            ((table, wanted),) = document["RequestItems"].items()
            cold = {**wanted, "Keys": _cold(wanted["Keys"])}
            answer: dict[str, Any] = {"Responses": {table: []}}
            if cold["Keys"]:
                answer = self._send(request, {"RequestItems": {table: cold}})
            hot = [key for key in wanted["Keys"] if HOT in json.dumps(key)]
            return reply(request, 200, json.dumps(answer | {"UnprocessedKeys": {table: {**wanted, "Keys": hot}}}))
        if name == "TransactWriteItems":
            codes = ["ThrottlingError" if HOT in json.dumps(each) else "None" for each in document["TransactItems"]]
            body = {"__type": "TransactionCanceledException", "CancellationReasons": [{"Code": each} for each in codes]}
            return reply(request, 400, json.dumps(body), {"x-amzn-errortype": "TransactionCanceledException"})
        body = {"__type": "ThrottlingException", "message": "hot"}
        return reply(request, 400, json.dumps(body), {"x-amzn-errortype": "ThrottlingException"})

    def _send(self, request: AWSPreparedRequest, document: dict[str, Any]) -> dict[str, Any]:
        if document.get("Statements") == []:
            return {"Responses": []}
        request.body = json.dumps(document).encode()
        request.headers["Content-Length"] = str(len(request.body))
        answer: dict[str, Any] = json.loads(self.clients.wire.send(request).content)
        return answer


def _cold(parts: Sequence[Any]) -> list[Any]:
    return [each for each in parts if HOT not in json.dumps(each)]


def chunks_of(user: str, project: str) -> list[Chunk]:
    """A single, a chunk whose events are known by guards, and one of two events."""
    return [
        make_single(make_event(f"{user}-s", user=user), project=project),
        make_chunk(make_event(f"{user}-g", user=user, guarded=True), project=project),
        make_chunk(make_event(f"{user}-1", user=user), make_event(f"{user}-2", user=user), project=project),
    ]


@pytest.mark.parametrize("fault", ["hangs", "throttles"])
@pytest.mark.parametrize(
    ("hot", "receive_count"),
    [(("hot", "acme"), 1), (("hot", "acme"), 2), (("ann", "hot"), 2)],
    ids=["a user", "a user, again", "a project, again"],
)
def test_neighbours_of_hot_chunks_are_committed_in_the_same_delivery(
    emulator: Emulator, hot: tuple[str, str], fault: str, receive_count: int
) -> None:
    clients = Clients(emulator.environment(), checked=False)
    partition = Partition(clients)
    stage = Stage(clients)
    clients.carry = partition.carry
    setattr(partition, fault, True)
    given = [each for number in range(8) for each in chunks_of(f"user-{number}", "acme")]
    hot_chunks = chunks_of(*hot)
    given[4:4] = hot_chunks

    def deliver(count: int) -> None:
        process(
            [make_message(each, receive_count=count) for each in given],
            queue=FakeQueue(),
            events=stage.events,
            commits=stage.commits,
            failure_notes=stage.failure_notes,
            archive=stage.archive,
            quarantine=stage.quarantine,
            meter=FakeMeter(),
            now=NOW,
            lifetimes=HISTORY,
            report_properties=SETTINGS.report_properties,
        )

    def committed() -> set[str]:
        return {each for _, each in stage.commits.committed((chunk.project, chunk.chunk_id) for chunk in given)}

    with pytest.raises(ProcessingFailed, match=f"3 of {len(given)}"):
        deliver(receive_count)
    assert partition.tried <= MOST_TRIED * len(hot_chunks)
    partition.hangs = partition.throttles = False
    assert committed() == {chunk.chunk_id for chunk in given} - {chunk.chunk_id for chunk in hot_chunks}
    deliver(receive_count + 1)
    assert committed() == {chunk.chunk_id for chunk in given}
    counts = [
        sum(each.minutes.values())
        for project in {hot[1], "acme"}
        for each in stage.counters.of_days(project, [given[0].hour[:10]])
    ]
    assert sum(counts) == sum(len(chunk.events) for chunk in given)
