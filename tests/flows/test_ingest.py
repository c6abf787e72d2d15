"""Ingestion: a verdict for every event in input order, and nothing accepted that is not queued."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, World, raw_events
from chalicelib.core.chunk import Sender
from chalicelib.core.event import event_key
from chalicelib.core.project import Project
from chalicelib.errors import Problem
from chalicelib.flows.ingest import ingest
from chalicelib.flows.quota import Quota
from chalicelib.http import answers
from fakes import FakeMeter, FakeQueue, FakeQuotaCounter
from flows.ingesting import GOOD, LATER, TIMED, ids, post, sent, statuses


def test_events_without_an_id_get_32_random_digits_each() -> None:
    events = [{"event_type": "v", "user_id": f"u{number}"} for number in range(3)]
    given = bytes(range(48))
    reply = ingest(
        raw_events(json.dumps(events).encode()), sender=Sender("acme", NOW), queue=FakeQueue(), meter=FakeMeter(),
        randomness=lambda number: given[:number],
    )  # fmt: skip
    assert [each["event_id"] for each in reply["events"]] == [given[at : at + 16].hex() for at in (0, 16, 32)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps(TIMED), id="one object"),
        pytest.param(json.dumps([TIMED]), id="array"),
        pytest.param(json.dumps({"events": [TIMED]}), id="events in an object"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_form_of_a_post_queues_its_event(body: str, zipped: bool) -> None:
    queue, plain = FakeQueue(), body.encode()
    sent_as = gzip.compress(plain) if zipped else plain
    reply = ingest(raw_events(sent_as), sender=Sender("acme", NOW), queue=queue, meter=FakeMeter())
    (chunk,) = sent(queue)
    (event,) = chunk.events
    assert (reply["accepted"], reply["rejected"], reply["chunks"]) == (1, 0, [chunk.chunk_id])
    key = event_key(event.ref)
    verdict = {"index": 0, "status": "accepted", "event_id": event.event_id, "key": key}
    assert reply["events"] == [verdict | {"identified_by": ["content"]}]


IDENTIFIED_BY: dict[str, tuple[dict[str, Any], str | None, list[str]]] = {
    "an id and a time": (TIMED | {"event_id": "e1"}, None, ["event_id", "user_id", "timestamp"]),
    "an id": (GOOD | {"event_id": "e1"}, None, ["event_id", "user_id"]),
    "a time": (TIMED, None, ["content"]),
    "neither": (GOOD, None, []),
    "an Idempotency-Key": (GOOD, "k", ["Idempotency-Key", "content"]),
    "an anonymous visitor": (
        TIMED | {"event_id": "e1", "user_id": None, "anonymous_id": "a"},
        None,
        ["event_id", "anonymous_id", "timestamp"],
    ),
}


@pytest.mark.parametrize(("event", "key", "fields"), IDENTIFIED_BY.values(), ids=IDENTIFIED_BY)
def test_the_answer_says_what_a_retry_must_repeat(event: dict[str, Any], key: str | None, fields: list[str]) -> None:
    reply = post(FakeQueue(), event, idempotency_key=key)
    assert reply["events"][0]["identified_by"] == fields


def test_a_project_may_let_the_id_alone_identify() -> None:
    by_id = Project("acme", identify_by="id")
    queue = FakeQueue()
    attempts = [TIMED | {"event_id": "e1"}, GOOD | {"event_id": "e1", "user_id": "u2"}, TIMED]
    reply = post(queue, *attempts, project=by_id)
    assert [each["identified_by"] for each in reply["events"]] == [["event_id"], ["event_id"], ["content"]]
    (chunk,) = sent(queue)
    assert [event.sole_id for event in chunk.events] == [True, False]
    assert chunk.repeats == 1


def test_the_sender_travels_with_the_chunk() -> None:
    queue = FakeQueue()
    sender = Sender("acme", NOW, source_ip="192.0.2.1", user_agent="browser\u0000\U0001f600")
    ingest(raw_events(json.dumps(GOOD).encode()), sender=sender, queue=queue, meter=FakeMeter())
    assert [chunk.sender for chunk in sent(queue)] == [sender]


def test_a_mixed_batch_gets_verdicts_in_input_order_and_its_good_events_are_queued() -> None:
    queue = FakeQueue()
    untyped, future = {"user_id": "u1"}, GOOD | {"timestamp": "2015-05-18T10:31:00Z"}
    reply = post(queue, untyped, GOOD | {"event_id": "a"}, "text", future, GOOD | {"event_id": "b"})
    assert statuses(reply) == ["missing_field", "accepted", "not_an_object", "timestamp_in_future", "accepted"]
    assert [each["index"] for each in reply["events"]] == [0, 1, 2, 3, 4]
    assert (reply["accepted"], reply["rejected"]) == (2, 3)
    assert reply["events"][0]["field"] == "event_type"
    assert [event.event_id for chunk in sent(queue) for event in chunk.events] == ["a", "b"]


def test_when_all_are_rejected_nothing_is_queued_and_the_problem_lists_why() -> None:
    queue = FakeQueue()
    with pytest.raises(Problem) as caught:
        post(queue, {}, 7)
    assert caught.value.code == "all_rejected"
    assert [each["code"] for each in caught.value.extra["events"]] == ["missing_field", "not_an_object"]
    assert queue.bodies == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "not_json", id="empty"),
        pytest.param(b"[]", "no_events", id="no events"),
        pytest.param(b"\xff", "not_utf8", id="not UTF-8"),
        pytest.param(b"\x1f\x8bnot gzip", "bad_gzip", id="bad gzip"),
        pytest.param(json.dumps([GOOD] * 2501).encode(), "too_many_events", id="too many"),
        pytest.param(b" " * (4 * 1024 * 1024 + 1), "body_too_large", id="too large"),
    ],
)
def test_a_body_that_cannot_be_read_queues_nothing(body: bytes, code: str) -> None:
    queue = FakeQueue()
    with pytest.raises(Problem) as caught:
        ingest(raw_events(body), sender=Sender("acme", NOW), queue=queue, meter=FakeMeter())
    assert (caught.value.code, queue.bodies) == (code, [])


def test_repeats_within_a_post_are_accepted_and_counted_but_sent_once() -> None:
    queue = FakeQueue()
    first, repeat = TIMED | {"event_id": "a", "page": "/first"}, TIMED | {"event_id": "a", "page": "/second"}
    reply = post(queue, first, repeat, TIMED | {"event_id": "b"}, repeat)
    (chunk,) = sent(queue)
    assert [event.event_id for event in chunk.events] == ["a", "b"]
    assert chunk.events[0].properties == {"page": "/first"}
    assert (reply["accepted"], chunk.accepted, chunk.repeats) == (4, 4, 2)
    assert ids(reply) == ["a", "a", "b", "a"]
    assert reply["events"][0]["key"] == reply["events"][1]["key"]


def test_an_id_given_twice_without_a_time_is_one_event_and_with_two_times_two() -> None:
    queue = FakeQueue()
    untimed, other = GOOD | {"event_id": "a"}, TIMED | {"event_id": "b"}
    post(queue, untimed, untimed, other, other | {"timestamp": "2015-05-17T10:06:00Z"})
    (chunk,) = sent(queue)
    assert [event.event_id for event in chunk.events] == ["a", "b", "b"]
    assert chunk.repeats == 1


def test_events_of_two_hours_become_two_chunks_that_hold_each_repeat_in_its_hour() -> None:
    queue = FakeQueue()
    late, early = (TIMED | {"event_id": "a", "timestamp": f"2015-05-17T{hour}:59:59Z"} for hour in ("09", "08"))
    reply = post(queue, late, early, late)
    assert [(chunk.hour, chunk.repeats) for chunk in sent(queue)] == [("2015-05-17T08", 0), ("2015-05-17T09", 1)]
    assert reply["chunks"] == [chunk.chunk_id for chunk in sent(queue)]


def test_a_large_post_is_cut_and_accounts_for_every_event() -> None:
    queue = FakeQueue()
    reply = post(queue, *(TIMED | {"event_id": f"e{number % 1200}"} for number in range(1300)))
    assert (reply["accepted"], sum(chunk.accepted for chunk in sent(queue))) == (1300, 1300)
    assert len(reply["chunks"]) == len(set(reply["chunks"])) == len(queue.bodies) == 3


@pytest.mark.parametrize("refused", [{0}, {1}, {0, 1}])
def test_a_post_that_is_queued_in_part_is_unavailable_and_sending_it_again_stores_each_event_once(
    refused: set[int],
) -> None:
    world = World()
    events = [TIMED, TIMED | {"timestamp": "2015-05-17T08:05:00Z"}, TIMED]
    world.queue.refuse = refused
    with pytest.raises(Problem) as caught:
        post(world.queue, *events)
    assert (caught.value.code, caught.value.extra["retry_after"]) == ("queue_unavailable", 5)
    world.queue.refuse = set()
    post(world.queue, *events, received=LATER)
    world.process(*world.queue.messages())
    assert world.counted() == {("acme", "page_view"): 3}


def test_the_same_content_with_a_timestamp_gets_the_same_id_when_sent_again() -> None:
    queue = FakeQueue()
    first = post(queue, TIMED, TIMED | {"page": "/"}, TIMED)
    again = post(queue, TIMED, TIMED | {"page": "/"}, TIMED, received=LATER)
    assert first["events"] == again["events"]
    assert len(set(ids(first))) == 3


def test_the_same_content_without_a_timestamp_is_a_new_event() -> None:
    queue = FakeQueue()
    assert len({*ids(post(queue, GOOD, GOOD)), *ids(post(queue, GOOD))}) == 3


def test_an_idempotency_key_gives_events_without_an_id_stable_ids_by_their_content() -> None:
    queue = FakeQueue()
    events = [GOOD, {}, GOOD, TIMED, GOOD | {"event_id": "own"}]
    first, again = (post(queue, *events, idempotency_key="k", received=at)["events"] for at in (NOW, LATER))
    given = [[each.get("event_id") for each in verdicts] for verdicts in (first, again)]
    assert given[0] == given[1]
    assert (given[0][1], given[0][4], len(set(given[0]))) == (None, "own", 5)
    assert given[0][0] not in ids(post(queue, GOOD, idempotency_key="another"))
    assert given[0][0] == ids(post(queue, TIMED, GOOD, idempotency_key="k"))[1]
    assert ids(post(queue, GOOD | {"amount": 999}, idempotency_key="k"))[0] not in given[0]


@pytest.mark.parametrize(
    ("event", "options"),
    [
        pytest.param(GOOD | {"event_id": "a"}, {}, id="own id"),
        pytest.param(TIMED | {"event_id": "a"}, {}, id="own id and time"),
        pytest.param(TIMED, {}, id="own time"),
        pytest.param(GOOD, {"idempotency_key": "k"}, id="idempotency key"),
    ],
)
def test_an_event_that_can_be_recognised_is_counted_once_however_often_it_is_posted(
    event: dict[str, Any], options: dict[str, str]
) -> None:
    world = World()
    for minutes in (0, 1, 90):
        post(world.queue, event, received=NOW + timedelta(minutes=minutes), **options)
    world.process(*world.queue.messages())
    assert world.counted() == {("acme", "page_view"): 1}


# In an answer, a character takes up to fourteen bytes.
WIDE_NAMES = {"Chinese": "\u4ef6" * 170, "emoji": "\U0001f4a5" * 100}


@pytest.mark.parametrize("name", WIDE_NAMES.values(), ids=WIDE_NAMES)
@pytest.mark.parametrize("mode", ["enforce", "warn"])
def test_an_answer_for_the_most_events_fits_into_what_lambda_takes(name: str, mode: str) -> None:
    schema = json.dumps({"properties": {name: {"type": "integer"}}})
    project = Project("acme", catalogue_mode=mode, schemas={"t": schema})
    events = [{"event_type": "t", "user_id": "u", "event_id": str(n), name: "x"} for n in range(2500)]
    reply = post(FakeQueue(), GOOD, *events[1:], project=project)
    assert len(json.dumps(json.dumps(reply))) < 6_000_000
    assert statuses(reply) == ["accepted"] + ["accepted" if mode == "warn" else "schema_violation"] * 2499
    if mode == "enforce":
        with pytest.raises(Problem) as caught:
            post(FakeQueue(), *events, project=project)
        assert caught.value.code == "all_rejected"
        assert len(json.dumps(answers.problem(caught.value).body)) < 6_000_000


def test_a_message_of_usual_length_is_answered_whole() -> None:
    with pytest.raises(Problem) as caught:
        post(FakeQueue(), GOOD | {"x" * 60: 1, "properties": {"x" * 60: 2}})
    assert caught.value.extra["events"][0]["message"] == f"{'x' * 60} is given twice, with different values."


@pytest.mark.parametrize(
    "copies", [{"alias": [1] * 3000}, {"x": ["ann-1234"] * 2500}, {f"n{i}": {"userId": i} for i in range(1000)}]
)
def test_an_event_that_hashed_ids_make_too_large_is_rejected(copies: dict[str, Any]) -> None:
    event = GOOD | {"user_id": "ann-1234", "properties": copies}
    queue = FakeQueue()
    assert statuses(post(queue, event)) == ["accepted"]
    project = Project("acme", hashes_users=True, secret="s")
    assert statuses(post(queue, GOOD, event, project=project)) == ["accepted", "too_large"]


def test_a_post_of_a_project_whose_minute_is_spent_is_refused_before_its_events_are_looked_at() -> None:
    project, quota = Project("acme", quota=1), Quota(FakeQuotaCounter(), FakeMeter())
    options: dict[str, Any] = {"project": project, "quota": quota}
    post(FakeQueue(), GOOD, **options)
    for events in ([GOOD], [{"event_type": 7}]):
        with pytest.raises(Problem) as caught:
            post(FakeQueue(), *events, **options)
        assert caught.value.code == "quota_exceeded"
