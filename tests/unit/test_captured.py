"""The captured requests that `millrace cost` prices: each is what its library sends, with a shop's events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.core import chunk
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import registry
from chalicelib.core.event import Event
from chalicelib.flows.ingest import ingest
from fakes import FakeMeter, FakeQueue
from millrace.pricing.captured import CASES, LIBRARIES, UNTIMED, CapturedTraffic, incoming_of, resource_of


def events_of(case: str, number: int, *, as_own: bool = False) -> list[Event]:
    """The events of a POST, as ingestion queues them."""
    request = CapturedTraffic(case, as_own=as_own).request(number)
    incoming, queue = incoming_of(request), FakeQueue()
    dialect = registry.dialect_of("POST", resource_of(request.path)[0], incoming)
    post = registry.load(dialect.reader)(incoming)
    ingest(post.events, sender=Sender("acme", datetime.now(UTC), shared=post.shared), queue=queue, meter=FakeMeter())
    return [event for body in queue.bodies for event in chunk.decode(body).events]


@pytest.mark.parametrize("number", [1, 20])
@pytest.mark.parametrize("case", CASES)
def test_a_request_of_a_case_brings_as_many_different_events(case: str, number: int) -> None:
    events = events_of(case, number)
    assert len({event.event_id for event in events}) == number
    users = {event.user for event in events}
    assert (len(users) == 1) == (", browser" in case or number == 1)


@pytest.mark.parametrize("number", [1, 20])
@pytest.mark.parametrize("case", [case for case in CASES if case not in (UNTIMED, "Segment, browser, identified")])
def test_the_usual_event_is_one_item(case: str, number: int) -> None:
    assert all(event.is_told_by_its_item for event in events_of(case, number))


@pytest.mark.parametrize("case", LIBRARIES)
def test_the_same_events_in_own_form_are_as_large(case: str) -> None:
    theirs, own = (events_of(case, 20, as_own=as_own) for as_own in (False, True))
    assert [event.to_json() for event in own] == [event.to_json() for event in theirs]
