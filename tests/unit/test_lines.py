"""Reading the lines of files in every state that files are found in."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from millrace.io.lines import MAX_LINE_BYTES, Line, read_lines


def lines_of(content: bytes) -> list[Line]:
    return list(read_lines(io.BufferedReader(io.BytesIO(content))))


def contents(content: bytes) -> list[tuple[int, bytes]]:
    return [(line.number, line.content) for line in lines_of(content)]


def random_lines(number: int) -> bytes:
    """Lines that gzip hardly makes shorter."""
    return b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(number))


@pytest.mark.parametrize(
    "content",
    [
        b"a\nb\n",
        b"a\r\nb",
        gzip.compress(b"a\nb\n", mtime=0),
        gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n", mtime=0),
        gzip.compress(b"a\nb\n", mtime=0) + bytes(512),
        b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n",
        gzip.compress(b"\xef\xbb\xbfa\nb\n", mtime=0),
        "a\nb\n".encode("utf-16"),
        gzip.compress("a\r\nb".encode("utf-16"), mtime=0),
    ],
    ids=["plain", "Windows", "gzip", "members", "padded", "marks", "mark in gzip", "UTF-16", "UTF-16 in gzip"],
)
def test_lines_are_read_whatever_packs_or_marks_the_file(content: bytes) -> None:
    assert contents(content) == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize("content", [b"", b"\n \n\r\n", b"\xef\xbb\xbf", bytes(100_000), gzip.compress(b"", mtime=0)])
def test_an_empty_file_has_no_lines(content: bytes) -> None:
    assert lines_of(content) == []


def test_blank_lines_are_counted_and_left_out() -> None:
    assert contents(b"\na\n\n\nb") == [(2, b"a"), (5, b"b")]


def test_a_hole_ends_the_line_that_it_cuts_and_costs_none_behind_it() -> None:
    assert contents(b"a\nb" + bytes(200_000) + b"c\nd\n" + bytes(3) + b"e\n") == [
        (1, b"a"), (2, b"b"), (2, b"c"), (3, b"d"), (4, b"e"),
    ]  # fmt: skip


def test_a_line_that_is_no_event_by_its_length_costs_only_itself() -> None:
    long = b"x" * (MAX_LINE_BYTES + 1)
    first, second, third = lines_of(b"a\n" + long + b"\nb\n")
    assert (first.content, third.number, third.content) == (b"a", 3, b"b")
    assert second.problem.startswith("too long")
    assert lines_of(long[1:])[0].problem == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: packed + b"something else",
        lambda packed: packed[:100_000] + b"x" * 100 + packed[100_100:],
    ],
    ids=["end missing", "half missing", "wrong sum", "more behind it", "overwritten"],
)
def test_what_comes_before_the_damage_of_a_file_is_read_and_a_last_line_tells_of_it(damage: object) -> None:
    text = random_lines(5000)
    *read, last = lines_of(damage(gzip.compress(text)))  # type: ignore[operator]
    whole = text.splitlines()
    assert len(read) > 1800
    assert [line.content for line in read[:1800]] == whole[:1800]
    assert "the file is damaged here" in last.problem
    assert last.number == read[-1].number + 1


def test_a_file_that_can_no_longer_be_read_is_damaged() -> None:
    class Failing(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = [b"a\nb", b""]

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            if not (piece := self.rest.pop(0)):
                raise OSError(5, "Input/output error")
            buffer[: len(piece)] = piece
            return len(piece)

    first, second = read_lines(io.BufferedReader(Failing()))
    assert first.content == b"a"
    assert "Input/output error" in second.problem


def test_only_the_last_line_may_be_unfinished() -> None:
    assert [line.is_ended for line in lines_of(b"a\nb\0c")] == [True, True, False]
    assert [line.is_ended for line in lines_of(b"a\nb\n")] == [True, True]


@pytest.mark.parametrize(
    "piece", [bytes(65536), b"x" * 65536, (b"a" * 1023 + b"\n") * 64], ids=["hole", "line", "lines"]
)
def test_memory_does_not_grow_with_the_file(piece: bytes) -> None:
    class Endless(io.RawIOBase):
        left = 300

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.left -= 1
            size = min(len(buffer), len(piece)) if self.left > 0 else 0
            buffer[:size] = piece[:size]
            return size

    tracemalloc.start()
    for _ in drained(read_lines(io.BufferedReader(Endless(), 65536))):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MAX_LINE_BYTES


def drained(lines: Iterator[Line]) -> Iterator[int]:
    for line in lines:
        yield line.number
