"""Regular expressions of ECMA 262 (flag u), run by RE2 in linear time for any pattern and text.

A construct that RE2 cannot run, such as a lookahead or a back reference, is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

from chalicelib.core.json_schema import spend

MAX_REPEATS = 1000
# RE2 may follow all positions of a pattern at once: each takes 5 ns for a byte. A step of a check takes 150 ns.
_WORK_A_STEP = 30
_STEPS_A_SEARCH = 8
_MAX_POSITIONS = 5_000

# The sets of ECMA 262. RE2's own \s is ASCII only, and its dot excludes only \n.
_SPACES = (
    *((0x9, 0xD), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
_DOT = r"[^\n\r\x{2028}\x{2029}]"
_SIGNS = {"^": r"\A", "$": r"\z", "|": "|", ")": ")"}
_CONTROLS = {"0": 0, "t": 0x9, "n": 0xA, "v": 0xB, "f": 0xC, "r": 0xD}
_LAST = 0x10FFFF
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??")
_GROUP = re.compile(r"\((\?:|\?<(?![=!])[^>]*>|\?<?[=!]|\?)?")
_BOUNDARY = re.compile(r"\\[bB]")
_ASCII = re.compile("[A-Za-z]")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f]{1,8})\}|u([0-9A-Fa-f]{4})")
_PROPERTY = re.compile(r"([pP])\{(?:(General_Category|gc|Script|sc)=)?(\w+)\}")


class BadPattern(ValueError):
    """A pattern is not valid in ECMA 262, or cannot run in linear time."""


def _literal(code: int) -> str:
    if code > _LAST or 0xD800 <= code < 0xE000:
        raise BadPattern(f"U+{code:X} is not a character")
    return rf"\x{{{code:X}}}"


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{_literal(first)}-{_literal(last)}" for first, last in ranges)


def _others(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    starts = (0, *(last + 1 for _, last in ranges))
    ends = (*(first - 1 for first, _ in ranges), _LAST)
    return tuple(zip(starts, ends, strict=True))


_SETS = {"d": r"\d", "D": r"\D", "w": r"\w", "W": r"\W", "s": _ranges(_SPACES), "S": _ranges(_others(_SPACES))}


def matcher(pattern: str) -> Callable[[str, list[int]], bool]:
    """Return a function that tests a text for a match, within the steps left. Raises BadPattern."""
    translation, options = _Translation(pattern), re2.Options()
    options.log_errors, options.never_capture = False, True
    try:
        compiled = re2.compile(translation.whole().encode(), options)
    except re2.error as error:
        raise BadPattern(error.args[0].decode(errors="replace")) from error
    positions = translation.positions
    if positions > _MAX_POSITIONS:
        raise BadPattern(f"with its repeats it has more than {_MAX_POSITIONS} parts")

    def matches(text: str, left: list[int]) -> bool:
        encoded = text.encode("utf-8", "surrogatepass")
        spend(left, _STEPS_A_SEARCH + len(encoded) * positions // _WORK_A_STEP)
        return compiled.search(encoded) is not None

    return matches


class _Translation:
    """Translates a pattern to RE2's syntax, from left to right.

    `positions`: the number of parts of the pattern. A repeated part counts as often as it is repeated.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._groups = [0]  # the positions in each group that is open

    @property
    def positions(self) -> int:
        return sum(self._groups)

    def whole(self) -> str:
        parts, last = list[str](), 0
        while self._at < len(self._pattern):
            if quantifier := self._take(_QUANTIFIER):
                if not last:
                    raise BadPattern(f"{quantifier[0]} has nothing to repeat")
                self._groups[-1] += last * (_repeats(quantifier) - 1)
                part, last = quantifier[0], 0
            else:
                part, last = self._part()
            parts.append(part)
        return "".join(parts)

    def _take(self, form: re.Pattern[str]) -> re.Match[str] | None:
        found = form.match(self._pattern, self._at)
        self._at = found.end() if found else self._at
        return found

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise BadPattern("it ends too early")
        self._at += 1
        return self._pattern[self._at - 1]

    def _part(self) -> tuple[str, int]:
        """Return the next part that is not a quantifier, and the number of positions that a repetition multiplies."""
        if group := self._take(_GROUP):
            self._groups.append(0)
            return _group(group), 0
        if boundary := self._take(_BOUNDARY):
            return boundary[0], 0
        character = self._next()
        if character == ")" and len(self._groups) > 1:
            last = self._groups.pop()
            self._groups[-1] += last
            return ")", max(last, 1)
        if character in _SIGNS:
            return _SIGNS[character], 0
        self._groups[-1] += 1
        return self._one_of(character), 1

    def _one_of(self, character: str) -> str:
        """Return the translation of one character or one set."""
        if character == ".":
            return _DOT
        if character == "[":
            return self._class()
        escaped = self._escape() if character == "\\" else ord(character)
        return _literal(escaped) if isinstance(escaped, int) else f"[{escaped}]"

    def _class(self) -> str:
        negated = bool(self._take(re.compile(r"\^")))
        parts = []
        while not self._take(re.compile("]")):
            first = self._member()
            if isinstance(first, int) and self._take(re.compile(r"-(?!])")):
                last = self._member()
                if isinstance(last, str):
                    parts += [_literal(first), _literal(ord("-")), last]
                    continue
                if last < first:
                    raise BadPattern(f"{chr(first)}-{chr(last)} is out of order")
                parts.append(f"{_literal(first)}-{_literal(last)}")
            else:
                parts.append(_literal(first) if isinstance(first, int) else first)
        if not parts:  # an empty class matches nothing, and a negated empty class matches everything
            parts, negated = [rf"\x00-\x{{{_LAST:X}}}"], not negated
        return f"[{'^' * negated}{''.join(parts)}]"

    def _member(self) -> int | str:
        character = self._next()
        if character != "\\":
            return ord(character)
        return 0x8 if self._take(re.compile("b")) else self._escape()

    def _escape(self) -> int | str:
        """Return the meaning of an escape: a character, or the inside of a class."""
        if code := self._take(_HEX):
            return self._pair(int(next(filter(None, code.groups())), 16))
        if named := self._take(_PROPERTY):
            return _property(named)
        character = self._next()
        if character in _SETS:
            return _SETS[character]
        if character in _CONTROLS:
            return _CONTROLS[character]
        if control := self._take(_ASCII) if character == "c" else None:
            return ord(control[0]) % 32
        if character in "123456789k":
            raise BadPattern(f"\\{character} refers back: this takes more than linear time")
        if character.isalnum():
            raise BadPattern(f"\\{character} is not a complete escape of ECMA 262")
        return ord(character)

    def _pair(self, code: int) -> int:
        """Return the character of a surrogate pair whose halves are escaped separately."""
        if 0xD800 <= code < 0xDC00 and (low := self._take(re.compile(r"\\u(D[C-F][0-9A-F]{2})", re.IGNORECASE))):
            return 0x10000 + (code - 0xD800) * 0x400 + int(low[1], 16) - 0xDC00
        return code


def _repeats(quantifier: re.Match[str]) -> int:
    times = max(1, *(int(number or 0) for number in quantifier.groups()))
    if times > MAX_REPEATS:
        raise BadPattern(f"{quantifier[0]} repeats more than {MAX_REPEATS} times")
    return times


def _group(found: re.Match[str]) -> str:
    if found[1] in ("?=", "?!", "?<=", "?<!"):
        raise BadPattern(f"({found[1]} looks around: this takes more than linear time")
    if found[1] == "?":
        raise BadPattern("(? is not a group of ECMA 262, or it is an inline flag, which is not supported")
    return "(?:"


def _property(found: re.Match[str]) -> str:
    negation, kind, name = found.groups()
    if kind in ("Script", "sc"):
        return rf"\{negation}{{{name}}}"
    if len(name) > 2:
        raise BadPattern(f"{found[0]} is not supported: name a general category by its one or two initials, as L or Lu")
    return rf"\{negation}{{{name}}}"
