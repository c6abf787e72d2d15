"""What is kept of rejected events: enough to mend a client, no secrets, little money, and no POST fails for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, SETTINGS, raw_events, read_pages
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.core.project import Project
from chalicelib.errors import Problem
from chalicelib.flows import query
from chalicelib.flows.ingest import ingest
from chalicelib.flows.rejections import Rejections
from fakes import FakeMeter, FakeQueue, FakeRejectionLog

GOOD = {"event_type": "page_view", "user_id": "u1"}
BAD = {"user_id": "u1", "page": "/home"}
ACME = Project("acme", secret="s")
KEPT_POSTS_A_MINUTE = 20


def keeping(log: FakeRejectionLog) -> Rejections:
    return Rejections(lambda: log, posts_a_minute=KEPT_POSTS_A_MINUTE)


def post(log: FakeRejectionLog | Rejections, *events: Any, project: Project = ACME, **options: Any) -> dict[str, Any]:
    rejections = keeping(log) if isinstance(log, FakeRejectionLog) else log
    defaults: dict[str, Any] = {"sender": Sender(project.name, NOW), "queue": FakeQueue(), "meter": FakeMeter()}
    try:
        return ingest([RawEvent(each) for each in events], project=project, rejections=rejections, **defaults | options)
    except Problem as problem:
        if problem.code != "all_rejected":
            raise
        return problem.extra


def ask(log: FakeRejectionLog, project: str = "acme", **parameters: str) -> dict[str, Any]:
    return query.find_rejections(parameters, project=project, rejections=log, secret=SETTINGS.cursor_secret)


def rows(log: FakeRejectionLog, **parameters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(log, **parameters)["rejections"]
    return found


def test_a_rejected_event_is_kept_with_its_reason() -> None:
    log = FakeRejectionLog()
    post(log, GOOD, BAD)
    assert rows(log) == [
        {
            "received_at": "2015-05-17T10:30:00Z",
            "index": 1,
            "library": None,
            "code": "missing_field",
            "field": "event_type",
            "message": "event_type is required.",
            "accepted": False,
            "event": '{"user_id": "u1", "page": "/home"}',
        }
    ]


def test_events_of_a_post_that_is_rejected_as_a_whole_are_kept() -> None:
    log = FakeRejectionLog()
    post(log, BAD, "text", 7)
    assert [(row["index"], row["code"], row["event"]) for row in rows(log)] == [
        (0, "missing_field", '{"user_id": "u1", "page": "/home"}'),
        (1, "not_an_object", '"text"'),
        (2, "not_an_object", "7"),
    ]


def test_a_post_without_rejections_costs_nothing() -> None:
    log = FakeRejectionLog()
    post(log, GOOD)
    assert log.posts == []


def test_a_post_that_is_not_queued_keeps_nothing_since_it_will_come_again() -> None:
    log = FakeRejectionLog()
    with pytest.raises(Problem) as caught:
        post(log, GOOD, BAD, queue=FakeQueue(refuse={0}))
    assert caught.value.code == "queue_unavailable"
    assert log.posts == []


def test_a_log_that_fails_costs_the_post_nothing() -> None:
    assert post(FakeRejectionLog(fails=True), GOOD, BAD)["accepted"] == 1


@pytest.mark.parametrize("name", ["writeKey", "api_key", "token", "accessToken", "Authorization", "password", "Cookie"])
def test_secrets_are_not_kept(name: str) -> None:
    log = FakeRejectionLog()
    post(log, BAD | {name: "hush-hush", "deep": [{name: ["hush-hush"]}]})
    assert "hush-hush" not in repr(log.posts)
    assert "page" in rows(log)[0]["event"]


def test_a_key_is_not_kept_wherever_it_stands() -> None:
    log = FakeRejectionLog()
    key = "mr_5f2c7a90b1d3_" + "0123456789" * 4
    post(log, BAD | {"note": f"our key is {key}"}, key)
    assert "0123456789" not in repr(log.posts)


def test_what_a_project_hides_is_hidden_here_too() -> None:
    log = FakeRejectionLog()
    private = Project("acme", ip="drop", dropped=frozenset({"email"}), hashes_users=True, secret="s")
    event = {"user_id": "ann@example.com", "email": "x@example.com", "context": {"ip": "203.0.113.77"}}
    post(log, event, json.dumps(event), project=private)
    for told in ("ann@", "x@", "203.0"):
        assert told not in repr(log.posts)
    assert [row["event"] is None for row in rows(log)] == [False, True]


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id": "u", "n": 1e999}',
        b'{"user_id": "\\ud800"}',
        b'{"user_id": "u", "a": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"user_id": "u", "a": "' + b"x" * 100_000 + b'"}',
        b"[null, true, NaN, [], {}]",
    ],
)
def test_anything_that_can_be_rejected_can_be_kept(body: bytes) -> None:
    log = FakeRejectionLog()
    options: dict[str, Any] = {"sender": Sender("acme", NOW), "queue": FakeQueue(), "meter": FakeMeter()}
    with pytest.raises(Problem) as caught:
        ingest(raw_events(body), project=ACME, rejections=keeping(log), **options)
    assert caught.value.code == "all_rejected"
    assert all(len(row["event"]) <= 1000 and row["event"].isascii() for row in rows(log))
    assert rows(log) != []


def test_of_many_rejected_events_some_are_kept_and_the_rest_counted() -> None:
    log = FakeRejectionLog()
    post(log, *[BAD] * 100)
    [kept] = log.posts
    assert (len(kept.rows), kept.uncounted) == (20, 80)


def test_a_flood_of_bad_posts_is_kept_up_to_a_number_each_minute_and_the_rest_counted() -> None:
    log = FakeRejectionLog()
    rejections = Rejections(lambda: log, posts_a_minute=KEPT_POSTS_A_MINUTE)
    for _ in range(KEPT_POSTS_A_MINUTE + 30):
        post(rejections, BAD)
    assert len(log.posts) == KEPT_POSTS_A_MINUTE
    post(rejections, BAD, sender=Sender("acme", NOW + timedelta(minutes=1)))
    assert log.posts[-1].uncounted == 30


def test_what_the_log_did_not_take_is_counted_with_what_it_takes_next() -> None:
    log = FakeRejectionLog(fails=True)
    rejections = Rejections(lambda: log, posts_a_minute=KEPT_POSTS_A_MINUTE)
    for _ in range(2):
        post(rejections, *[BAD] * 30)
    log.fails = False
    post(rejections, BAD)
    assert [(len(kept.rows), kept.uncounted) for kept in log.posts] == [(1, 60)]


def test_one_projects_flood_leaves_room_for_another() -> None:
    log = FakeRejectionLog()
    rejections = Rejections(lambda: log, posts_a_minute=KEPT_POSTS_A_MINUTE)
    for _ in range(100):
        post(rejections, BAD)
    post(rejections, BAD, project=Project("other"))
    assert len(list(log.between("other", first="", after=""))) == 1


def test_pages_tell_every_rejection_once_newest_post_first() -> None:
    log = FakeRejectionLog()
    for minute in range(4):
        sender = Sender("acme", NOW + timedelta(minutes=minute))
        post(log, *[BAD | {"n": f"{minute}-{number}"} for number in range(5)], GOOD, 7, sender=sender)
    whole = [row["event"] for row in rows(log)]
    assert len(whole) == 24
    assert "3-0" in whole[0]
    for limit in ("1", "4", "7"):
        told, parameters = [], {"limit": limit}
        while True:
            page = ask(log, **parameters)
            assert 0 < len(page["rejections"]) <= int(limit)
            told += [row["event"] for row in page["rejections"]]
            if page["next"] is None:
                break
            parameters["cursor"] = page["next"]
        assert told == whole


def test_rejections_are_found_by_code_and_span() -> None:
    log = FakeRejectionLog()
    post(log, BAD, 7)
    post(log, BAD, sender=Sender("acme", NOW + timedelta(hours=1)))
    assert [row["code"] for row in rows(log, code="not_an_object")] == ["not_an_object"]
    assert len(rows(log, **{"from": "2015-05-17T11:00:00Z"})) == 1
    assert len(rows(log, to="2015-05-17T11:00:00Z")) == 2
    assert ask(log, "other")["rejections"] == []


@pytest.mark.parametrize("at_most", [1, 3, 100])
def test_a_rare_code_is_searched_for_in_some_posts_at_a_time(at_most: int) -> None:
    log = FakeRejectionLog()
    for minute in range(10):
        post(log, BAD, *[7] * (minute == 2), sender=Sender("acme", NOW + timedelta(minutes=minute)))

    def search(parameters: Mapping[str, str]) -> dict[str, Any]:
        return query.find_rejections(
            parameters, project="acme", rejections=log, secret=SETTINGS.cursor_secret, at_most=at_most
        )

    pages = read_pages(search, {"code": "not_an_object", "limit": "5"})
    assert [len(page["rejections"]) for page in pages] == [
        int(2 in range(end - at_most, end)) for end in range(10, 0, -at_most)
    ]


SCHEMAS = {"signup": json.dumps({"required": ["plan"], "properties": {"plan": {"enum": ["free", "pro"]}}})}
WARNING = replace(ACME, catalogue_mode="warn", schemas=SCHEMAS)
ENFORCING = replace(ACME, catalogue_mode="enforce", schemas=SCHEMAS)


def signup(**properties: Any) -> dict[str, Any]:
    return {"event_type": "signup", "user_id": "u1", **properties}


def test_an_enforced_catalogue_rejects_what_breaks_it_and_nothing_else() -> None:
    log = FakeRejectionLog()
    reply = post(log, signup(), signup(plan="gold"), signup(plan="pro"), GOOD, project=ENFORCING)
    codes = [each.get("code", each["status"]) for each in reply["events"]]
    assert codes == ["schema_violation", "schema_violation", "accepted", "accepted"]
    assert reply["events"][1]["field"] == "properties.plan"
    assert [(row["code"], row["accepted"]) for row in rows(log)] == [("schema_violation", False)] * 2


def test_a_catalogue_that_warns_accepts_and_tells() -> None:
    log = FakeRejectionLog()
    reply = post(log, signup(plan="gold"), signup(plan="pro"), project=WARNING)
    assert reply["accepted"] == 2
    assert reply["events"][0]["warning"]["code"] == "schema_violation"
    assert "warning" not in reply["events"][1]
    assert [(row["index"], row["code"], row["accepted"]) for row in rows(log)] == [(0, "schema_violation", True)]


def test_a_schema_sees_what_was_sent_and_the_table_what_may_be_kept() -> None:
    queue = FakeQueue()
    project = replace(ENFORCING, dropped=frozenset({"plan"}))
    assert post(FakeRejectionLog(), signup(plan="pro"), project=project, queue=queue)["accepted"] == 1
    assert "plan" not in queue.bodies[0]


def test_a_message_does_not_repeat_the_value() -> None:
    log = FakeRejectionLog()
    reply = post(log, signup(plan="4711-secret"), project=ENFORCING)
    assert "4711" not in repr(reply)


def test_nothing_that_a_project_hides_reaches_the_queue_or_the_answer() -> None:
    queue = FakeQueue()
    private = Project("acme", ip="drop", dropped=frozenset({"email"}), hashes_users=True, secret="s")
    event = GOOD | {"user_id": "ann@example.com", "email": "x@example.com", "timestamp": 1431857100}
    sender = Sender("acme", NOW, "203.0.113.77", "browser")
    reply = post(FakeRejectionLog(), event, project=private, queue=queue, sender=sender)
    plain = post(FakeRejectionLog(), event, project=Project("acme"), queue=FakeQueue(), sender=sender)
    for told in ("ann@", "x@", "203.0"):
        assert told not in queue.bodies[0]
    # Neither can the content be guessed from the id that was made of it.
    assert reply["events"][0]["event_id"] != plain["events"][0]["event_id"]
    again = post(FakeRejectionLog(), event, project=private, queue=FakeQueue(), sender=sender)
    assert reply["events"] == again["events"]


def test_without_a_limit_every_rejected_event_of_every_post_is_kept() -> None:
    log = FakeRejectionLog()
    rejections = Rejections(lambda: log, posts_a_minute=0)
    for number in range(30):
        post(rejections, *({"user_id": f"u{number}", "n": each} for each in range(45)))
    pages = read_pages(lambda asked: ask(log, **asked), {"limit": "1000"})
    kept = [json.loads(row["event"]) for page in pages for row in page["rejections"]]
    assert sorted((each["user_id"], each["n"]) for each in kept) == sorted(
        (f"u{number}", each) for number in range(30) for each in range(45)
    )
    assert {post.uncounted for post in log.posts} == {0}


def test_a_parameter_that_no_list_of_rejections_has_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        ask(FakeRejectionLog(), user_id="u1")
    assert caught.value.code == "bad_parameter"
