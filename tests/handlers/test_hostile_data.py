"""Messages and items that nothing of ours has written: each costs only itself, and no report, route or neighbour."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app
from builders import make_chunk, make_event
from chalicelib.core import windows
from chalicelib.core.chunk import Chunk, encode
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.errors import ProcessingFailed
from chalicelib.wiring import Pipeline, pipeline
from handlers.api_client import Api
from stage import Clients

NUMBERS = count(1)
NOW = datetime.now(UTC)
HOUR = NOW - timedelta(hours=3)
HOSTILE: list[Any] = [
    None, True, -1, 10**40, 1e300, float("nan"), "", "#", "beta#e#x", "\ud800", "x" * 3000, "9999-12-31T23:59:59Z",
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", [], {}, [[]] * 3, {"#": {"\ud800": []}}, "\0",
]  # fmt: skip


def chunk_at(event_id: str, project: str = "alpha", **more: Any) -> Chunk:
    at = HOUR.strftime("%Y-%m-%dT%H:05:00Z")
    return make_chunk(make_event(event_id, at=at, page="/", **more), project=project, received=NOW)


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(encode(chunk_at("bad", "beta"))) | fields)


def changed_event(**fields: Any) -> str:
    (event,) = json.loads(encode(chunk_at("bad", "beta")))["events"]
    return changed(events=[event | fields])


def of_the_end_of_time() -> str:
    end = datetime(9999, 6, 1, tzinfo=UTC)
    chunk = chunk_at("bad", "beta")
    chunk_id = mint_chunk_id(end, f"{chunk.hour}:05", bytes(10))
    return encode(replace(chunk, chunk_id=chunk_id, sender=replace(chunk.sender, received=end)))


ATTACKS = {
    "a project that breaks the keys": changed(project="beta#e#x"),
    "a project of half a surrogate pair": changed(project="\ud800"),
    "a project with a long name": changed(project="x" * 3000),
    "a chunk id of the year 9999": of_the_end_of_time(),
    "a chunk id beyond all years": changed(chunk_id="76EZ91ZPZZ0000000000000000" + chunk_at("x").chunk_id[26:]),
    "a property of half a surrogate pair": changed_event(properties={"page": "\ud800"}),
    "a user of half a surrogate pair": changed_event(user_id="\udc00"),
    "a number that is none": changed_event(properties={"page": float("nan")}),
}


def deliver(*bodies: str) -> None:
    """A batch of messages as the queue hands it over."""
    app.app.handler_map["process"](
        {
            "Records": [
                {
                    "messageId": f"m-{next(NUMBERS)}",
                    "receiptHandle": f"handle-{number}",
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": "1"},
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                }
                for number, body in enumerate(bodies)
            ]
        },
        None,
    )


def stored(chunk: Chunk) -> int:
    record = pipeline().commits.record(chunk.project, chunk.chunk_id)
    return record.stored if record else 0


def reported(project: str) -> int:
    """The events of the hour, as its report says."""
    found = pipeline().reports.between(project, "hour", first="", after="~")
    return sum(report.content["events"] for report in found)


def kept(stage: Pipeline) -> int:
    return sum(1 for entry in stage.quarantine.waiting() if entry.code == "not_a_chunk")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_by_message_is_set_aside_and_its_neighbour_stored_and_reported(api: Api, attack: str) -> None:
    before, set_aside = reported("alpha"), kept(pipeline())
    good = chunk_at(f"good {attack}")
    deliver(ATTACKS[attack], encode(good))
    assert (stored(good), kept(pipeline())) == (1, set_aside + 1)
    api.aggregate()
    assert reported("alpha") == before + 1


def paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a document may be changed: each of its values, and a name that it does not have."""
    yield path
    for name, child in [*document.items(), ("more", None)] if isinstance(document, dict) else []:
        yield from paths(child, (*path, name))
    for number, child in enumerate(document if isinstance(document, list) else []):
        yield from paths(child, (*path, number))


SOUND = json.loads(encode(chunk_at("sound", "gamma", deep={"x": [1, "y"]})))
mutations = st.tuples(st.sampled_from(list(paths(SOUND))), st.sampled_from(HOSTILE))


def mutated(changes: list[tuple[tuple[Any, ...], Any]]) -> str:
    document: Any = {"whole": json.loads(json.dumps(SOUND))}
    for path, value in changes:
        place = document
        for step in ("whole", *path)[:-1]:
            place = place[step] if isinstance(place, dict) and step in place else place
        if isinstance(place, dict):
            place[("whole", *path)[-1]] = value
    return json.dumps(document["whole"])


@given(changes=st.lists(mutations, min_size=1, max_size=3))
def test_whatever_a_message_holds_its_neighbour_is_stored_and_nothing_comes_back(
    stage_api: Api, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    assert stage_api
    good = chunk_at(f"good {next(NUMBERS)}")
    deliver(mutated(changes), encode(good))
    assert stored(good) == 1


def test_after_all_that_every_report_is_made_and_every_route_answers(api: Api) -> None:
    api.aggregate()
    # The marks are young and stay; their reports are made.
    hours = [(mark.project, mark.hour) for mark in pipeline().marks.all()]
    assert hours
    assert all(pipeline().reports.get(windows.Window(project, windows.HOUR.name, hour)) for project, hour in hours)
    for path in ("events", "counts", "reports", "rejections", "status"):
        assert api.get(f"/{path}").status_code == 200


ROUTES = (
    *("/events", "/events?user_id=u1", "/counts", "/counts?grain=day", "/reports?grain=hour", "/reports?grain=day"),
    *("/rejections", "/status"),
)


def damaged(item: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """An item with an attribute of another type, without one, or with garbage in it; its key stays."""
    names = sorted(item.keys() - {"pk", "sk", "x"})
    if not names:
        return item | {"more": {"S": "x"}}
    name = dice.choice(names)
    left = {each: value for each, value in item.items() if each != name}
    garbage: list[dict[str, Any]] = [{"S": "\x01#{"}, {"N": "-1"}, {"B": b"\x78\x9cgarbage"}, {"BOOL": True}, {"L": []}]
    return dice.choice([left, *({**left, name: each} for each in garbage)])


def test_whatever_an_item_holds_other_projects_get_their_reports_and_no_route_breaks(
    api: Api, clients: Clients, request: pytest.FixtureRequest
) -> None:
    """Each kind of item is damaged in turn, a few times; --thorough: fifty times."""
    api.post([{"event_type": "v", "user_id": "u1", "page": "/"}, {"event_type": "v"}])
    api.process()
    api.aggregate()
    api.post({"event_type": "v", "user_id": "u1"})
    api.process()
    table, dice = pipeline().settings.table_name, random.Random(7)  # noqa: S311
    items = [
        item
        for item in clients.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        if item["pk"]["S"].startswith(("default#", "#")) and item["pk"]["S"] != "#stage"
    ]
    kinds = {(item["pk"]["S"].rstrip("01234567").replace("default", ""), item["sk"]["S"][:2]): item for item in items}
    for item in list(kinds.values()) * (50 if request.config.getoption("--thorough") else 1):
        clients.dynamodb.put_item(TableName=table, Item=damaged(item, dice))
        good = chunk_at(f"good {next(NUMBERS)}")
        before = reported("alpha")
        deliver(encode(good))
        with contextlib.suppress(ProcessingFailed):  # the run says that something is left
            api.aggregate()
        assert (stored(good), reported("alpha")) == (1, before + 1), item
        answers = {path: api.get(path).status_code for path in ROUTES}
        assert set(answers.values()) <= {200, 503}, (item, answers)
        clients.dynamodb.put_item(TableName=table, Item=item)


@pytest.mark.parametrize(
    ("pk", "sk"),
    [
        ("#marks#3", "beta#e#x#2026-01-01T10"),
        ("#marks#3", "alpha"),
        ("#marks#x", "alpha#2026-01-01T10"),
        ("#marks#3", "alpha#2026-13-01T10"),
        ("#unfinished", "alpha#week#2026-01-01"),
        ("#unfinished", "alpha"),
        ("#unfinished", "beta#e#x#hour#2026-01-01T10"),
        ("#quarantine", "alpha#x"),
        ("#quarantine", ""),
        ("#ledger#0", "x"),
        ("alpha#days", "x"),
        ("alpha#r#hour", "x"),
    ],
)
def test_an_item_under_a_key_that_nobody_builds_stops_no_report(api: Api, clients: Clients, pk: str, sk: str) -> None:
    table, key = pipeline().settings.table_name, {"pk": {"S": pk}, "sk": {"S": sk or "-"}}
    clients.dynamodb.put_item(TableName=table, Item=key | {"k": {"S": "token"}, "v": {"N": "1"}})
    good, before = chunk_at(f"good {pk}{sk}"), reported("default")
    api.post({"event_type": "v", "user_id": "u1", "event_id": f"{next(NUMBERS)}", "timestamp": HOUR.isoformat()})
    api.process()
    deliver(encode(good))
    with contextlib.suppress(ProcessingFailed):
        api.aggregate()
    assert (stored(good), reported("default")) == (1, before + 1)
    assert api.get("/status").status_code == 200
    clients.dynamodb.delete_item(TableName=table, Key=key)
