"""What the events of a POST share: queued once, kept with each, and bounded like an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import NOW
from chalicelib.core import chunk as chunks
from chalicelib.core import limits, payload
from chalicelib.core.chunk import Sender
from chalicelib.core.project import Project
from chalicelib.errors import Problem
from fakes import FakeQueue
from flows.ingesting import GOOD, TIMED, ids, post, sent


def shared_by(queue: FakeQueue, *events: Any, shared: dict[str, Any], **options: Any) -> dict[str, Any]:
    return post(queue, *events, sender=Sender("acme", NOW, shared={"context": shared}), **options)


def test_what_the_events_of_a_post_share_is_queued_once_and_stored_with_each() -> None:
    queue = FakeQueue()
    own = TIMED | {"context": {"locale": "fr", "os": "x"}}
    shared_by(queue, TIMED, own, shared={"locale": "de", "app": "a" * 500})
    [body], [chunk] = queue.bodies, sent(queue)
    assert body.count("a" * 500) == 1
    contexts = [chunks.stored_form(event, chunk)["context"] for event in chunk.events]
    assert contexts == [
        {"locale": "de", "app": "a" * 500},
        {"locale": "fr", "app": "a" * 500, "os": "x", "batch": {"context": {"locale": "de"}}},
    ]


@pytest.mark.parametrize(
    ("shared", "code"),
    [
        ({"a": "x" * 33_000}, "too_large"),
        ({"a": "x" * 32_740}, "too_large"),  # with the event
        ({"a": "\ud800"}, "bad_text"),
        ({"a": payload.BadNumber()}, "bad_number"),
        ({"a": json.loads("[" * 19 + "]" * 19)}, "too_deep"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("hashes_users", [False, True])
def test_what_no_event_may_have_the_events_of_a_post_may_not_share(
    shared: dict[str, Any], code: str, *, hashes_users: bool
) -> None:
    project = Project("acme", hashes_users=hashes_users, secret="s")
    with pytest.raises(Problem) as caught:
        shared_by(FakeQueue(), GOOD, GOOD, shared=shared, project=project)
    assert [event["code"] for event in caught.value.extra["events"]] == [code, code]


def test_what_is_shared_may_not_make_more_of_a_post_than_a_body_could_hold() -> None:
    with pytest.raises(Problem, match="share"):
        shared_by(FakeQueue(), *[GOOD] * 300, shared={"a": "x" * 30_000})


def test_chunks_are_cut_as_if_each_event_had_its_own_copy_of_what_is_shared() -> None:
    queue = FakeQueue()
    shared_by(queue, *[TIMED | {"event_id": str(number)} for number in range(20)], shared={"a": "x" * 30_000})
    assert max(len(chunk.events) for chunk in sent(queue)) * 30_000 <= limits.MAX_CHUNK_BYTES


def test_a_single_event_is_small_with_what_is_shared() -> None:
    queue = FakeQueue()
    recent = GOOD | {"event_id": "e", "timestamp": NOW.isoformat()}
    shared_by(queue, recent, shared={"a": "x"})
    shared_by(queue, recent, shared={"a": "x" * limits.MAX_SINGLE_BYTES})
    assert [chunk.is_single for chunk in sent(queue)] == [True, False]


def test_events_without_an_id_differ_by_what_they_share_and_are_recognised_with_it() -> None:
    queue = FakeQueue()
    first, again, other = (ids(shared_by(queue, TIMED, shared={"a": value})) for value in (1, 1, 2))
    assert first == again != other


def test_what_is_shared_is_hidden_with_the_ids_of_all_events() -> None:
    queue, project = FakeQueue(), Project("acme", hashes_users=True, dropped=frozenset(["email"]), secret="s")
    events = [GOOD | {"user_id": user} for user in ("ann-1234", "bob-1234")]
    shared = {"email": "e", "userId": "x", "seen": ["ann-1234", "bob-1234", "eve-1234"]}
    shared_by(queue, *events, shared=shared, project=project)
    [chunk] = sent(queue)
    hashed = [project.user_as_stored(user) for user in ("ann-1234", "bob-1234")]
    assert chunk.sender.shared["context"] == {"userId": project.user_as_stored("x"), "seen": [*hashed, "eve-1234"]}
