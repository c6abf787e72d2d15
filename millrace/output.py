"""The output of commands: data on stdout, as tables for people or JSON lines for programs; messages on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # importing rich would double the time of a command that prints JSON
    from rich.console import Console
    from rich.progress import Progress


# Texts come from events, so they must not be interpreted: no styles, no emoji names, no added line breaks.
_PLAIN: Any = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}


@cache
def _talk() -> Console:
    from rich.console import Console

    return Console(**_PLAIN, stderr=True)


_GAP = "  "
# A column is not made narrower than this.
_LEAST_WIDTH = 16
# Characters that change the reading direction of the text around them: https://www.unicode.org/reports/tr9/
_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
# The characters of both kinds that JSON does not escape.
_STEERING = re.compile(f"[\x7f-\x9f\u2028\u2029{''.join(_BIDI)}]")


def say(message: str) -> None:
    """Print a message for the person at the terminal. The text may contain anything."""
    _talk().print(_printable_lines(message))


def print_json(documents: Iterable[dict[str, Any]]) -> None:
    """Print documents as JSON, one per line."""
    for document in documents:
        sys.stdout.write(to_json(document) + "\n")


def to_json(document: Any) -> str:
    """Return a document as one line of JSON. Only characters that steer a terminal are escaped."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(document, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table. Texts from events are shown safely.

    A terminal that is too narrow cuts the last columns, so list the most important columns first.
    """
    from rich.cells import cell_len

    cells = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if sys.stdout.isatty():
        widths = fitted(widths, shutil.get_terminal_size().columns)
    click.secho(_line(columns, widths), bold=True)
    for row in cells:
        click.echo(_line(row, widths))


def show_rows(rows: Iterable[dict[str, Any]], names: Iterable[str], *, as_json: bool) -> None:
    """Print rows as JSON, or as a table of the fields with these names."""
    if as_json:
        print_json(rows)
        return
    columns = list(names)
    print_table(columns, [[_cell_of(row[name]) for name in columns] for row in rows])


def show(document: dict[str, Any], *, as_json: bool, counted: str = "") -> None:
    """Print a document as JSON, or as a table of its fields. `counted`: the unit of their numbers."""
    if as_json:
        print_json([document])
    else:
        print_table(("", counted), list(document.items()))


def _cell_of(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """Return the widths of columns that fit. The last columns are narrowed first. The first column keeps its width."""
    fitted = list(widths)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    for index in range(len(widths) - 1, 0, -1):
        cut = max(0, min(excess, fitted[index] - _LEAST_WIDTH))
        fitted[index] -= cut
        excess -= cut
    return fitted


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(map(_cell, cells, widths)).rstrip()


def _cell(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def compact(value: Any) -> str:
    """Return a value of an event on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def print_line(text: str) -> None:
    """Print one line at once. The text may contain anything."""
    click.echo(printable(text))


def print_text(text: str) -> None:
    click.echo(_printable_lines(text.rstrip("\n")))


def progress() -> Progress:
    """Return a progress bar that is shown only on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=_talk(), transient=True, disable=not sys.stderr.isatty())


def printable(text: str) -> str:
    """Return the text without characters that steer a terminal or change the reading direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if each in _BIDI or unicodedata.category(each) in _CONTROL else each for each in text)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
