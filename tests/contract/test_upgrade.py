"""Data of another version: refused where it is unknown, converted under load where it is known, and rolled back to.

Format 3 exists here alone. In it, the days of a project lie in a partition of another name.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from chalice.test import Client

import app
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.counters import Counters
from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.items import Item, key_of, text
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.errors import UnknownFormat
from chalicelib.flows.ingest import ingest
from chalicelib.flows.process import process
from chalicelib.ports import DataFormat
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline
from millrace.command_error import CommandError
from millrace.deploy import deployment, doctor
from millrace.local.emulator import PROJECT
from millrace.ops.upgrade import Upgrades, prepare, upgrade
from millrace.stack import Stack
from poller import Poller
from stage import Clients, Stage

TABLE_OF_0_1_0 = Path(__file__).parents[1] / "data" / "table-of-0.1.0.jsonl"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# The clock of a version under test runs this much faster than ours, so that nobody waits for a minute.
HASTE = 40
SCHEDULED = dict.fromkeys(
    ("version", "account", "region", "detail", "detail-type", "source", "time", "id", "resources"), ""
)


@pytest.fixture
def environment(stage: Stage, aws: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:  # noqa: ARG001
    """What the functions of an empty stage see."""
    names = {
        "QUEUE_URL": stage.settings.queue_url,
        "TABLE_NAME": stage.settings.table_name,
        "BUCKET_NAME": stage.settings.bucket_name,
        "TOPIC_ARN": stage.settings.topic_arn,
        "OPEN_STAGE": "true",
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


def load_0_1_0(clients: Clients, table_name: str) -> list[Item]:
    """Put what a stage of 0.1.0 had in its table after five events: one of each kind of item."""
    items = [json.loads(line, object_hook=_in_bytes) for line in TABLE_OF_0_1_0.read_text().splitlines()]
    for item in items:
        clients.dynamodb.put_item(TableName=table_name, Item=item)
    return items


def _in_bytes(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if value.keys() == {"B"} else value


def items_in(clients: Clients, table_name: str) -> list[Item]:
    items = clients.dynamodb.scan(TableName=table_name)["Items"]
    return sorted(items, key=key_of)


def post() -> Any:
    body = json.dumps({"event_type": "view", "user_id": "ann", "event_id": "1"}).encode()
    return Client(app.app).http.post("/events", headers={"Content-Type": "application/json"}, body=body)


def test_data_of_0_1_0_is_refused_everywhere_and_left_as_it_is(stage: Stage, environment: dict[str, str]) -> None:
    loaded = load_0_1_0(stage.clients, stage.settings.table_name)
    answers = [post(), *(Client(app.app).http.get(path) for path in ("/events", "/counts", "/reports", "/status"))]
    assert {(answer.status_code, answer.json_body["code"]) for answer in answers} == {(503, "unknown_data_format")}
    for function in ("process", "aggregate"):
        with pytest.raises(UnknownFormat):
            app.app.handler_map[function]({"Records": [], **SCHEDULED}, None)
    with pytest.raises(CommandError, match=r"Millrace 0\.1\.0"):
        prepare(environment)
    with pytest.raises(CommandError, match=r"Millrace 0\.1\.0"):
        upgrade(Pipeline(Settings.from_environ(environment)), print)
    assert items_in(stage.clients, stage.settings.table_name) == sorted(loaded, key=key_of)
    assert stage.queue.depth() == 0


def test_an_empty_stage_is_refused_with_the_command_that_prepares_it(environment: dict[str, str]) -> None:
    refusal = post()
    assert (refusal.status_code, refusal.headers["Retry-After"]) == (503, "60")
    assert "millrace upgrade" in refusal.json_body["detail"]
    prepare(environment)
    assert post().status_code == 200
    prepare(environment)


def test_deploy_refuses_data_of_0_1_0_before_anything_changes(clients: Clients, aws: None, tmp_path: Path) -> None:  # noqa: ARG001
    name = deployment.stack_name("of-0-1-0")
    outputs = Stack(name).apply(PROJECT / "stack.yaml", {"VisibilitySeconds": "400"})
    load_0_1_0(clients, outputs["TABLE_NAME"])
    said: list[str] = []
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text("{}")
    with pytest.raises(CommandError, match=r"Millrace 0\.1\.0"):
        deployment.prepare(tmp_path, "of-0-1-0", said.append)
    assert (said, [each.name for each in tmp_path.iterdir()]) == ([], [".chalice"])
    queue = clients.sqs.get_queue_attributes(QueueUrl=outputs["QUEUE_URL"], AttributeNames=["All"])
    assert queue["Attributes"]["VisibilityTimeout"] == "400"
    (finding,) = doctor.data_format_is_known(doctor.Stage("of-0-1-0", tmp_path, outputs, {}))
    assert "millrace upgrade" in finding[0]


class TableOf3(Table):
    """That of a version which knows the formats 2 and 3, and writes the one that is recorded."""

    formats: DataFormats

    def transact(self, parts: Sequence[Item]) -> set[int]:
        return super().transact([self._moved(part) for part in parts])

    def _moved(self, part: Item) -> Item:
        put = part.get("Put")
        if put is None or not put["Item"]["pk"]["S"].endswith("#days") or self.formats.check().written < 3:
            return part
        return {"Put": {**put, "Item": {**put["Item"], "pk": text(f"{put['Item']['pk']['S']}3")}}}


class CountersOf3(Counters):
    def days(self, project: str, **span: Any) -> list[str]:
        moved = {item["sk"]["S"][:10] for item in self._table.query(f"{table_keys.days_partition(project)}3")}
        return sorted(moved.union(super().days(project, **span)))


class Version:
    """One instance of a version's processor and ingestion, with a clock that hastens."""

    def __init__(self, stage: Stage, known: set[int]) -> None:
        table = TableOf3(stage.clients.dynamodb, stage.settings.table_name)
        self.stage, self.poller = stage, Poller(stage, stage.clients, UnknownFormat)
        self.formats = DataFormats(table, known=known, clock=lambda: time.monotonic() * HASTE)
        table.formats = self.formats
        self.commits = CommitLog(table, lifetimes=lambda: stage.lifetimes) if 3 in known else stage.commits
        self.counters = CountersOf3(table) if 3 in known else stage.counters

    def post(self, number: int) -> None:
        self.formats.check()
        day = f"2026-02-{number % 28 + 1:02}T10:00:00Z"
        fields = {"event_type": "view", "user_id": "ann", "event_id": str(number), "timestamp": day}
        sender = Sender("default", NOW, None, None)
        ingest([RawEvent(fields)], sender=sender, queue=self.stage.queue, meter=self.stage.meter)

    def process(self) -> None:
        def function(messages: Any) -> None:
            self.formats.check()
            stage = self.stage
            names = ("queue", "events", "failure_notes", "archive", "quarantine", "meter", "lifetimes")
            given: dict[str, Any] = {name: getattr(stage, name) for name in names}
            process(messages, **given, commits=self.commits, now=NOW, report_properties=())

        self.poller.deliver(self.poller.receive(), function)


class Load:
    """Instances of a version that post and process all the time, in threads of their own."""

    def __init__(self, versions: list[Version]) -> None:
        self._numbers = itertools.count()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(version,)) for version in versions]
        self.posted: list[int] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _work(self, version: Version) -> None:
        while not self._ending.is_set():
            number = next(self._numbers)
            version.post(number)
            self.posted.append(number)
            version.process()


def to_format_3(stage: Stage) -> Upgrades:
    """Moves the days of the project; safe to repeat."""
    table = Table(stage.clients.dynamodb, stage.settings.table_name)

    def move_days(_: Pipeline) -> None:
        for item in table.query(table_keys.days_partition("default")):
            table.put({**item, "pk": text(f"{item['pk']['S']}3")})
            table.delete(key_of(item))

    return {2: move_days}


def bring_to_3(stage: Stage, upgrades: Upgrades) -> DataFormat:
    pipeline = Pipeline(stage.settings)
    pipeline.formats = Version(stage, {2, 3}).formats
    return upgrade(pipeline, print, upgrades=upgrades, target=3, pause=lambda seconds: time.sleep(seconds / HASTE))


def days_in(stage: Stage, partition: str) -> set[str]:
    table = Table(stage.clients.dynamodb, stage.settings.table_name)
    return {item["sk"]["S"][:10] for item in table.query(partition)}


def test_an_upgrade_under_load_loses_nothing_and_can_be_rolled_back(stage: Stage) -> None:
    stage.formats.create()
    with Load([Version(stage, {2, 3}) for _ in range(3)]) as load:
        while len(load.posted) < 60:
            time.sleep(0.01)
        assert bring_to_3(stage, to_format_3(stage)) == DataFormat(3, 3)
        upgraded_after = len(load.posted)
        while len(load.posted) < upgraded_after + 30:
            time.sleep(0.01)
    version = Version(stage, {2, 3})
    while stage.queue.depth():
        version.process()
    days = {f"2026-02-{number % 28 + 1:02}" for number in load.posted}
    counted = sum(sum(counter.minutes.values()) for counter in version.counters.of_days("default", days))
    assert counted == len(load.posted)
    assert (days_in(stage, "default#days"), days_in(stage, "default#days3")) == (set(), days)
    assert set(version.counters.days("default")) == days

    older_that_knows_3, older = Version(stage, {2, 3}), Version(stage, {2})
    older_that_knows_3.post(len(load.posted))
    with pytest.raises(UnknownFormat, match="has format 3"):
        older.post(0)


def test_an_upgrade_that_was_interrupted_goes_on_where_it_was(stage: Stage) -> None:
    stage.formats.create()
    Version(stage, {2, 3}).post(1)
    Version(stage, {2, 3}).process()

    def dies(_: Pipeline) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_to_3(stage, {2: dies})
    assert stage.formats.read() == DataFormat(3, 2)
    with pytest.raises(UnknownFormat):
        Version(stage, {3}).post(2)
    assert bring_to_3(stage, to_format_3(stage)) == DataFormat(3, 3)
    assert (days_in(stage, "default#days"), days_in(stage, "default#days3")) == (set(), {"2026-02-02"})
