"""Keys: what is kept of one admits that key alone, in its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import access_key

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)
RANDOM = bytes(range(26))


@pytest.mark.parametrize(("kind", "prefix"), [("write", "mw_"), ("read", "mr_")])
def test_a_key_shows_its_kind_and_is_admitted_by_what_is_kept_of_it(kind: str, prefix: str) -> None:
    key, kept = access_key.mint("acme", kind, now=NOW, randomness=RANDOM)
    assert key.startswith(prefix)
    assert (kept.project, kept.kind, kept.created, kept.expires) == ("acme", kind, NOW, None)
    assert kept.admits(key, NOW)


def test_what_is_kept_does_not_hold_the_key() -> None:
    key, kept = access_key.mint("acme", "read", now=NOW, randomness=RANDOM)
    assert key not in repr(kept)
    assert key.rpartition("_")[2] not in repr(kept)


def test_the_id_in_a_key_is_that_of_what_is_kept() -> None:
    key, kept = access_key.mint("acme", "read", now=NOW, randomness=RANDOM)
    assert access_key.id_in(key) == kept.key_id


@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(seconds=-1)])
def test_a_key_that_has_expired_is_not_admitted(expires_in: timedelta) -> None:
    key, kept = access_key.mint("acme", "read", now=NOW, randomness=RANDOM)
    assert not replace(kept, expires=NOW + expires_in).admits(key, NOW)
    assert replace(kept, expires=NOW + timedelta(seconds=1)).admits(key, NOW)


def test_the_same_secret_under_another_kind_is_another_key() -> None:
    key, kept = access_key.mint("acme", "write", now=NOW, randomness=RANDOM)
    assert not kept.admits(key.replace("mw_", "mr_"), NOW)


@given(st.text(max_size=80))
def test_any_text_can_be_asked_about(text: str) -> None:
    _, kept = access_key.mint("acme", "write", now=NOW, randomness=RANDOM)
    assert not kept.admits(text, NOW)
    assert access_key.id_in(text) is None


@pytest.mark.parametrize("change", [str.upper, lambda key: key + "\n", lambda key: key[:-1], lambda key: " " + key])
def test_what_is_not_exactly_a_key_has_no_id(change: Callable[[str], str]) -> None:
    key, _ = access_key.mint("acme", "write", now=NOW, randomness=RANDOM)
    assert access_key.id_in(change(key)) is None


def test_two_keys_share_nothing() -> None:
    keys = {access_key.mint("acme", "write", now=NOW, randomness=bytes([n]) * 26)[0] for n in range(50)}
    assert len({key[3:15] for key in keys}) == len({key[16:] for key in keys}) == 50
