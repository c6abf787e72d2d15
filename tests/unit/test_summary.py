"""A record's summary: nothing is lost, whatever ids, users and times look like, and little is left to store."""

from __future__ import annotations

import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import summary
from chalicelib.core.event import EventRef
from millrace.pricing.workload import Traffic

TIME = "2015-05-17T10:05:03.000000Z"

texts = st.text(min_size=1, max_size=40)
hexes = st.text("0123456789abcdef", min_size=30, max_size=34)
uuids = st.uuids().map(str)
ids = st.one_of(
    uuids,
    uuids.map(str.upper),
    uuids.map(lambda each: each.replace("-", "")),
    uuids.map(lambda each: f"{{{each}}}"),
    uuids.map(lambda each: each + "\n"),
    hexes,
    hexes.map(str.upper),
    st.text("0123456789abcdef\u0660-", min_size=32, max_size=36),
    texts,
)
times = st.one_of(st.datetimes().map(lambda each: each.isoformat(timespec="microseconds") + "Z"), texts)
users = st.one_of(texts, st.integers(0, 10**6).map("user-{}".format))
value_counts = st.dictionaries(texts, st.dictionaries(st.text(), st.integers(1), min_size=1, max_size=3), max_size=3)


def refs(ids: st.SearchStrategy[str]) -> st.SearchStrategy[list[EventRef]]:
    return st.lists(st.builds(EventRef, times, users, ids), min_size=1, max_size=6)


def by_type(ids: st.SearchStrategy[str]) -> st.SearchStrategy[summary.ByType]:
    return st.dictionaries(texts, refs(ids), max_size=4)


@given(st.one_of(by_type(uuids), by_type(st.uuids().map(lambda each: each.hex)), by_type(ids)), value_counts)
def test_what_is_packed_comes_back_in_its_order(events: summary.ByType, value_counts: summary.ValueCounts) -> None:
    assert summary.unpack(summary.pack(events, value_counts)) == (events, value_counts)


@given(by_type(ids), value_counts)
def test_a_summary_stays_below_what_was_foretold(events: summary.ByType, value_counts: summary.ValueCounts) -> None:
    assert len(summary.pack(events, value_counts)) <= summary.most_bytes(events, value_counts)


@pytest.mark.parametrize("form", ["{}", "{0.hex}"])
def test_an_id_of_the_usual_forms_takes_16_bytes(form: str) -> None:
    def packed(number: int) -> int:
        minted = [form.format(UUID(int=each, version=4)) for each in range(number)]
        return len(summary.pack({"view": [EventRef(TIME, "u", each) for each in minted]}, {}))

    assert packed(101) - packed(1) <= 100 * 16 + 20


def test_the_summary_of_twenty_events_of_a_web_site_leaves_room_in_a_kilobyte() -> None:
    events = [Traffic(seed).event() for seed in range(20)]
    found: summary.ByType = {}
    for each in events:
        ref = EventRef(each["timestamp"].replace("Z", "000Z"), each["user_id"], each["event_id"])
        found.setdefault(each["event_type"], []).append(ref)
    pages = {
        name: {each["properties"][name]: 1 for each in events} for name in ("page", "referrer")
    }  # keys and the other attributes of a record take some 200 bytes
    assert len(summary.pack(found, pages)) <= 1024 - 200


def test_any_zlib_reads_the_columns() -> None:
    stream = zlib.decompressobj()
    packed = summary.pack({"view": [EventRef(TIME, "u", str(UUID(int=5)))]}, {"page": {"/": 1}})
    assert stream.decompress(packed) == (
        b'[{"view":1},["2015-05-17T10:05:03.000000Z","",""],["u","",""],"uuid",[],{"page":{"/":1}}]'
    )
    assert stream.unused_data == UUID(int=5).bytes
