"""Writes events to files for other tools: JSON lines, CSV without executable cells, and Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from chalicelib.core.chunk import STORED_FIELDS
from millrace import output
from millrace.command_error import CommandError

# The most important columns.
_FIRST = ("timestamp", "event_type", "user_id", "anonymous_id")
#: The columns of CSV and Parquet. An object is one cell with JSON.
COLUMNS = tuple(dict.fromkeys((*_FIRST, *(row.name for row in STORED_FIELDS), "key")))

_KINDS = {row.name: row.kind for row in STORED_FIELDS}
_TYPES = {"text": "VARCHAR", "time": "TIMESTAMPTZ", "object": "JSON"}

# A spreadsheet executes a cell that starts like this: https://owasp.org/www-community/attacks/CSV_Injection
# It may skip white space first, and accept full-width or small forms of the sign.
_FORMULA_SIGNS = ("=", "+", "-", "@")
_CELL_CONTROLS = ("\t", "\r", "\n")


@contextmanager
def whole_file(name: str) -> Iterator[BinaryIO]:
    """Open a file that gets its name only when it is complete. "-" and devices are written directly."""
    path = Path(name)
    if name == "-" or (path.exists() and not path.is_file()):
        with nullcontext(sys.stdout.buffer) if name == "-" else path.open("wb") as file:
            yield file
        return
    path = path.resolve()  # so that a link stays a link
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("xb") as file:
            yield file
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(events: Iterable[dict[str, Any]], file: BinaryIO) -> Iterator[int]:
    """Write one JSON document per line. Yield 1 for each event."""
    for event in events:
        file.write(output.to_json(event).encode() + b"\n")
        yield 1


def write_csv(events: Iterable[dict[str, Any]], file: BinaryIO) -> Iterator[int]:
    """Write CSV (RFC 4180) with a header. Cells that a spreadsheet would execute get a leading apostrophe.

    On a terminal, characters that would steer it are replaced. Yield 1 for each event.
    """
    shown = output.printable if file.isatty() else str
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for event in events:
        rows.writerow([shown(safe_cell(cell)) for cell in _cells(event)])
        yield 1
    text.detach()  # the file stays open, since the caller owns it


def safe_cell(cell: str) -> str:
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return "'" + cell if first in _FORMULA_SIGNS or cell.startswith(_CELL_CONTROLS) else cell


def write_parquet(events: Iterable[dict[str, Any]], file: BinaryIO) -> Iterator[int]:
    """Write Parquet: times as UTC timestamps, objects as JSON, others as text, absent fields as null. Needs DuckDB."""
    try:
        import duckdb
    except ImportError as error:
        raise CommandError("Parquet needs DuckDB: .venv/bin/pip install duckdb") from error
    columns = ", ".join(f"'{column}': '{_TYPES[_KINDS.get(column, 'text')]}'" for column in COLUMNS)
    with TemporaryDirectory() as folder:
        lines, target = Path(folder, "events.jsonl"), Path(folder, "events.parquet")
        with lines.open("wb") as rows:
            yield from write_json(({name: event.get(name) for name in COLUMNS} for event in events), rows)
        duckdb.sql(
            f"COPY (SELECT * FROM read_json('{lines}', format='newline_delimited', columns={{{columns}}})) "  # noqa: S608 - a path of our own
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
        with target.open("rb") as made:
            shutil.copyfileobj(made, file)


WRITERS: dict[str, Callable[[Iterable[dict[str, Any]], BinaryIO], Iterator[int]]] = {
    "json": write_json,
    "csv": write_csv,
    "parquet": write_parquet,
}


def _cells(event: dict[str, Any]) -> list[str]:
    values = (event.get(column, "") for column in COLUMNS)
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
