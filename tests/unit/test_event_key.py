"""Event keys name what they were made from or nothing."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.event import EventRef, event_key, parse_event_key

REF = EventRef("2015-05-17T10:05:03.000000Z", "u123", "e1")
refs = st.builds(EventRef, *[st.text(min_size=1, max_size=27)] * 3)


@given(refs)
def test_an_event_key_is_safe_in_a_url_and_leads_back(ref: EventRef) -> None:
    key = event_key(ref)
    assert key.isascii()
    assert key.replace("-", "").replace("_", "").isalnum()
    assert parse_event_key(key) == ref


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_a_foreign_string_is_no_event_key(text: str) -> None:
    ref = parse_event_key(text)
    assert ref is None or event_key(ref) == text


@given(refs, st.data())
def test_a_tampered_key_never_leads_to_the_same_event(ref: EventRef, data: st.DataObject) -> None:
    key = event_key(ref)
    position = data.draw(st.integers(0, len(key)))
    tampered = key[:position] + data.draw(st.text(max_size=2)) + key[position + data.draw(st.integers(0, 1)) :]
    assert (parse_event_key(tampered) == ref) == (tampered == key)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"5",
        b"null",
        b'"abc"',
        b'{"a":1,"b":2,"c":3}',
        b'["a","b"]',
        b'["a","b","c","d"]',
        b'["a", "b", "c"]',
        b'["a","","c"]',
        b'["a",1,"c"]',
        b'["a",null,"c"]',
        b'["a",["b"],"c"]',
        b'["a","\xff","c"]',
        b'["a","\\ud800","c"]',
        b"[NaN,NaN,NaN]",
        b"[" + b"9" * 4301 + b',"b","c"]',
        b"[" * 100_000,
    ],
    ids=lambda document: str(document[:20]),
)
def test_a_key_of_another_form_leads_nowhere(document: bytes) -> None:
    assert parse_event_key(base64.urlsafe_b64encode(document).decode().rstrip("=")) is None


@pytest.mark.parametrize(
    "ref", [REF._replace(time="2" * 28), REF._replace(user="u" * 257), REF._replace(event_id="e" * 201)]
)
def test_a_key_longer_than_any_event_has_leads_nowhere(ref: EventRef) -> None:
    longest = EventRef(REF.time, "𝄞" * 256, "𝄞" * 200)
    assert parse_event_key(event_key(longest)) == longest
    assert parse_event_key(event_key(ref)) is None


def test_an_event_key_has_one_spelling() -> None:
    key = event_key(REF)
    assert parse_event_key(key) == REF
    for other in (key + "=", key + "==", key + "\n", " " + key, key + "A", key[:-1]):
        assert parse_event_key(other) is None
