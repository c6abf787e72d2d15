"""Patterns of a catalogue mean what ECMA 262 says, and take linear time or are refused by name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_schema import OutOfSteps
from chalicelib.core.json_schema.patterns import BadPattern, matcher

ENOUGH = 10**9


def matches(pattern: str, text: str) -> bool:
    return matcher(pattern)(text, [ENOUGH])


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[$][0-9]+$", ["$5"], ["5", "$5\n"]),
        (r"^\d+$", ["123"], ["\u0661\u0662\u0663", "123\n"]),
        (r"^\w+$", ["a_1"], ["\u00e9", "a-b"]),
        (r"^\s$", ["\u00a0", "\u2003", "\ufeff", "\v", "\n"], ["a", "\u180e", "\x1c"]),
        (r"^\S$", ["a", "\u180e", "\x1c"], ["\u00a0", "\ufeff"]),
        (r"^[^\s@]+@[^\s@]+$", ["a@b"], ["a @b", "a\u00a0@b"]),
        (r"^[\S]$", ["a"], ["\u2003"]),
        ("^.$", ["a", "\x85", "\U0001f600"], ["\n", "\r", "\u2028", "\u2029", "ab"]),
        (r"^\u00e9\xe9\cJ\0\t$", ["\u00e9\u00e9\n\0\t"], ["e"]),
        (r"^\ud83d\ude00\u{1F600}$", ["\U0001f600\U0001f600"], ["\U0001f600"]),
        (r"^[\b]$", ["\b"], ["b"]),
        (r"\bcat\b", ["a cat"], ["concat"]),
        ("^[]$|a", ["a"], ["", "b"]),
        ("^[^]$", ["\n"], ["", "ab"]),
        (r"^[\w-.]+$", ["a-b.c"], ["a b"]),
        (r"^[a\-z]$", ["-"], ["b"]),
        ("^[[:a:]]$", ["[]", ":]", "a]"], ["a", "b]"]),
        (r"^\/\-\@\"$", ['/-@"'], ["/"]),
        ("^a{,3}}]$", ["a{,3}}]"], ["aa}]"]),
        ("^(?<year>[0-9]{4})-(?:[0-9]{2})$", ["2015-05"], ["2015"]),
        (r"^\p{L}+$", ["\u00e9\u4e2d"], ["1"]),
        (r"^\p{Ll}\p{Script=Greek}\P{gc=Nd}$", ["a\u03b1x"], ["A\u03b1x", "a\u03b15"]),
        ("^(free|pro)??$", ["free", ""], ["freepro"]),
        ("colou?r", ["my colour", "color"], ["colr"]),
        ("", ["", "a"], []),
    ],
)
def test_a_pattern_means_what_ecma_262_says(pattern: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not matches(pattern, text)] == []
    assert [text for text in bad if matches(pattern, text)] == []


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("^(?=a+)a*$", "looks around"),
        ("a(?!b)", "looks around"),
        ("(?<=a)b", "looks around"),
        ("(?<!a)b", "looks around"),
        (r"^(a+)\1+$", "refers back"),
        (r"(?<x>a)\k<x>", "refers back"),
        ("(?i)a", "inline flag"),
        ("(?i:a)", "inline flag"),
        ("(?P<x>a)", "not a group of ECMA 262"),
        (r"a\Z", "not a complete escape of ECMA 262"),
        (r"\Aa", "not a complete escape of ECMA 262"),
        (r"\pL", "not a complete escape of ECMA 262"),
        (r"\u12", "not a complete escape of ECMA 262"),
        (r"\xg0", "not a complete escape of ECMA 262"),
        (r"\ud800", "not a character"),
        (r"\u{110000}", "not a character"),
        (r"\p{Emoji}", "not supported"),
        (r"\p{Number}", "not supported"),
        (r"\p{Script=Klingon}", "Klingon"),
        ("a{1001}", "more than 1000 times"),
        ("^(?:(?:a{99}){99}){99}$", "parts|repetition|too large"),
        ("a**", "nothing to repeat"),
        ("a*+", "nothing to repeat"),
        ("*a", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        (r"\b+", "nothing to repeat"),
        ("a|*", "nothing to repeat"),
        ("[z-a]", "out of order"),
        ("[a", "ends too early"),
        ("a\\", "ends too early"),
        ("(", "missing"),
        (")", "unexpected"),
        ("a{2,1}", "repeat|repetition"),
        ("\ud800", "not a character"),
    ],
)
def test_what_is_no_ecma_262_or_needs_more_than_linear_time_is_refused_by_name(pattern: str, name: str) -> None:
    with pytest.raises(BadPattern, match=name):
        matcher(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "^(a*)*$",
        "^(a|a)*$",
        "^(a|ab)+$",
        "^" + "a?" * 30 + "a" * 30 + "$",
        "^.*.*.*x$",
        "^a*a*a?a?a?a?a?a?a?a?a?$",
    ],
)
def test_patterns_that_keep_other_engines_busy_are_taken(pattern: str) -> None:
    assert not matches(pattern, "a" * 30_000 + "!")


def test_half_of_a_surrogate_pair_is_a_character_that_a_pattern_need_not_match() -> None:
    assert matches("a", "\ud800a")
    assert not matches("^a", "\ud800a")


def test_a_search_takes_steps_for_each_byte_and_part_of_the_pattern() -> None:
    def steps(pattern: str, text: str) -> int:
        left = [ENOUGH]
        matcher(pattern)(text, left)
        return ENOUGH - left[0]

    assert steps("^a{300}$", "b" * 30_000) == pytest.approx(100 * steps("^a{30}$", "b" * 3_000), rel=0.1)
    assert steps("^(?:a(?:bc){5}){10}$", "x" * 300) == steps("^a{110}$", "x" * 300)
    with pytest.raises(OutOfSteps):
        matcher("^a{300}$")("b" * 30_000, [1000])


# Pieces that Python's own engine takes in the same sense for these texts.
PIECES = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "(?:a|b)", "(?:ab)", "c"])
COUNTS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{0,}", "*?"])


@given(
    st.lists(st.tuples(PIECES, COUNTS).map("".join), max_size=6).map("".join),
    st.sampled_from(["{}", "^{}", "{}$", "^{}$", "x|{}"]),
    st.text("abc", max_size=8),
)
def test_the_translation_matches_what_another_engine_does(pattern: str, frame: str, text: str) -> None:
    whole = frame.format(pattern)
    assert matches(whole, text) is (re.search(whole, text) is not None)


@given(st.text("ab()[]{}^$.|*+?\\-,:<=!dDwWsSbBuxcpP{}0123456789LkAZ\u00e9", max_size=12), st.text(max_size=10))
def test_any_text_is_a_pattern_or_is_refused(pattern: str, text: str) -> None:
    try:
        matches(pattern, text)
    except BadPattern:
        return
