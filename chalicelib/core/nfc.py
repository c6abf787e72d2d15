"""Normalises text to Unicode's form NFC in linear time."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any
from unicodedata import combining

# Text of any language has at most a few marks in a row: https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format
_MAX_RUN = 30
_CLASSES = 256
# Marks with combining class 0 that decompose into marks of other classes. NFC decomposes them too.
_SPELLED_OUT = {0x0F73: "\u0f71\u0f72", 0x0F75: "\u0f71\u0f74", 0x0F81: "\u0f71\u0f80"}


def nfc(text: str, normalize: Callable[[Any, str], str] = unicodedata.normalize) -> str:
    """Return the text in NFC. Long runs of marks are sorted first, since CPython's insertion sort is slow on them."""
    if text.isascii():
        return text
    if len(text) > _MAX_RUN:
        if any(chr(mark) in text for mark in _SPELLED_OUT):
            text = text.translate(_SPELLED_OUT)
        if _has_long_run(text):
            text = _sorted("".join(normalize("NFD", character) for character in text))
    return normalize("NFC", text)


def _has_long_run(text: str) -> bool:
    run = 0
    for is_mark in map(combining, text):
        run = run + 1 if is_mark else 0
        if run > _MAX_RUN:
            return True
    return False


def _sorted(decomposed: str) -> str:
    """Return the text with each run of marks sorted by class. Marks of one class keep their order."""
    keys, start = [], 0
    for mark_class in map(combining, decomposed):
        start += 0 if mark_class else _CLASSES
        keys.append(start + mark_class)
    return "".join([decomposed[place] for place in sorted(range(len(keys)), key=keys.__getitem__)])


def shortest(text: str) -> int:
    """Return the least number of characters of the text in NFC: a base character absorbs at most three marks."""
    return len(text) - 3 * (len(text) - sum(map(bool, map(combining, text))))
