"""Words that the glossary has given up stay out of code and docs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Files that speak of former versions in their words, and files that we did not write.
ELSEWHERE = (
    "CHANGELOG.md",
    "docs/glossary.md",
    "docs/decisions",
    "test_words.py",
    "tests/data",
    "uplot",
    "package-lock",
)
#: Retired words in their everyday sense, or in the name of a library's function or of a style property.
EVERYDAY = r"letter-spacing|letters(,| and) digits|a letter or a digit|\.digest\(|compare_digest|digest_size"


def retired() -> list[str]:
    """The words of the glossary's third column."""
    rows = re.findall(r"^\|(.*)\|(.*)\|(.*)\|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    return [word.strip() for row in rows for word in row[2].split(",") if word.strip() not in ("", "not", "---")]


def uses(word: str, text: str) -> list[str]:
    """The places where the word stands, alone, inflected, or as a part of a name; "dead letter" is no letter."""
    spaced = word.replace(" ", "[ _-]")
    form = rf"(?<![a-z])(?<!dead[ _-])(?<!dead)(?:{spaced})(?:s|ed|ing)?(?![a-z])"
    text = re.sub(EVERYDAY, "", text)
    found = re.finditer(form, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text), re.IGNORECASE)
    return [text[max(each.start() - 40, 0) : each.end() + 40] for each in found]


def ours() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = {}
    for name in listed.stdout.splitlines():
        if Path(name).suffix in (".py", ".md", ".js", ".html", ".css", ".yaml", ".toml") and not any(
            each in name for each in ELSEWHERE
        ):
            texts[name] = (ROOT / name).read_text()
    return texts


@pytest.mark.parametrize("word", retired())
def test_a_retired_word_is_not_used(word: str) -> None:
    assert {name: found for name, text in ours().items() if (found := uses(word, text))} == {}


def test_a_word_is_found_in_names_and_inflections() -> None:
    for text in ("They are parked.", "def park_message", "class ParkingLot", "a Park"):
        assert uses("park", text)
    for text in ("the dead letters", "dead_letters", "DeadLetters", "a spark", "sparking"):
        assert not uses("letter", text) + uses("park", text)
