"""One style of output: data on stdout, as tables for people or JSON lines for programs; the rest on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich takes as long as all that a command for programs does beside its work
    from rich.console import Console
    from rich.progress import Progress


# What is printed comes from events: nothing in it is a style, a name of an emoji, or a place to break the line.
_PLAIN: Any = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}


@cache
def _data() -> Console:
    from rich.console import Console

    # A pipe has no width: nothing is cut there.
    return Console(**_PLAIN, width=None if sys.stdout.isatty() else 100_000)


@cache
def _talk() -> Console:
    from rich.console import Console

    return Console(**_PLAIN, stderr=True)


# Controls that JSON leaves as they are, what changes the direction of text, and what else ends a line.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def say(message: str) -> None:
    """A line for the person at the terminal, whatever it contains."""
    _talk().print("\n".join(map(_printable, message.split("\n"))))


def print_json(documents: Iterable[dict[str, Any]]) -> None:
    """One document a line."""
    for document in documents:
        sys.stdout.write(to_json(document) + "\n")


def to_json(document: Any) -> str:
    """A document as one line of JSON, with text as it is, but for what steers a terminal."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(document, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; what comes from events is shown as text, whatever it contains."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(_printable(str(cell)) for cell in row))
    _data().print(table)


def print_line(text: str) -> None:
    """One line, at once, whatever it contains."""
    _data().print(_printable(text))
    sys.stdout.flush()


def print_text(text: str) -> None:
    _data().print("\n".join(map(_printable, text.rstrip("\n").split("\n"))))


def progress() -> Progress:
    """A progress bar, shown on a terminal only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=_talk(), transient=True, disable=not sys.stderr.isatty())


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
