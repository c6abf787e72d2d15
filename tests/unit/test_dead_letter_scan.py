"""Working through dead letters: what is selected, moved, left, and what a failure leaves."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import click
import pytest
from botocore.stub import Stubber

from builders import NOW, World, make_chunk, make_event, make_record
from chalicelib.adapters.dead_letters import DeadLetters
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Failure
from chalicelib.core.ledger import Amount
from chalicelib.core.windows import Span
from chalicelib.errors import StoreFailed
from millrace.command_error import CommandError
from millrace.ops import dead_letter_moves, dead_letters
from millrace.ops.dead_letter_moves import MoveOutcome
from millrace.ops.dead_letters import DeadLetter, DeadLetterScan
from millrace.ops.selection import Selection, read_span

EVERYTHING = Selection()


def bury(world: World, *given: Chunk | str) -> None:
    for each in given:
        world.dead_letters.put(each if isinstance(each, str) else chunks.encode(each), sent=NOW - timedelta(hours=1))


def round_of(world: World) -> DeadLetterScan:
    return DeadLetterScan(world.dead_letters, world.commits, world.failure_notes, now=NOW)


def look(world: World, selection: Selection = EVERYTHING) -> list[DeadLetter]:
    with round_of(world) as scan:
        return [dead_letter for some in scan.batches() for dead_letter in some if dead_letter.is_in(selection)]


def replay(world: World, selection: Selection = EVERYTHING, limit: int = 0) -> MoveOutcome:
    outcome = MoveOutcome()
    with round_of(world) as scan:
        list(dead_letter_moves.redrive(scan, selection, limit, outcome, queue=world.queue))
    return outcome


def to_quarantine(world: World, selection: Selection = EVERYTHING, limit: int = 0) -> MoveOutcome:
    outcome = MoveOutcome()
    with round_of(world) as scan:
        list(
            dead_letter_moves.move_to_quarantine(
                scan, selection, limit, outcome, quarantine=world.quarantine, now=NOW
            )
        )  # fmt: skip
    return outcome


def test_looking_shows_every_message_once_with_its_reason_and_leaves_it() -> None:
    world, silent, failing, done = World(), make_chunk(), make_chunk(repeats=2), make_chunk()
    world.failure_notes.save(failing, Failure("commit_failed", "2015-05-17T10:20:00.000000Z", 5))
    world.take(done)
    bury(world, silent, failing, done, "garbage", *(make_chunk() for _ in range(20)))
    found = {dead_letter.name: dead_letter.to_json() for dead_letter in look(world)}
    assert len(found) == 24
    assert [found[chunk.chunk_id]["code"] for chunk in (silent, failing, done)] == [
        "unfinished", "commit_failed", "committed",
    ]  # fmt: skip
    told = found[failing.chunk_id]
    assert (told["events"], told["deliveries"], told["last_failed_at"]) == (3, 5, "2015-05-17T10:20:00Z")
    assert found["message-4"]["code"] == "not_a_chunk"
    assert found["message-4"]["reason"].endswith("(not a chunk: JSONDecodeError)")
    assert (world.dead_letters.held, world.dead_letters.depth(), world.queue.bodies) == (set(), 24, [])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(project="other"), "other", id="project"),
        pytest.param(Selection(code="commit_failed"), "failing", id="code"),
        pytest.param(Selection(code="not_a_chunk"), "garbage", id="undecodable"),
        pytest.param(Selection(span=read_span("2015-05-17T10:30:00Z", None)), "failing other", id="from"),
        pytest.param(Selection(span=read_span(None, "2015-05-17")), "old", id="to a day"),
        pytest.param(Selection(span=Span(NOW - timedelta(hours=1), NOW)), "garbage", id="sent, for want of received"),
        pytest.param(Selection(project="other", code="commit_failed"), "", id="both must fit"),
    ],
)
def test_a_selection_takes_what_fits_all_of_it(selection: Selection, expected: str) -> None:
    world = World()
    named = {
        "other": make_chunk(project="other"),
        "failing": make_chunk(),
        "old": make_chunk(received=NOW - timedelta(days=1)),
    }
    world.failure_notes.save(named["failing"], Failure("commit_failed", "2015-05-17T10:20:00.000000Z", 5))
    bury(world, *named.values(), "garbage")
    names = {chunk.chunk_id: name for name, chunk in named.items()} | {"message-4": "garbage"}
    assert {names[dead_letter.name] for dead_letter in look(world, selection)} == set(expected.split())
    assert {names[dead_letter.name] for dead_letter in look(world, Selection(chunk="message-4"))} == {"garbage"}


def test_a_time_that_is_none_is_refused_with_how_to_write_one() -> None:
    with pytest.raises(click.UsageError, match="ISO 8601"):
        read_span("yesterday", None)


def test_replaying_sends_everything_back_whole() -> None:
    world, waiting = World(), [make_chunk(make_event(f"e{number}")) for number in range(23)]
    bury(world, *waiting, "garbage")
    outcome = replay(world)
    assert outcome.to_json() == {"moved": 24, "done": 0, "failed": 0, "copies_left": 0}
    assert outcome.is_clean
    assert sorted(world.queue.bodies) == sorted([*map(chunks.encode, waiting), "garbage"])
    assert look(world) == []
    assert world.dead_letters.held == set()


def test_a_chunk_that_was_committed_meanwhile_only_goes() -> None:
    world, done = World(), make_chunk()
    world.take(done)
    bury(world, done, done)
    outcome = replay(world)
    assert (outcome.done, outcome.moved, world.queue.bodies, world.dead_letters.depth()) == (2, 0, [], 0)


def test_a_limit_is_of_what_is_selected() -> None:
    world = World()
    bury(world, *(make_chunk(project=project) for project in ("acme", "other") * 15))
    outcome = replay(world, Selection(project="other"), limit=12)
    assert (outcome.moved, len(world.queue.bodies), world.dead_letters.depth()) == (12, 12, 18)
    assert {chunks.decode(body).project for body in world.queue.bodies} == {"other"}


def test_what_the_queue_refuses_stays_and_the_next_run_moves_it() -> None:
    world = World()
    bury(world, *(make_chunk() for _ in range(5)))
    world.queue.refuse = {1, 3}
    outcome = replay(world)
    assert (outcome.moved, outcome.failed, outcome.is_clean) == (3, 2, False)
    assert world.dead_letters.depth() == 2
    world.queue.refuse = set()
    assert replay(world).is_clean
    assert len(set(world.queue.bodies)) == len(world.queue.bodies) == 5


def test_a_queue_that_refuses_everything_ends_the_run_at_once() -> None:
    world = World()
    bury(world, *(make_chunk() for _ in range(200)))
    world.queue.refuse = set(range(10))
    assert replay(world).failed < 200
    assert (world.dead_letters.depth(), world.dead_letters.held) == (200, set())


def test_a_copy_that_cannot_be_deleted_is_told_and_changes_nothing_when_replayed_again() -> None:
    world, chunk = World(), make_chunk()
    bury(world, chunk)
    world.dead_letters.undeletable = True
    assert replay(world).copies_left == 1
    world.dead_letters.undeletable = False
    replay(world)
    world.process(*world.queue.messages())
    assert world.counted() == {("acme", "page_view"): 1}


def test_a_message_that_arrives_during_the_round_is_left_for_the_next() -> None:
    world = World()
    world.dead_letters.put(chunks.encode(make_chunk()), sent=NOW + timedelta(seconds=1))
    assert replay(world).to_json() == MoveOutcome().to_json()
    assert (world.dead_letters.depth(), world.dead_letters.held) == (1, set())


def test_the_quarantine_keeps_message_reason_and_times_and_the_quarantine_lists_it() -> None:
    world, failing = World(), make_chunk(make_event(), repeats=1)
    world.failure_notes.save(failing, Failure("archive_failed", "2015-05-17T10:20:00.000000Z", 5))
    world.dead_letters.put(chunks.encode(failing), first_delivered=NOW - timedelta(minutes=25), receive_count=5)
    world.dead_letters.put("garb\u00e4ge", sent=NOW - timedelta(hours=2))
    assert to_quarantine(world).to_json() == {"moved": 2, "done": 0, "failed": 0, "copies_left": 0}
    assert (world.dead_letters.depth(), world.queue.bodies) == (0, [])
    garbage, entry = world.quarantine.waiting()
    assert (entry.name, entry.code, entry.accepted) == (failing.chunk_id, "archive_failed", 2)
    kept = json.loads(world.quarantine.content(entry) or "")
    assert chunks.decode(kept.pop("message")) == failing
    assert kept == {
        "code": "archive_failed",
        "reason": "It is unknown whether its archive object was written.",
        "received_at": "2015-05-17T10:30:00Z",
        "first_delivered_at": "2015-05-17T10:05:00Z",
        "last_delivered_at": "2015-05-17T10:20:00Z",
        "receive_count": 6,
        "quarantined_at": "2015-05-17T10:30:00Z",
    }
    assert (garbage.project, garbage.name, garbage.code) == (None, "message-2", "not_a_chunk")
    assert json.loads(world.quarantine.contents["message-2"])["message"] == "garb\u00e4ge"


@pytest.mark.parametrize("broken", ["quarantine", "commits"])
def test_a_message_that_cannot_be_quarantined_stays_a_dead_letter(broken: str) -> None:
    world = World()
    bury(world, "garbage")
    getattr(world, broken).fails = True
    if broken == "quarantine":
        outcome = to_quarantine(world)
        assert (outcome.failed, outcome.moved, len(outcome.problems)) == (1, 0, 1)
    else:
        with pytest.raises(StoreFailed):
            to_quarantine(world)
    assert (world.dead_letters.depth(), world.dead_letters.held, world.quarantine.entries) == (1, set(), {})


def test_a_committed_chunk_is_not_quarantined() -> None:
    world, done = World(), make_chunk()
    world.commits.commit([make_record(done)])
    bury(world, done)
    assert (to_quarantine(world).done, world.quarantine.entries, world.quarantine.contents) == (1, {}, {})


def test_the_amount_that_is_dead_counts_each_chunk_of_the_period_once_and_none_that_is_committed() -> None:
    world, dead, done = World(), make_chunk(make_event(), repeats=2), make_chunk()
    world.take(done)
    bury(world, dead, dead, done, "garbage", make_chunk(received=NOW - timedelta(hours=1)))
    counted = dead_letters.amount(round_of(world), first=NOW, after=NOW + timedelta(hours=1))
    assert (counted, world.dead_letters.held) == (Amount(1, 3), set())


@pytest.fixture
def stubbed() -> tuple[DeadLetters, Stubber]:
    client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
    return DeadLetters(client, "https://sqs/dead", target_url="https://sqs/chunks"), Stubber(client)


def expect_arns(stubber: Stubber) -> None:
    for name in ("dead", "chunks"):
        stubber.add_response(
            "get_queue_attributes",
            {"Attributes": {"QueueArn": f"arn:{name}"}},
            {"QueueUrl": f"https://sqs/{name}", "AttributeNames": ["QueueArn"]},
        )


def follow(adapter: DeadLetters) -> list[int]:
    return list(dead_letter_moves.move_all(adapter, pause=lambda _: None))


def test_a_service_that_can_moves_all_messages_by_itself(stubbed: tuple[DeadLetters, Stubber]) -> None:
    adapter, stubber = stubbed
    expect_arns(stubber)
    where = {"SourceArn": "arn:dead", "DestinationArn": "arn:chunks"}
    stubber.add_response("start_message_move_task", {"TaskHandle": "h"}, where)
    steps: list[list[dict[str, Any]]] = [
        [],
        [{"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 7}],
        [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 9}],
    ]
    for results in steps:
        stubber.add_response("get_queue_attributes", {"Attributes": {"QueueArn": "arn:dead"}})
        stubber.add_response("list_message_move_tasks", {"Results": results}, {"SourceArn": "arn:dead"})
    with stubber:
        assert adapter.start_moving_all()
        assert follow(adapter) == [0, 7, 9]
        stubber.assert_no_pending_responses()


def test_a_move_that_the_service_gives_up_says_so(stubbed: tuple[DeadLetters, Stubber]) -> None:
    adapter, stubber = stubbed
    stubber.add_response("get_queue_attributes", {"Attributes": {"QueueArn": "arn:dead"}})
    stubber.add_response("list_message_move_tasks", {"Results": [{"Status": "FAILED"}]})
    with stubber, pytest.raises(CommandError, match="FAILED"):
        follow(adapter)


def test_a_service_that_refuses_to_move_them_is_told_by_false(stubbed: tuple[DeadLetters, Stubber]) -> None:
    adapter, stubber = stubbed
    expect_arns(stubber)
    stubber.add_client_error("start_message_move_task", "UnsupportedOperation")
    with stubber:
        assert not adapter.start_moving_all()
