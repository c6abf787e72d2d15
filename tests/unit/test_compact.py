"""Compact JSON: what is packed comes back whole, however large."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import compact

_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(_documents)
def test_what_is_packed_comes_back(document: object) -> None:
    assert compact.unpack(compact.pack(document)) == document


def test_any_zlib_reads_what_is_packed() -> None:
    assert zlib.decompress(compact.pack({"a": 1})) == b'{"a":1}'
