"""What the toolbox prints: text as it is, and nothing that steers a terminal."""

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
