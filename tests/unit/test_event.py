"""Events at ingestion: what is accepted, in which form, and what is rejected with which code."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import limits
from chalicelib.core.chunk import Chunk, Sender, decode, encode, stored_form
from chalicelib.core.chunk_id import mint_chunk_id
from chalicelib.core.event import FIELDS, REJECTION_CODES, Event, Rejected, stable_id
from chalicelib.core.payload import BadNumber
from chalicelib.core.schema import Shared, read_event

RECEIVED = datetime(2024, 3, 1, 12, tzinfo=UTC)
LEAST = {"event_type": "page_view", "user_id": "u123"}
TIMED = LEAST | {"timestamp": "2015-05-17T10:05:03Z"}


def read(raw: Any, received: datetime = RECEIVED, random_id: str = "random", **given: Any) -> Event:
    return read_event(raw, received=received, seen=Counter(), random_id=random_id, **given)


def nested(levels: int) -> list[Any]:
    return [nested(levels - 1)] if levels > 1 else []


def test_unknown_fields_become_properties() -> None:
    event = read(LEAST | {"page": "/home", "a.b": None, "properties": {"size": 3}, "context": {"os": "x"}})
    assert event.properties == {"page": "/home", "a.b": None, "size": 3}
    assert event.context == {"os": "x"}


def test_null_stands_for_a_field_that_is_absent() -> None:
    nulls = dict.fromkeys(("anonymous_id", "event_id", "timestamp", "properties", "context"))
    assert read(LEAST | nulls) == read(LEAST)


def test_an_event_without_a_time_has_the_received_time() -> None:
    assert read(LEAST).time == "2024-03-01T12:00:00.000000Z"


def test_the_user_id_goes_before_the_anonymous_id() -> None:
    assert read(LEAST | {"anonymous_id": "a"}).user == "u123"
    assert read({"event_type": "x", "anonymous_id": "a"}).user == "a"


def test_numeric_ids_are_kept_as_text() -> None:
    event = read({"event_type": "x", "user_id": 7, "event_id": 0})
    assert (event.user_id, event.event_id) == ("7", "0")


@pytest.mark.parametrize(("number", "text"), [(12345.0, "12345"), (-0.0, "0"), (1e3, "1000"), (2.0**53, str(2**53))])
def test_a_whole_number_is_an_id_however_json_writes_it(number: float, text: str) -> None:
    event = read({"event_type": number, "user_id": number, "anonymous_id": number, "event_id": number})
    assert (event.event_type, event.user_id, event.anonymous_id, event.event_id) == (text,) * 4


def test_names_are_the_same_however_their_accents_are_composed() -> None:
    assert read(TIMED | {"user_id": "Zoe\u0308"}).user == read(TIMED | {"user_id": "Zo\u00eb"}).user == "Zo\u00eb"


ROWS: list[tuple[str, str | None, Any]] = [
    ("not_an_object", None, []),
    ("not_an_object", None, "page_view"),
    ("not_an_object", None, None),
    ("missing_field", "event_type", {"user_id": "u"}),
    ("missing_field", "event_type", {"event_type": None, "user_id": "u"}),
    ("missing_field", "user_id", {"event_type": "x"}),
    ("missing_field", "user_id", LEAST | {"user_id": None}),
    ("wrong_type", "user_id", LEAST | {"user_id": True}),
    ("wrong_type", "user_id", LEAST | {"user_id": 1.5}),
    ("wrong_type", "event_id", LEAST | {"event_id": 1e16}),
    ("wrong_type", "event_type", LEAST | {"event_type": ["x"]}),
    ("wrong_type", "event_id", LEAST | {"event_id": {}}),
    ("wrong_type", "properties", LEAST | {"properties": []}),
    ("wrong_type", "context", LEAST | {"context": "x"}),
    ("empty", "event_type", LEAST | {"event_type": ""}),
    ("empty", "user_id", LEAST | {"user_id": ""}),
    ("empty", "anonymous_id", {"event_type": "x", "anonymous_id": ""}),
    ("empty", "event_id", LEAST | {"event_id": ""}),
    ("too_long", "user_id", LEAST | {"user_id": "u" * (limits.MAX_USER_LENGTH + 1)}),
    ("too_long", "anonymous_id", LEAST | {"anonymous_id": "a" * (limits.MAX_USER_LENGTH + 1)}),
    ("too_long", "event_id", LEAST | {"event_id": "i" * (limits.MAX_EVENT_ID_LENGTH + 1)}),
    ("too_long", "event_type", LEAST | {"event_type": "t" * (limits.MAX_TYPE_LENGTH + 1)}),
    ("bad_timestamp", "timestamp", LEAST | {"timestamp": "2015-05-17T10:05:03"}),
    ("bad_timestamp", "timestamp", LEAST | {"timestamp": True}),
    ("bad_timestamp", "timestamp", LEAST | {"timestamp": [2015, 5, 17]}),
    ("bad_timestamp", "timestamp", LEAST | {"timestamp": 10**37}),
    ("bad_timestamp", "timestamp", LEAST | {"timestamp": "9999-12-31T23:59:59-01:00"}),
    ("timestamp_in_future", "timestamp", LEAST | {"timestamp": "2024-03-02T12:00:00.000001Z"}),
    ("bad_number", None, LEAST | {"timestamp": BadNumber()}),
    ("bad_number", None, LEAST | {"event_id": BadNumber()}),
    ("bad_number", None, LEAST | {"a": BadNumber()}),
    ("bad_number", None, LEAST | {"properties": {"a": [BadNumber()]}}),
    ("bad_text", None, LEAST | {"page": "\ud800"}),
    ("bad_text", None, LEAST | {"user_id": "\ude00\ud83d"}),
    ("bad_text", None, LEAST | {"\udfff": 1}),
    ("too_deep", None, LEAST | {"a": nested(limits.MAX_DEPTH)}),
    ("too_deep", None, LEAST | {"a": nested(500)}),
    ("too_deep", None, LEAST | {"properties": {"a": nested(limits.MAX_DEPTH)}}),
    ("too_large", None, LEAST | {"a": "x" * limits.MAX_EVENT_BYTES}),
    ("too_large", None, LEAST | {"a": "é" * (limits.MAX_EVENT_BYTES // 2)}),
    ("ambiguous_field", "page", LEAST | {"page": "/a", "properties": {"page": "/b"}}),
]


@pytest.mark.parametrize(("code", "field", "raw"), ROWS, ids=[f"{code}-{field}" for code, field, _ in ROWS])
def test_a_bad_event_is_rejected_with_its_code_and_field(code: str, field: str | None, raw: Any) -> None:
    with pytest.raises(Rejected) as rejection:
        read(raw)
    assert (rejection.value.code, rejection.value.field) == (code, field)
    assert rejection.value.message


def test_every_rejection_code_has_a_row_above() -> None:
    # A catalogue and the key of a request are no matter of the event alone, and versions one of CloudEvents.
    elsewhere = {"schema_violation", "not_checked", "other_key", "unknown_version", "timestamp_too_early"}
    assert {code for code, _, _ in ROWS} | elsewhere == set(REJECTION_CODES)


def test_a_field_given_twice_with_one_value_is_one_property() -> None:
    assert read(LEAST | {"page": "/a", "properties": {"page": "/a"}}).properties == {"page": "/a"}


def test_an_id_made_of_parts_is_the_same_in_every_version() -> None:
    """Else a file that is sent again after an upgrade would be counted twice."""
    assert stable_id("a line", "1") == "c3da1eb3f44138563b0c5b451d0618a1"


def test_the_order_of_an_objects_fields_makes_no_other_value() -> None:
    event = read(LEAST | {"size": {"w": 1, "h": 2}, "properties": {"size": {"h": 2, "w": 1}}})
    assert event.properties == {"size": {"h": 2, "w": 1}}


def test_true_and_1_are_different_values() -> None:
    with pytest.raises(Rejected):
        read(LEAST | {"size": True, "properties": {"size": 1}})


def test_what_just_keeps_the_limits_is_accepted() -> None:
    longest = {"event_type": "t" * 100, "user_id": "𝄞" * 256, "event_id": "𝄞" * 200}
    event = read(longest | {"timestamp": "2024-03-02T12:00:00Z", "a": nested(limits.MAX_DEPTH - 1)})
    assert (event.user_id, event.event_id) == ("𝄞" * 256, "𝄞" * 200)
    bare = len(json.dumps(LEAST | {"a": ""}, separators=(",", ":")))
    assert len(read(LEAST | {"a": "x" * (limits.MAX_EVENT_BYTES - bare)}).properties["a"]) > 32_000


@pytest.mark.parametrize(
    ("raw", "idempotency_key"),
    [(LEAST | {"event_id": "e1"}, None), (TIMED | {"event_id": "e1"}, None), (TIMED, None), (LEAST, "from-a-header")],
)
def test_what_is_sent_again_later_has_the_same_identity(raw: dict[str, Any], idempotency_key: str | None) -> None:
    first = read(raw, idempotency_key=idempotency_key, random_id="one")
    again = read(raw, received=RECEIVED + timedelta(hours=3), idempotency_key=idempotency_key, random_id="two")
    assert first.identity == again.identity


def test_only_an_id_without_a_time_needs_a_guard() -> None:
    assert read(LEAST | {"event_id": "e1"}).guarded
    assert read(LEAST, idempotency_key="f").guarded
    assert not any(event.guarded for event in (read(LEAST), read(TIMED), read(TIMED | {"event_id": "e1"})))


def test_the_clients_own_id_goes_before_every_other() -> None:
    assert read(LEAST | {"event_id": "e1"}, idempotency_key="f").event_id == "e1"
    assert read(TIMED, idempotency_key="f").event_id not in (read(TIMED).event_id, "f")
    assert read(LEAST, random_id="r").event_id == "r"


def test_equal_events_of_one_post_stay_apart_and_are_recognised_when_sent_again() -> None:
    posts = []
    for _ in range(2):
        seen: Counter[str] = Counter()
        ids = [read_event(TIMED, received=RECEIVED, seen=seen, random_id="r").event_id for _ in "12"]
        posts.append(ids)
    assert posts[0] == posts[1]
    assert len(set(posts[0])) == 2


def test_a_summary_tells_where_its_parts_end() -> None:
    assert stable_id("a", "bc") != stable_id("ab", "c")


texts = st.text(st.characters() | st.sampled_from("\0\ud800\ufffe\u0308#"), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(texts, child, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([row.name for row in FIELDS])
raw_events = st.dictionaries(names | texts, values, max_size=4) | st.dictionaries(texts, values).map(TIMED.__or__)


@given(raw_events)
def test_an_event_that_ingestion_accepts_fails_in_no_later_step(raw: dict[str, Any]) -> None:
    try:
        event = read(raw)
    except Rejected as rejection:
        assert rejection.code in REJECTION_CODES  # noqa: PT017 - both outcomes are fine
        return
    chunk = Chunk(mint_chunk_id(RECEIVED, event.time[:16], bytes(10)), Sender("default", RECEIVED), (event,))
    assert decode(encode(chunk)) == chunk
    assert json.loads(json.dumps(stored_form(event, chunk), ensure_ascii=False).encode())["event_id"] == event.event_id


def test_an_idempotency_key_includes_the_content_so_that_two_payloads_under_one_key_are_two_events() -> None:
    pay, refund = ({"event_type": each, "user_id": "u"} for each in ("pay", "refund"))
    ids = [read(raw, idempotency_key="k").event_id for raw in (pay, refund, pay)]
    assert ids[0] == ids[2] != ids[1]
    assert read(pay, idempotency_key="l").event_id != ids[0]
    assert read(pay, idempotency_key="k", content_secret="s").event_id != ids[0]


def test_what_a_retry_sends_anew_is_no_part_of_the_content() -> None:
    """As the time of sending that a library puts into its envelope."""
    first, again = (TIMED | {"context": {"sentAt": number}} for number in (1, 2))
    assert read(first, content=TIMED).event_id == read(again, content=TIMED).event_id


def test_an_absurd_time_of_sending_is_noted_and_takes_no_place_of_the_clients() -> None:
    sent = datetime(1, 1, 1, tzinfo=UTC)
    assert read(TIMED, sent=sent).context == {"ignored_sent_at": "0001-01-01T00:00:00Z"}
    own = TIMED | {"context": {"ignored_sent_at": "mine"}}
    assert read(own, sent=sent).context == {"ignored_sent_at": "mine"}
    assert read(TIMED, sent=RECEIVED).context == {}


def test_shared_fields_may_nest_as_deep_as_an_event() -> None:
    nested: dict[str, Any] = {}
    for _ in range(limits.MAX_DEPTH - 1):
        nested = {"a": nested}
    assert Shared.of(nested).refusal is None
    assert Shared.of({"a": nested}).refusal is not None


def test_names_have_as_many_characters_as_the_docs_say() -> None:
    lengths = {"user_id": 256, "anonymous_id": 256, "event_id": 200, "event_type": 100}
    for name, length in lengths.items():
        assert read(TIMED | {name: "x" * length})
        with pytest.raises(Rejected) as caught:
            read(TIMED | {name: "x" * (length + 1)})
        assert (caught.value.code, caught.value.field) == ("too_long", name)
