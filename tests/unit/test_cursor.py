"""Cursors hold for the question they were made for, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.cursor import seal, unseal
from chalicelib.errors import Problem

QUESTION = ("events", "shop", None, "view", "", "~")
POSITION = ["2015-05-17T10:05:03.000000Z", "u123", "e1"]
SECRET = "a secret of the stage"  # noqa: S105 - made up
CURSOR = seal(POSITION, question=QUESTION, secret=SECRET)


def refused(cursor: str, question: tuple[str | None, ...] = QUESTION, secret: str = SECRET) -> bool:
    with pytest.raises(Problem) as refusal:
        unseal(cursor, question=question, secret=secret, parts=3)
    return refusal.value.code == "bad_cursor"


@given(st.lists(st.text()), st.lists(st.none() | st.text()), st.text(min_size=1))
def test_a_cursor_gives_back_its_position(position: list[str], question: list[str | None], secret: str) -> None:
    cursor = seal(position, question=question, secret=secret)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert unseal(cursor, question=question, secret=secret, parts=len(position)) == position


@pytest.mark.parametrize(
    "question",
    [
        (),
        ("events", "other", None, "view", "", "~"),
        ("events", "shop", "u", "view", "", "~"),
        ("events", "shop", "None", "view", "", "~"),
        ("events", "shop", None, "view", ""),
        ("events", "shop", None, "view~", "", ""),
        ("reports", "shop", None, "view", "", "~"),
    ],
)
def test_a_cursor_of_another_question_is_refused(question: tuple[str | None, ...]) -> None:
    assert refused(CURSOR, question)


def test_a_cursor_of_another_stage_is_refused() -> None:
    assert refused(CURSOR, secret="another secret")


@pytest.mark.parametrize("position", range(len(CURSOR)))
def test_no_character_of_a_cursor_can_be_changed(position: int) -> None:
    other = "A" if CURSOR[position] != "A" else "B"
    assert refused(CURSOR[:position] + other + CURSOR[position + 1 :])


SPELLINGS = [
    CURSOR[:-1],
    CURSOR[:20],
    CURSOR + "=",
    CURSOR + "\n",
    CURSOR + " ",
    " " + CURSOR,
    CURSOR + "A",
    CURSOR * 2,
]
SPELLINGS += [CURSOR.swapcase(), "", "x", "é", "=", "%", "\x00", "null", "A" * 4000, "A" * 24]


@pytest.mark.parametrize("cursor", SPELLINGS, ids=range(len(SPELLINGS)))
def test_a_cursor_has_one_spelling(cursor: str) -> None:
    assert refused(cursor)


@pytest.mark.parametrize(
    "position", [[], ["a", "b"], ["a", "b", 3], ["a", "b", None], ["a", "b", ["c"]], {"a": "b"}, "abc"]
)
def test_a_position_of_another_form_is_refused_though_it_is_signed(position: list[str]) -> None:
    assert refused(seal(position, question=QUESTION, secret=SECRET))


@given(st.text(st.characters() | st.sampled_from("\ud800+/=-_")))
def test_hostile_text_is_refused(text: str) -> None:
    assert refused(text)
