"""Events as files for other tools: JSON lines, CSV that no spreadsheet executes, Parquet."""

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

# What people look for first.
_FIRST = ("timestamp", "event_type", "user_id", "anonymous_id")
#: Columns of CSV and Parquet; objects are JSON in one cell each.
COLUMNS = tuple(dict.fromkeys((*_FIRST, *(row.name for row in STORED_FIELDS), "key")))

_KINDS = {row.name: row.kind for row in STORED_FIELDS}
_TYPES = {"text": "VARCHAR", "time": "TIMESTAMPTZ", "object": "JSON"}

# A spreadsheet takes a cell that starts so for a formula: https://owasp.org/www-community/attacks/CSV_Injection
# It may pass over white space, and take a full-width or small sign for the plain one.
_FORMULA_SIGNS = ("=", "+", "-", "@")
_CELL_CONTROLS = ("\t", "\r", "\n")


@contextmanager
def whole_file(name: str) -> Iterator[BinaryIO]:
    """A file that takes its name only when it is written to the end; "-" and devices are written to at once."""
    path = Path(name)
    if name == "-" or (path.exists() and not path.is_file()):
        with nullcontext(sys.stdout.buffer) if name == "-" else path.open("wb") as file:
            yield file
        return
    path = path.resolve()  # a link stays one
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
    """One document a line; yields for each event written."""
    for event in events:
        file.write(output.to_json(event).encode() + b"\n")
        yield 1


def write_csv(events: Iterable[dict[str, Any]], file: BinaryIO) -> Iterator[int]:
    """RFC 4180 with a header; a cell that would be a formula gets a leading apostrophe.

    On a terminal, what would steer it is replaced.
    """
    shown = output.printable if file.isatty() else str
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for event in events:
        rows.writerow([shown(safe_cell(cell)) for cell in _cells(event)])
        yield 1
    text.detach()  # the file stays open: it is the caller's


def safe_cell(cell: str) -> str:
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return "'" + cell if first in _FORMULA_SIGNS or cell.startswith(_CELL_CONTROLS) else cell


def write_parquet(events: Iterable[dict[str, Any]], file: BinaryIO) -> Iterator[int]:
    """Times are timestamps in UTC, objects JSON, the rest text; what an event lacks is null. Needs DuckDB."""
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
