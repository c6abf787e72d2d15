"""Every metric of the catalogue is measured by its flow, with the values that alarms and the dashboard rely on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import pytest

from builders import NOW, World, make_chunk, make_event, make_message
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Sender
from chalicelib.core.chunk_id import chunk_hash, sum_of
from chalicelib.core.dialects import RawEvent
from chalicelib.core.event import REJECTION_CODES, Rejected
from chalicelib.core.metrics import CATALOGUE
from chalicelib.core.project import Project
from chalicelib.errors import Problem, ProcessingFailed
from chalicelib.flows import reconciliation
from chalicelib.flows.ingest import ingest
from chalicelib.flows.quota import Quota
from chalicelib.ports import Message
from fakes import FakeDeadLetters, FakeQuotaCounter

HOUR = timedelta(hours=1)
EARLIER, LONG_AGO = NOW - HOUR, NOW - timedelta(days=1000)
SCHEMAS = {"strict": json.dumps({"type": "object", "required": ["page"]})}
ACME = Project("acme", quota=4, catalogue_mode="warn", schemas=SCHEMAS)


def good(event_type: str = "view", hour: int = 10) -> RawEvent:
    return RawEvent({"event_type": event_type, "user_id": "u1", "timestamp": f"2015-05-17T{hour:02}:00:00Z"})


def bad(code: str = "empty") -> RawEvent:
    return RawEvent({}, rejected=Rejected(code))


def post(world: World, *events: RawEvent, quota: Quota | None = None) -> None:
    with suppress(Problem):
        ingest(events, sender=Sender("acme", NOW), queue=world.queue, meter=world.meter, project=ACME, quota=quota)


def a_post_with_all_kinds_of_events(world: World) -> None:
    post(world, good(), bad(), good(hour=9), bad("too_long"), good(hour=9), good("strict"))


def a_post_that_is_queued_in_part(world: World) -> None:
    world.queue.refuse = {0}
    post(world, good(), good(hour=9), good(hour=9))


def rejections(code: str, world: World) -> None:
    post(world, bad(code), good(), bad(code))
    post(world, bad(code))


def a_project_over_its_quota(world: World) -> None:
    quota = Quota(FakeQuotaCounter(), world.meter)
    for _ in range(3):
        post(world, good(), good(hour=9), good(hour=8), quota=quota)


def a_batch_of_all_kinds(world: World) -> None:
    """Its chunks: new, old, one that fails, and of two events a repeated one; and an undecodable message."""
    world.take(make_chunk(make_event("e1")))
    world.meter.values.clear()
    chunks = (
        make_chunk(make_event("e1"), make_event("e2"), received=EARLIER),
        make_chunk(make_event("e3"), make_event("e4")),
        make_chunk(make_event("old", at=LONG_AGO.strftime("%Y-%m-%dT%H:%M:%SZ")), received=LONG_AGO),
        make_chunk(make_event("failing")),
    )
    world.commits.uncommittable.add(chunks[-1].chunk_id)
    with pytest.raises(ProcessingFailed):
        world.process(*map(make_message, chunks), Message("garbage", "handle"))


def bytes_of_the_archive(world: World) -> int:
    [*_, newest] = world.archive.objects.values()
    return sum(len(event.dumped) for event in newest)


def hashes_of_the_queue(world: World) -> int:
    return sum_of(chunk_hash(chunks.decode(body).chunk_id) for body in world.queue.bodies)


def two_hours_whose_reports_are_published_late(world: World) -> None:
    """The topic fails in the first run; the marks were put one and three hours before it."""
    for hour, put_at in ((9, NOW - 3 * HOUR), (10, NOW - HOUR)):
        world.marks.now = put_at
        world.take(make_chunk(make_event(at=f"2015-05-17T{hour:02}:05:00Z")))
    world.topic.fails = True
    with pytest.raises(ProcessingFailed):
        world.aggregate()
    world.topic.fails = False
    world.aggregate()


def a_look_before_and_after_a_loss(world: World) -> None:
    post(world, good(), good(hour=9))
    for left in (2, 1):
        world.queue.delete([message.receipt_handle for message in world.queue.messages()[left:]])
        reconciliation.check(
            ledger_sums=world.ledger_sums,
            quarantine=world.quarantine,
            queue=world.queue,
            dead_letters=FakeDeadLetters(),
            metrics=world.meter,
            chunk_log=world.meter,
            meter=world.meter,
            now=NOW + 2 * HOUR,
            look_back=timedelta(days=3),
        )


def a_duplicate_of_a_chunk_that_is_stuck(world: World) -> None:
    stuck = make_chunk(make_event("e1"), received=NOW - timedelta(days=2))
    world.events.claim([(stuck, event) for event in stuck.events])
    world.process(make_message(make_chunk(make_event("e1"), make_event("e2"))))


#: What happens, and what is measured then, each time.
MEASURED: dict[str, tuple[Callable[[World], None], list[float]]] = {
    "accepted": (a_post_with_all_kinds_of_events, [4]),
    "chunks": (a_post_with_all_kinds_of_events, [2]),
    "chunk_hashes": (a_post_with_all_kinds_of_events, []),
    "rejected": (a_post_with_all_kinds_of_events, [2]),
    **{f"rejected_{code}": (partial(rejections, code), [2, 1]) for code in REJECTION_CODES},
    "over_quota": (a_project_over_its_quota, [3, 3]),
    "warned_schema_violation": (a_post_with_all_kinds_of_events, [1]),
    "batch_messages": (a_batch_of_all_kinds, [5]),
    "failed_messages": (a_batch_of_all_kinds, [1]),
    "stored": (a_batch_of_all_kinds, [3]),
    "duplicates": (a_batch_of_all_kinds, [1]),
    "waiting_duplicates": (a_duplicate_of_a_chunk_that_is_stuck, [1]),
    "quarantined_chunks": (a_batch_of_all_kinds, [1]),
    "undecodable_messages": (a_batch_of_all_kinds, [1]),
    "archived_bytes": (a_batch_of_all_kinds, []),
    "seconds_to_stored": (a_batch_of_all_kinds, [0, 0]),
    "reports_published": (two_hours_whose_reports_are_published_late, [0, 3]),
    "report_lag_seconds": (two_hours_whose_reports_are_published_late, [3 * 3600, 0]),
    "missing_chunks": (a_look_before_and_after_a_loss, [0, 1]),
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_metric_is_measured_by_its_flow(name: str) -> None:
    world = World()
    act, expected = MEASURED[name]
    act(world)
    computed = {"archived_bytes": bytes_of_the_archive, "chunk_hashes": hashes_of_the_queue}
    assert world.meter.values[name] == (expected or [computed[name](world)])


def test_what_only_some_of_a_post_was_queued_of_is_measured_of_that_alone() -> None:
    world = World()
    a_post_that_is_queued_in_part(world)
    assert (len(world.meter.values["chunks"]), sum(world.meter.values["chunks"])) == (1, 1)
    assert sum(world.meter.values["accepted"]) in (1, 2)


def test_the_time_to_stored_is_measured_from_each_receipt_in_a_batch() -> None:
    world = World()
    a_batch_of_all_kinds(world)
    received: dict[str, list[datetime]] = world.meter.since
    assert sorted(received["seconds_to_stored"][1:]) == [EARLIER, NOW]
