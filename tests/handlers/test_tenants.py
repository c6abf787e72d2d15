"""Keys on a closed stage, and two projects of which one attacks the other."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.flows.access import Access
from chalicelib.wiring import pipeline
from handlers.api_client import Api
from handlers.routes import PUBLIC, ROUTES, assert_problem, concrete
from millrace.ops import registry
from stage import Clients

EVENT = {"event_type": "click", "user_id": "u1", "event_id": "e1", "timestamp": "2015-05-17T10:05:00Z"}
READS = [path for path, method in ROUTES if method == "GET" and path not in PUBLIC and "chunk" not in path]
_numbers = count(1)


@dataclass
class Tenant:
    """A project with a key of each kind."""

    api: Api
    project: str
    write_key: str
    read_key: str

    def post(self, *events: Any, key: str | None = None) -> HTTPResponse:
        return self.api.post(list(events), authorization=f"Bearer {key or self.write_key}")

    def send(self, *events: Any) -> dict[str, Any]:
        """Post events and let the pipeline finish with them."""
        reply = dict(self.post(*events).json_body)
        self.api.process()
        return reply

    def get(self, path: str, key: str | None = None, **parameters: object) -> HTTPResponse:
        return self.api.get(path, authorization=f"Bearer {key or self.read_key}", **parameters)


def make_tenant(api: Api, name: str) -> Tenant:
    def create(kind: str) -> str:
        return registry.create_key(pipeline().projects, name, kind, datetime.now(UTC))[0]

    return Tenant(api, name, create("write"), create("read"))


@pytest.fixture
def closed(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("OPEN_STAGE", "false")
    yield api
    api.take_messages()


@pytest.fixture
def acme(closed: Api) -> Tenant:
    return make_tenant(closed, f"acme{next(_numbers)}")


@pytest.fixture
def evil(closed: Api, acme: Tenant) -> Tenant:
    """A project whose name starts like the other's, up to what a name may hold."""
    return make_tenant(closed, f"{acme.project}-e")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_write_key_is_taken_wherever_clients_put_it(acme: Tenant) -> None:
    key = acme.write_key
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key} "},
        {"authorization": basic(f"{key}:")},
        {"authorization": basic(f"{key}:anything")},
        {"authorization": basic(key)},
        {"x_write_key": key},
    ):
        assert acme.api.post(EVENT, **headers).status_code == 200, headers


@pytest.mark.parametrize("path", READS)
def test_a_write_key_may_not_query(acme: Tenant, path: str) -> None:
    assert_problem(acme.get(concrete(path), acme.write_key), 403, "forbidden")


def test_a_read_key_may_not_send(acme: Tenant) -> None:
    assert_problem(acme.post(EVENT, key=acme.read_key), 403, "forbidden")
    assert acme.api.take_messages() == []


def test_either_key_reads_a_receipt(acme: Tenant) -> None:
    [chunk_id] = acme.send(EVENT)["chunks"]
    for key in (acme.write_key, acme.read_key):
        assert acme.get(f"/chunks/{chunk_id}", key).json_body["status"] == "committed"


@pytest.mark.parametrize(("path", "method"), [route for route in ROUTES if route[0] not in PUBLIC])
def test_a_key_that_was_never_issued_opens_no_route(closed: Api, path: str, method: str) -> None:
    key = "mw_" + "0" * 12 + "_" + "0" * 40
    response = closed.request(method, concrete(path), json.dumps(EVENT).encode(), x_write_key=key)
    assert_problem(response, 401, "bad_key")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("path", "method"), [route for route in ROUTES if route[0] in PUBLIC])
def test_what_is_public_needs_no_key(closed: Api, path: str, method: str) -> None:
    expected = 404 if path.startswith("/assets/") else 200  # there is no file of that name
    assert closed.request(method, concrete(path)).status_code == expected


def test_a_key_that_is_revoked_stops(acme: Tenant) -> None:
    registry.revoke_key(pipeline().projects, acme.write_key)
    pipeline().access = Access(pipeline().projects, is_open=False)  # a function that remembers nothing yet
    assert_problem(acme.post(EVENT), 401, "bad_key")
    assert acme.get("/events").status_code == 200


def test_keys_stay_out_of_logs_answers_and_the_table(
    acme: Tenant, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    answers = [acme.post(EVENT, {}), acme.post(EVENT, key=acme.read_key), acme.post({}), acme.get("/events")]
    told = caplog.text + "".join(answer.body.decode() for answer in answers)
    told += repr(clients.dynamodb.scan(TableName=os.environ["TABLE_NAME"])["Items"])
    for key in (acme.write_key, acme.read_key):
        assert key.rpartition("_")[2] not in told


# As an attacker would try it: `evil` has keys of its own and knows everything about acme but its keys.


@pytest.fixture
def attacked(acme: Tenant) -> dict[str, Any]:
    """What acme's client was told about its event, all of it known to evil."""
    return acme.send(EVENT | {"secret_of_acme": "top"})


def assert_untouched(acme: Tenant) -> None:
    rows = acme.get("/events").json_body["events"]
    assert [(row["event_id"], row["properties"]) for row in rows] == [("e1", {"secret_of_acme": "top"})]
    assert [row["count"] for row in acme.get("/counts").json_body["counts"]] == [1]


def test_an_events_key_opens_it_in_its_own_project_alone(acme: Tenant, evil: Tenant, attacked: dict[str, Any]) -> None:
    key = attacked["events"][0]["key"]
    assert acme.get(f"/events/{key}").json_body["properties"] == {"secret_of_acme": "top"}
    assert_problem(evil.get(f"/events/{key}"), 404, "no_such_event")


def test_a_chunk_id_tells_another_project_no_more_than_that_it_could_exist(
    evil: Tenant, attacked: dict[str, Any]
) -> None:
    [chunk_id] = attacked["chunks"]
    for key in (evil.write_key, evil.read_key):
        assert evil.get(f"/chunks/{chunk_id}", key).json_body == {"chunk_id": chunk_id, "status": "in_flight"}


@pytest.mark.usefixtures("attacked")
@pytest.mark.parametrize(
    ("path", "filters"),
    [
        ("/events", ["user_id", "event_type", "cursor"]),
        ("/counts", ["event_type"]),
        ("/reports", ["cursor"]),
        ("/rejections", ["code", "cursor"]),
    ],
)
def test_no_filter_reaches_into_another_project(acme: Tenant, evil: Tenant, path: str, filters: list[str]) -> None:
    acme.api.aggregate()
    acme.post({"user_id": "told to acme alone"})
    assert acme.get(path).json_body[path[1:]] != []
    hostile = ["u1", f"{acme.project}#e#u1", f"#{acme.project}", "u1#", "*", "", "u1\u0000", f"../{acme.project}/u1"]
    named = [{name: value} for name in filters for value in hostile]
    for parameters in [{}, {"project": acme.project}, {"pk": f"{acme.project}#e#u1"}, *named]:
        response = evil.get(path, **parameters)
        assert response.status_code in (200, 400)
        assert response.status_code == 400 or response.json_body[path[1:]] == []
        assert "top" not in response.body.decode().replace("stop", "")


def test_a_cursor_of_another_project_is_refused(acme: Tenant, evil: Tenant) -> None:
    for tenant in (acme, evil):
        tenant.send(EVENT)
        tenant.send(EVENT | {"event_id": "e2"})
    cursor = acme.get("/events", limit=1).json_body["next"]
    assert cursor
    assert acme.get("/events", limit=1, cursor=cursor).status_code == 200
    assert_problem(evil.get("/events", limit=1, cursor=cursor), 400, "bad_cursor")


@pytest.mark.usefixtures("attacked")
@pytest.mark.parametrize(
    "claim",
    [
        {"project": "acme"},
        {"context": {"project": "acme"}},
        {"user_id": "acme#e#u1"},
        {"chunk_id": "x", "source_ip": "192.0.2.9"},
    ],
)
def test_an_event_cannot_claim_another_project(acme: Tenant, evil: Tenant, claim: dict[str, Any]) -> None:
    claimed = json.loads(json.dumps(claim).replace('"acme', f'"{acme.project}'))
    [verdict] = evil.send(EVENT | claimed)["events"]
    assert evil.get(f"/events/{verdict['key']}").json_body["project"] == evil.project
    assert_untouched(acme)


@pytest.mark.usefixtures("attacked")
def test_the_same_identity_in_two_projects_is_two_events(acme: Tenant, evil: Tenant) -> None:
    reply = evil.send(EVENT | {"page": "/evil"})
    assert evil.get(f"/chunks/{reply['chunks'][0]}").json_body["stored"] == 1
    assert_untouched(acme)


@pytest.mark.usefixtures("attacked")
@pytest.mark.parametrize(
    ("user_id", "event_id"),
    [("u1", "x#e1"), ("u1#2015-05-17T10:05:00.000000Z", "e1"), ("-e#e#u1", "e1"), ("u1/", "/e1")],
)
def test_separators_in_ids_reach_nobody_else(acme: Tenant, evil: Tenant, user_id: str, event_id: str) -> None:
    evil.send(EVENT | {"user_id": user_id, "event_id": event_id})
    [row] = evil.get("/events", user_id=user_id).json_body["events"]
    assert (row["user_id"], row["event_id"]) == (user_id, event_id)
    assert_untouched(acme)


def test_two_keys_at_once_speak_for_the_first_place_alone(acme: Tenant, evil: Tenant) -> None:
    headers = {"x_write_key": evil.write_key, "authorization": f"Bearer {acme.write_key}"}
    [verdict] = acme.api.post(EVENT, **headers).json_body["events"]
    acme.api.process()
    assert evil.get(f"/events/{verdict['key']}").status_code == 200
    assert acme.get(f"/events/{verdict['key']}").status_code == 404
