"""What commands print: no column that matters is dropped, and no text of an event steers a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import output

STEERING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]


def test_json_is_one_line_that_steers_no_terminal_and_means_the_same() -> None:
    document = {character: character for character in STEERING}
    line = output.to_json(document)
    assert not set(STEERING) & set(line)
    assert len(line.splitlines()) == 1
    assert json.loads(line) == document


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="".join(STEERING))))
def test_all_other_text_stays_as_it_is(text: str) -> None:
    assert output.to_json({"text": text}) == json.dumps({"text": text}, ensure_ascii=False)


@pytest.mark.parametrize("print_it", [output.say, output.print_line, output.print_text])
@pytest.mark.parametrize("steering", ["\x1b]0;PWN\x07\x1b[31m", "\x9b31m", "\u202e", "\r", "\u2028", "\x85"])
def test_a_message_steers_no_terminal(capsys: pytest.CaptureFixture[str], steering: str, print_it: object) -> None:
    assert callable(print_it)
    print_it(f"rejected: n{steering}m is given twice, zoë 👩‍👩‍👧")
    printed = "".join(capsys.readouterr()).removesuffix("\n")
    assert not set(STEERING) & set(printed)
    assert "is given twice, zoë" in printed


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
