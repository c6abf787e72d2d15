"""From the bytes of a POST to raw events, whatever the bytes are."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core import limits
from chalicelib.core.payload import BadNumber, decode, events_of, open_text
from chalicelib.errors import Problem

EVENT = {"event_type": "page_view", "user_id": "u123"}
PACKED = gzip.compress(json.dumps(EVENT).encode(), mtime=0)


def read_events(body: bytes) -> list[Any]:
    return events_of(decode(open_text(body)))


def gzip_bomb(size: int) -> bytes:
    deflater = zlib.compressobj(9, wbits=31)
    zeros = b" " * 2**20
    body = b"".join(deflater.compress(zeros) for _ in range(size // len(zeros)))
    return body + deflater.compress(b" " * (size % len(zeros))) + deflater.flush()


def code_of(body: bytes) -> str:
    with pytest.raises(Problem) as refusal:
        read_events(body)
    return refusal.value.code


@pytest.mark.parametrize("document", [EVENT, [EVENT], {"events": [EVENT]}])
def test_an_event_an_array_and_an_object_with_events_are_read_alike(document: object) -> None:
    body = json.dumps(document).encode()
    assert read_events(body) == read_events(gzip.compress(body)) == [EVENT]


@pytest.mark.parametrize("cuts", [(0,), (1,), (7, 8), (3, 3, 20)])
def test_the_members_of_a_gzip_body_are_one_document(cuts: tuple[int, ...]) -> None:
    plain = json.dumps([EVENT]).encode()
    parts = [plain[start:end] for start, end in pairwise((0, *cuts, len(plain)))]
    assert read_events(b"".join(map(gzip.compress, parts))) == [EVENT]


def test_a_body_may_have_as_many_members_as_a_post_has_events() -> None:
    body = (
        gzip.compress(b"[") + gzip.compress(b" ") * (limits.MAX_GZIP_MEMBERS - 2) + gzip.compress(b"1]" + b" " * 2**20)
    )
    assert read_events(body) == [1]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_says_nothing(pack: Callable[[bytes], bytes]) -> None:
    assert read_events(pack(json.dumps(EVENT).encode("utf-8-sig"))) == [EVENT]


@pytest.mark.parametrize("level", [0, 3, 6, 9])
def test_a_deflated_body_is_read_however_hard_it_was_pressed(level: int) -> None:
    """The level is in the first two bytes, which show that the body is deflated."""
    assert events_of(decode(open_text(zlib.compress(b'{"event_type": "a"}', level)))) == [{"event_type": "a"}]


def test_an_event_may_have_a_property_named_events() -> None:
    event = EVENT | {"events": [1, 2]}
    assert read_events(json.dumps(event).encode()) == [event]


def test_what_is_no_event_is_left_to_be_rejected_alone() -> None:
    assert read_events(b'[1, null, "x", [], {"events": 5}]') == [1, None, "x", [], {"events": 5}]


def test_the_last_of_two_equal_names_wins() -> None:
    assert read_events(b'{"event_type": "a", "event_type": "b"}') == [{"event_type": "b"}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"{", "not_json"),
        (b"[1,]", "not_json"),
        (b"{} {}", "not_json"),
        (b"{'event_type': 'click'}", "not_json"),
        (b"not json", "not_json"),
        (b'{"event_type": "a"} trailing', "not_json"),
        (b'{"event_type": "a\nb"}', "not_json"),
        (b"\xef\xbb\xbf", "not_json"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not_json"),
        (json.dumps(EVENT).encode("utf-32-be"), "not_json"),
        ('{"event_type": "\u00fc"}'.encode("latin-1"), "not_utf8"),
        (json.dumps(EVENT).encode("utf-16-le"), "not_json"),
        (json.dumps(EVENT).encode("utf-16"), "not_utf8"),
        (b'{"event_type": "\xff"}', "not_utf8"),
        (b'{"event_type": "\xed\xa0\x80"}', "not_utf8"),
        (b'{"event_type": "\xc0\xaf"}', "not_utf8"),
        (b"[]", "no_events"),
        (b'{"events": []}', "no_events"),
        (b"[" * 1000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep"),
        (b"\x1f\x8b", "bad_gzip"),
        (b"\x1f\x8bnot gzip", "bad_gzip"),
        (PACKED[:10], "bad_gzip"),
        (PACKED[:-9], "bad_gzip"),
        (PACKED[:-1], "bad_gzip"),
        (PACKED[:-8] + bytes(4) + PACKED[-4:], "bad_gzip"),
        (PACKED[:-4] + bytes(4), "bad_gzip"),
        (PACKED[:12] + b"\xff" + PACKED[13:], "bad_gzip"),
        (PACKED + b"more", "bad_gzip"),
        (PACKED + PACKED, "not_json"),
        (PACKED + PACKED[:-1], "bad_gzip"),
        (PACKED + bytes(8), "bad_gzip"),
        (gzip.compress(b"") * (limits.MAX_GZIP_MEMBERS + 1), "bad_gzip"),
        (gzip.compress(b"\xff"), "not_utf8"),
        (b" " * (limits.MAX_BODY_BYTES + 1), "body_too_large"),
        (gzip_bomb(limits.MAX_INFLATED_BYTES + 1), "body_too_large"),
        (gzip_bomb(limits.MAX_INFLATED_BYTES) + gzip.compress(b" "), "body_too_large"),
        (gzip.compress(gzip_bomb(2**20)), "not_utf8"),
        (b"[" + b"1," * limits.MAX_EVENTS_PER_POST + b"1]", "too_many_events"),
        (b"[" + b"1," * limits.MAX_VALUES + b"1]", "too_many_values"),
        (b"[" + b"{}," * (limits.MAX_VALUES // 2) + b"1]", "too_many_values"),
        (b"[" * (limits.MAX_VALUES + 1), "too_many_values"),  # before it is parsed, or it would be too_deep
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_that_cannot_be_read_is_refused_with_its_code(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_a_gzip_bomb_is_never_held_in_memory() -> None:
    bomb = gzip_bomb(10 * limits.MAX_INFLATED_BYTES)
    assert len(bomb) < limits.MAX_BODY_BYTES
    tracemalloc.start()
    try:
        code = code_of(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == "body_too_large"
    assert peak < 4 * limits.MAX_INFLATED_BYTES


@pytest.mark.parametrize("text", [",", "[{", '\\\\",', '\\"{'], ids=repr)
def test_what_stands_in_a_string_is_no_value(text: str) -> None:
    values = [text * 1000] * (limits.MAX_VALUES // 900)
    assert read_events(json.dumps([values]).encode()) == [values]


def test_every_limit_is_within_what_is_taken() -> None:
    assert len(read_events(b"[" + b"1," * (limits.MAX_EVENTS_PER_POST - 1) + b"1]")) == limits.MAX_EVENTS_PER_POST
    assert read_events(b"1" + b" " * (limits.MAX_BODY_BYTES - 1)) == [1]
    assert read_events(gzip.compress(b"1" + b" " * (limits.MAX_INFLATED_BYTES - 1))) == [1]


@pytest.mark.parametrize(
    "number",
    ["9" * 4301, "-" + "9" * 4301, "9" * 39, "1" + "0" * 38, "NaN", "Infinity", "-Infinity", "1e400", "-1E+400"],
)
def test_a_number_that_cannot_be_kept_spares_its_neighbours(number: str) -> None:
    bad, good = read_events(f'[{number}, {{"event_type": "a"}}]'.encode())
    assert isinstance(bad, BadNumber)
    assert good == {"event_type": "a"}


@pytest.mark.parametrize("number", ["9" * 38, "-" + "9" * 38, "0", "-0", "1.5", "1e-400", "1e30"])
def test_other_numbers_are_kept(number: str) -> None:
    assert read_events(number.encode()) == [json.loads(number)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda child: st.lists(child) | st.dictionaries(st.text(), child),
    max_leaves=10,
)
bodies = st.one_of(
    st.binary(),
    st.binary().map(lambda body: b"\x1f\x8b" + body),
    st.binary().map(gzip.compress),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.text(alphabet='[]{}":,0eE+-.\\u').map(str.encode),
)


@given(bodies, st.integers(0, 200))
@example(b"\x1f\x8b\x08\xff", 200)
def test_hostile_bytes_are_read_or_refused(body: bytes, cut: int) -> None:
    for each in (body, body[:cut]):
        try:
            assert read_events(each)
        except Problem:
            continue
