"""Unicode's form NFC, whose cost does not grow with the square of a text."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.nfc import nfc, shortest

# Marks of several classes, marks that are decomposed into two, and starters that compose with them.
PIECES = (
    "a\u00e9\u0300\u0301\u0308\u0315\u0327\u0344"
    "\u05b0\u0f71\u0f73\u0f75\u0f81\u1100\u1161\u11a8\u1e69\u1f82\u3099\u304b\U0001d165"
)


@given(st.text(st.sampled_from(PIECES), max_size=120) | st.text(max_size=200))
def test_the_form_is_that_of_unicode(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert nfc(text) == composed
    assert shortest(text) <= len(composed)


@pytest.mark.parametrize("pair", ["\u0315\u0300", "\u0f73", "\u0344\u0327"])
def test_a_long_run_of_marks_is_sorted_before_it_is_normalized(pair: str) -> None:
    normalized = []

    def normalize(form: Any, text: str) -> str:
        normalized.append(text)
        return unicodedata.normalize(form, text)

    text = "a" + pair * 500
    assert nfc(text, normalize) == unicodedata.normalize("NFC", text)
    classes = [unicodedata.combining(mark) for mark in normalized[-1][1:]]
    assert classes == sorted(classes)
