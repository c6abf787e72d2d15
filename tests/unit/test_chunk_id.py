"""Chunk ids: what they tell, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.chunk_id import (
    check_form,
    check_id,
    hour_of,
    mint_chunk_id,
    minted_at,
    newest_minute_of,
    owner_of,
    single_id,
    single_ref,
)
from chalicelib.core.event import EventRef, event_key
from chalicelib.core.timestamps import sortable
from chalicelib.core.windows import HOUR, MINUTE, minute_of_hour
from chalicelib.errors import Undecodable

RECEIVED = datetime(2015, 5, 17, 12, tzinfo=UTC)
THE_HOUR = "2015-05-17T10"
THE_MINUTE = f"{THE_HOUR}:05"
CHUNK_ID = mint_chunk_id(RECEIVED, THE_MINUTE, bytes(range(10)))
EVENT = EventRef(f"{THE_HOUR}:05:03.000000Z", "u", "e")
moments = st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(moments, moments, st.binary(min_size=10, max_size=10), names, names)
def test_a_chunk_id_tells_what_it_was_made_of(
    minted: datetime, newest: datetime, randomness: bytes, user: str, event_id: str
) -> None:
    time = sortable(newest)
    owner = mint_chunk_id(minted, MINUTE.name_of(time), randomness)
    ref = EventRef(time, user, event_id)
    for chunk_id, single in ((owner, None), (single_id(owner, ref), ref)):
        check_id(chunk_id)
        assert (hour_of(chunk_id), newest_minute_of(chunk_id)) == (HOUR.name_of(time), minute_of_hour(time))
        assert abs(minted_at(chunk_id) - minted) <= timedelta(milliseconds=1)
        assert (owner_of(chunk_id), single_ref(chunk_id)) == (owner, single)


@given(st.lists(st.binary(min_size=10, max_size=10), min_size=2, max_size=5, unique=True))
def test_different_randomness_makes_different_chunk_ids(randomness: list[bytes]) -> None:
    assert len({mint_chunk_id(RECEIVED, THE_MINUTE, each) for each in randomness}) == len(randomness)


def test_later_chunk_ids_sort_later() -> None:
    seconds = range(0, 10**8, 10**6)
    minted = [mint_chunk_id(RECEIVED + timedelta(seconds=each), THE_MINUTE, b"\xff" * 10) for each in seconds]
    assert minted == sorted(set(minted))


FOREIGN_IDS = [
    "",
    "x",
    CHUNK_ID.lower(),
    f"{CHUNK_ID}\n",
    f"U{CHUNK_ID[1:]}",
    f"{CHUNK_ID[:-1]}\u0663",
    f"../{CHUNK_ID}",
    single_id(CHUNK_ID, EventRef(f"{THE_HOUR}:05:03.000000Z", "u" * 256, "e" * 200)),
]


FALSE_IDS = [
    CHUNK_ID.replace("05-17", "99-99"),
    f"{CHUNK_ID}-x",
    f"{CHUNK_ID}-{event_key(EVENT._replace(time='2015-05-17T11:00:00.000000Z'))}",
]


@pytest.mark.parametrize(
    "text", [*FOREIGN_IDS, *FALSE_IDS, f"{CHUNK_ID}-", f"8{CHUNK_ID[1:]}", f"7{'Z' * 25}{CHUNK_ID[26:]}"]
)
def test_text_that_is_not_a_chunk_id_is_refused(text: str) -> None:
    check_id(CHUNK_ID)
    with pytest.raises(Undecodable):
        check_id(text)


@pytest.mark.parametrize("text", FALSE_IDS)
def test_the_form_of_an_id_says_nothing_of_its_truth(text: str) -> None:
    check_form(text)
