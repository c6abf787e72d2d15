"""Compact JSON: what is packed comes back whole, however large."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import compact

_texts = st.text() | st.text(st.characters(categories=["Cs", "Ll"]))  # also of halves of surrogate pairs
_numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**18, 10**21)
_documents = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(_documents)
def test_what_is_packed_comes_back(document: object) -> None:
    assert compact.unpack(compact.pack(document)) == document


def test_any_zlib_reads_what_is_packed() -> None:
    assert zlib.decompress(compact.pack({"a": 1})) == b'{"a":1}'


@given(_documents | _texts)
def test_what_is_written_is_ascii_that_the_standard_library_reads(document: Any) -> None:
    written = compact.dump(document)
    assert written.isascii()
    assert repr(json.loads(written)) == repr(json.loads(json.dumps(document)))


@pytest.mark.parametrize(("document", "size"), [({"a": "\u00fc"}, 10), (["\U0001f600", 1], 10), (10**30, 31)])
def test_the_size_is_that_of_the_text_in_utf_8(document: Any, size: int) -> None:
    assert compact.size(document) == size


def test_half_of_a_surrogate_pair_has_no_size() -> None:
    with pytest.raises(UnicodeEncodeError):
        compact.size(["\ud800"])


@given(_documents | _texts)
def test_what_is_read_is_what_the_standard_library_reads_or_is_left_to_it(document: Any) -> None:
    text = json.dumps(document).encode()
    try:
        found = compact.load(text)
    except ValueError:
        assert re.search(rb"\\ud|[0-9]{20}", text)
    else:
        assert repr(found) == repr(json.loads(text))
