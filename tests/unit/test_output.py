"""What commands print: no column that matters is dropped, and no text of an event steers a terminal."""

from __future__ import annotations

import pytest

from millrace import output


@pytest.mark.parametrize(
    ("widths", "room", "expected"),
    [
        ([20, 9, 14, 300], 80, [20, 9, 14, 31]),
        ([20, 9, 14, 300], 220, [20, 9, 14, 171]),
        ([20, 9, 14, 30], 80, [20, 9, 14, 30]),
        ([20, 16, 7, 60, 200], 100, [20, 16, 7, 33, 16]),
        ([70, 9, 20, 40], 80, [70, 9, 16, 16]),
        ([20, 3, 4], 5, [20, 3, 4]),
        ([90], 80, [90]),
    ],
)
def test_the_last_columns_are_narrowed_first_and_none_to_nothing(
    widths: list[int], room: int, expected: list[int]
) -> None:
    assert output.fitted(widths, room) == expected


@pytest.mark.parametrize("text", ["plain", "日本語 zoë", "👩‍👩‍👧", "a\u00a0b", "=1+1", "'\"<b>[red]", "e\u0301"])
def test_text_of_an_event_is_printed_as_it_is(text: str) -> None:
    assert output.printable(text) == text


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\r", "\n", "\x00", "\x9b", "\u202e", "\u2066", "\u200f", "\u2028", "\ud800"]
)
def test_characters_that_steer_a_terminal_or_turn_its_text_are_not_printed(text: str) -> None:
    assert text not in output.printable(f"a{text}b")


def test_a_table_in_a_pipe_is_neither_cut_nor_padded_behind_its_last_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_table(("time", "properties"), [("t", "x" * 500), ("longer", "y"), ("日", "[bold]z")])
    assert capsys.readouterr().out.splitlines() == [
        "time    properties",
        f"t       {'x' * 500}",
        "longer  y",
        "日      [bold]z",
    ]
