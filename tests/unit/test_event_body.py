"""The body of an event's item: nothing is lost, and bodies that were stored stay readable."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import compact, event_body
from chalicelib.core.event import EventRef

CHUNK_ID = "01JDG8Z3ZZ0123456789ABCDEF-2024-11-24T20"
REF = EventRef("2024-11-24T20:05:03.250000Z", "user-7", "0f8fad5b-d9cb-469f-a165-70867728950e")
EVENT: dict[str, Any] = {
    "event_id": REF.event_id,
    "event_type": "page_view",
    "user_id": REF.user,
    "timestamp": "2024-11-24T20:05:03.250Z",
    "properties": {"page": "/pricing", "title": "Preise in €"},
    "context": {"locale": "de-DE"},
    "received_at": "2024-11-24T20:05:04.123456Z",
    "source_ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "project": "default",
    "chunk_id": CHUNK_ID,
}
# Made when the form was introduced. If this cannot be read any more, nothing that any stage has stored can.
STORED = (
    "eLu4b7noGxyuQI0CeAoDpdTMvHSk5BlQlJpZnKqQmacQU2pkkJiMlrzgWSYlVdfFVQkj+jBdYKIHiaYoeAUESZxGQL"
    "cZ6BkaGuuZ402mBDO6sSW+jA6ShXifOokKAE0fhXE="
)


def dumped(document: dict[str, Any]) -> bytes:
    return compact.dump(document).encode()


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
refs = st.builds(
    EventRef,
    st.datetimes(timezones=st.just(UTC)).map(lambda each: f"{each:%Y}".rjust(4, "0") + f"{each:-%m-%dT%H:%M:%S.%fZ}"),
    texts,
    texts,
)
documents = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists))


@given(documents, refs, texts)
def test_what_is_packed_comes_back(document: dict[str, Any], ref: EventRef, event_type: str) -> None:
    packed = event_body.pack(dumped(document), "p", ref, event_type, CHUNK_ID)
    assert event_body.unpack(packed, "p", ref, event_type, CHUNK_ID) == document


def test_a_body_that_was_stored_stays_readable() -> None:
    assert event_body.unpack(base64.b64decode(STORED), "default", REF, "page_view", CHUNK_ID) == EVENT


def test_a_body_that_was_compressed_alone_is_still_read() -> None:
    assert event_body.unpack(compact.pack(EVENT), "default", REF, "page_view", CHUNK_ID) == EVENT


def test_a_body_takes_less_than_half_of_what_it_takes_alone() -> None:
    packed = event_body.pack(dumped(EVENT), "default", REF, "page_view", CHUNK_ID)
    assert len(packed) < len(compact.pack(EVENT)) / 2


def test_a_body_under_a_key_that_is_not_its_own_is_an_error() -> None:
    packed = event_body.pack(dumped(EVENT), "default", REF, "page_view", CHUNK_ID)
    with pytest.raises(zlib.error):
        event_body.unpack(packed, "default", REF._replace(user="user-8"), "page_view", CHUNK_ID)
