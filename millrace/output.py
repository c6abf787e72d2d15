"""One style of output: data on stdout, as tables for people or JSON lines for programs; the rest on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# A pipe has no width: nothing is cut there.
_data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 100_000)
_talk = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """A line for the person at the terminal."""
    _talk.print(Text(message))


def print_json(documents: Iterable[dict[str, Any]]) -> None:
    """One document a line."""
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; what comes from events is shown as text, whatever it contains."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_printable(str(cell))) for cell in row))
    _data.print(table)


def print_line(text: str) -> None:
    """One line, at once, whatever it contains."""
    _data.print(Text(_printable(text)))
    sys.stdout.flush()


def print_text(text: str) -> None:
    _data.print(Text(text.rstrip("\n")))


def progress() -> Progress:
    """A progress bar, shown on a terminal only."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=_talk, transient=True, disable=not sys.stderr.isatty())


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
