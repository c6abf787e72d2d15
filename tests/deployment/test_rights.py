"""What each function may do is what it does: policies against the calls that the functions really make."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from chalice.test import Client

import app
from builders import make_chunk, make_event, make_quarantined
from chalicelib import wiring
from chalicelib.adapters import aws
from chalicelib.core import chunk as chunks
from chalicelib.core import commit
from chalicelib.errors import ProcessingFailed
from chalicelib.wiring import _pipeline, pipeline
from millrace.deploy import policies
from millrace.deploy.rights import RIGHTS
from millrace.local.emulator import Emulator
from millrace.ops import registry
from stage import Stage

# Not called by the function but by Lambda's poller, with the function's role.
POLLER = {("sqs:GetQueueAttributes", "chunks"), ("sqs:ReceiveMessage", "chunks"), ("sqs:DeleteMessage", "chunks")}

_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def needed(function: str, service: str, operation: str, parameters: dict[str, Any]) -> set[tuple[str, str]]:
    """What IAM asks for before a call: (action, resource), as AWS documents it for each service."""
    name = f"{service}:{operation}"
    match name:
        case "dynamodb:TransactWriteItems":
            items = [each for item in parameters["TransactItems"] for each in item.items()]
            return {(f"dynamodb:{_TRANSACTED[kind]}", item["TableName"]) for kind, item in items}
        case "dynamodb:BatchExecuteStatement":
            words = [each["Statement"].split() for each in parameters["Statements"]]
            return {(f"dynamodb:PartiQL{verb.title()}", table.strip('"')) for verb, _, table, *_ in words}
        case "dynamodb:BatchGetItem":
            return {(name, table) for table in parameters["RequestItems"]}
        case "dynamodb:PutItem" | "dynamodb:UpdateItem" if function == "api_handler":
            key = parameters.get("Key") or parameters["Item"]
            return {(name, f"{parameters['TableName']}, only #{key['pk']['S'].split('#')[1]}#*")}
    resource: dict[str, Callable[[], str]] = {
        "dynamodb": lambda: parameters["TableName"],
        "sqs": lambda: parameters["QueueUrl"].rpartition("/")[2],
        "s3": lambda: f"{parameters['Bucket']}/{parameters['Key'].partition('/')[0]}/*",
        "sns": lambda: parameters["TopicArn"].rpartition(":")[2],
        "cloudwatch": lambda: "*",
        "logs": lambda: "*",
    }
    return {(name.removesuffix("Batch"), resource[service]())}


@dataclass
class Recorder:
    """Notes what IAM would be asked for, for the function that runs. `unreachable`: the operation that then fails."""

    function: str = ""
    unreachable: str = ""
    found: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def note(self, params: dict[str, Any], model: Any, event_name: str, **_: Any) -> None:
        service = event_name.split(".")[1].removeprefix("cloudwatch-")  # IAM names CloudWatch Logs by its endpoint
        self.found.setdefault(self.function, set()).update(needed(self.function, service, model.name, params))
        if model.name == self.unreachable:
            raise EndpointConnectionError(endpoint_url=service)


class Functions:
    """The deployed functions, run here with everything that they can meet."""

    def __init__(self, stage: Stage, recorder: Recorder) -> None:
        self.stage, self.recorder = stage, recorder
        self.http = Client(app.app).http

    def run_all(self) -> None:
        self.recorder.function = "operator"
        registry.change_project(pipeline().projects, "default", lambda project: replace(project, quota=1000))
        write_key, _ = registry.create_key(pipeline().projects, "default", "write", datetime.now(UTC))
        key = self.ask()
        self.http.post("/events", headers={"Authorization": f"Bearer {write_key}"}, body=b'{"event_type": "no user"}')
        _begin_anew()  # each function is a process of its own, and remembers nothing of the others
        self.process()
        _begin_anew()
        self.aggregate()
        self.ask(key)

    def ask(self, key: str = "WyJhIl0") -> str:
        self.recorder.function = "api_handler"
        events = [{"event_type": "view", "user_id": "ann", "event_id": str(number)} for number in range(3)]
        answer = self.http.post("/events", headers={"Content-Type": "application/json"}, body=json.dumps(events))
        for path in ("events?user_id=ann", "events", f"events/{key}", f"chunks/{answer.json_body['chunks'][0]}"):
            self.http.get(f"/{path}")
        for path in ("counts", "reports?grain=hour", "rejections", "status", "health"):
            assert self.http.get(f"/{path}").status_code == 200
        return str(answer.json_body["events"][0]["key"])

    def process(self) -> None:
        """A batch, a redelivery of it, a chunk of one event that has a rival, one that is too old, and poison, which
        comes back as long as it cannot be set aside.
        """
        _pipeline.cache_clear()  # a function of its own remembers nothing of the API's reads
        now = datetime.now(UTC)
        bodies = [
            *self._messages(),
            chunks.encode(make_chunk(make_event("1", user="ann"), received=now)),
            chunks.encode(make_chunk(make_event("other", user="bob"), received=now)),
            chunks.encode(make_chunk(make_event("aged"), received=now - timedelta(days=31))),
            # What ingestion never measured: the ledger looks into the logs.
            chunks.encode(make_chunk(make_event("unmeasured"), received=now - timedelta(hours=2))),
        ]
        for count in ("1", "2"):
            self._deliver(bodies, count)
        for body in bodies:
            self._deliver([body], "1")
        self.recorder.unreachable = "PutObject"
        with pytest.raises(ProcessingFailed):
            self._deliver([bodies[0], "poison"], "1")
        self.recorder.unreachable = ""
        self._deliver(["poison"], "2")

    def aggregate(self) -> None:
        _pipeline.cache_clear()
        self.recorder.function = "aggregate"
        event = {
            "version": "0",
            "id": "1",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "0",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {},
        }
        for number in range(3):
            if number < 2:
                self._commit_much(number)
                self._commit_what_is_in_quarantine()
            app.app.handler_map["aggregate"](event, None)

    def _commit_much(self, number: int) -> None:
        """What makes an hour summary that is too large for the table."""
        chunk = make_chunk(make_event(f"much {number}"))
        record = commit.make_record(chunk, chunk.events, "object", ())
        values = {secrets.token_hex(100): 1 for _ in range(200)}
        self.stage.commits.commit([replace(record, value_counts={"page": values})])

    def _commit_what_is_in_quarantine(self) -> None:
        chunk = make_chunk(make_event("kept"))
        self.stage.quarantine.add(make_quarantined(chunk), "kept")
        self.stage.commits.commit([commit.make_record(chunk, chunk.events, "object", ())])

    def _messages(self) -> list[str]:
        url = self.stage.settings.queue_url
        answer = self.stage.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer["Messages"]]

    def _deliver(self, bodies: list[str], receive_count: str) -> None:
        self.recorder.function = "process"
        records = [
            {
                "messageId": str(number),
                "receiptHandle": "none",
                "body": body,
                "attributes": {"ApproximateReceiveCount": receive_count},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies)
        ]
        app.app.handler_map["process"]({"Records": records}, None)


def _begin_anew() -> None:
    wiring._pipeline.cache_clear()  # noqa: SLF001 - as in a process that has just started


@pytest.fixture(scope="module")
def recorded(emulator: Emulator, clients: Any) -> Iterator[dict[str, set[tuple[str, str]]]]:
    """What the functions asked for, by function; resources by their short names."""
    stage, recorder = Stage(clients), Recorder()
    stage.formats.create()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**emulator.environment(), **environment_of(stage), "OPEN_STAGE": "true"}.items():
            environment.setenv(name, value)
        session = aws._session()  # noqa: SLF001 - clients made from here on are listened to
        session.register("provide-client-params.*.*", recorder.note)
        Functions(stage, recorder).run_all()
        session.unregister("provide-client-params.*.*", recorder.note)
        yield {function: {short(right, stage) for right in found} for function, found in recorder.found.items()}


def environment_of(stage: Stage) -> dict[str, str]:
    settings = stage.settings
    return {
        "QUEUE_URL": settings.queue_url,
        "DEAD_LETTER_URL": settings.dead_letter_url,
        "TABLE_NAME": settings.table_name,
        "BUCKET_NAME": settings.bucket_name,
        "TOPIC_ARN": settings.topic_arn,
        "STACK_NAME": settings.table_name,
    }


def short(right: tuple[str, str], stage: Stage) -> tuple[str, str]:
    return right[0], right[1].removeprefix(stage.settings.table_name.removesuffix("table"))


ENVIRONMENT = {
    "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/chunks",
    "DEAD_LETTER_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
    "TABLE_NAME": "table",
    "BUCKET_NAME": "archive",
    "TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:reports",
}


@pytest.fixture(scope="module")
def written() -> dict[str, policies.Policy]:
    return policies.policies(ENVIRONMENT, "prod")


def allowed(policy: policies.Policy) -> set[tuple[str, str]]:
    return {
        (action, resource.removeprefix("arn:aws:s3:::").rsplit(":", 1)[-1].removeprefix("table/") + bounds(statement))
        for statement in policy["Statement"]
        if statement["Sid"] != "Logs" and statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def bounds(statement: dict[str, Any]) -> str:
    condition = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
    return "".join(f", only {partition}" for partition in condition.get("dynamodb:LeadingKeys", []))


@pytest.mark.parametrize("function", RIGHTS)
def test_a_function_calls_what_it_may_and_may_what_it_calls(
    function: str, recorded: dict[str, set[tuple[str, str]]], written: dict[str, policies.Policy]
) -> None:
    lambdas_own = POLLER - recorded[function] if function == "process" else set()
    assert allowed(written[function]) == recorded[function] | lambdas_own


def test_there_is_a_policy_for_every_function_and_no_other(written: dict[str, policies.Policy]) -> None:
    assert set(written) == set(RIGHTS) == {"api_handler", *(source.name for source in app.app.event_sources)}


def test_every_right_is_on_the_stage_s_own_resources(written: dict[str, policies.Policy]) -> None:
    whole = json.dumps(written)
    assert whole.count('"*"') == 3, "only metrics and alarms are no resource"
    assert "arn:aws:sqs:eu-central-1:123456789012:chunks" in whole
    assert "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/millrace-prod:*" in whole


def test_a_policy_file_is_stale_when_the_function_needs_another(tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    assert policies.write(tmp_path, ENVIRONMENT, "prod") == list(RIGHTS)
    assert policies.stale(tmp_path, ENVIRONMENT, "prod") == []
    written = tmp_path / ".chalice" / policies.policy_file("prod", "aggregate")
    written.write_text(written.read_text().replace("s3:DeleteObject", "s3:GetObject"))
    assert policies.stale(tmp_path, ENVIRONMENT, "prod") == ["aggregate"]


def test_every_right_becomes_an_action() -> None:
    for right in (right for rights in RIGHTS.values() for right in rights):
        assert len(policies.actions(right)) == len(right.calls), right
