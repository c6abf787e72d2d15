"""The matrix as docs/clients.md shows it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clients.matrix.libraries import INSTALLED, Library
from clients.matrix.runs import Outcome

CONDITIONS = {
    "plain": "plain",
    "503": "answer lost, 503",
    "reset": "answer lost, reset",
    "outage": "60 s of 503",
    "offline": "an hour offline",
    "clock": "clock 5 h ahead",
    "path": "under a path",
    "closed": "closed stage",
}
_DOCS = Path(__file__).parents[3] / "docs" / "clients.md"
_BEGIN, _END = "<!-- The matrix, which `make clients` writes. -->\n", "<!-- The end of the matrix. -->\n"
#: What earlier runs found, so that a part may be run again.
_FOUND = INSTALLED / "outcomes.json"


def exists(library: Library, condition: str) -> bool:
    """Whether there is such a cell: a library on a server keeps nothing for an hour."""
    return condition not in library.lacks and not (condition == "offline" and library.runs != "browser")


def keep(library: Library, condition: str, outcome: Outcome | None) -> None:
    """Note what came of a run."""
    kept = {**asdict(outcome), "asked": sorted(outcome.asked)} if outcome else None
    with _FOUND.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _found()
        found.setdefault(str(library), {})[condition] = kept
        _FOUND.write_text(json.dumps(found, indent=1))


def _found() -> dict[str, Any]:
    return dict(json.loads(_FOUND.read_text())) if _FOUND.exists() else {}


def write(libraries: list[Library]) -> None:
    """Put the table into the docs, in place of the one that is there."""
    text, found = _DOCS.read_text(), _found()
    before, _, rest = text.partition(_BEGIN)
    _DOCS.write_text(before + _BEGIN + table(libraries, found) + _END + rest.partition(_END)[2])


def table(libraries: list[Library], found: Mapping[str, Any]) -> str:
    """A row for each library: sent / back / equal under each condition, and what differs."""
    header = ["library", "runs in", *CONDITIONS.values(), "what differs"]
    rows = [header, ["---"] * len(header)]
    for each in libraries:
        of_library = found.get(str(each), {})
        cells = [_cell(each, name, of_library) for name in CONDITIONS]
        runs_in = {"python": "Python", "node": "Node.js", "browser": "Chromium"}[each.runs]
        rows.append([f"{each.name} {each.version}", runs_in, *cells, _differences(of_library)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(library: Library, condition: str, found: Mapping[str, Any]) -> str:
    if not exists(library, condition):
        return "-"
    if condition not in found:
        return "not run"
    outcome = found[condition]
    if outcome is None:
        return "failed"
    doubled = f", {outcome['doubled']} twice" if outcome["doubled"] else ""
    return f"{outcome['sent']} / {outcome['back']} / {outcome['equal']}{doubled}"


def _differences(found: Mapping[str, Any]) -> str:
    outcomes = [each for each in found.values() if each]
    by_library = dict.fromkeys(name for each in outcomes for name in each["by_library"])
    by_us = dict.fromkeys(name for each in outcomes for name in each["different"])
    asked = dict.fromkeys(host for each in outcomes for host in each["asked"])
    said = [f"changed by the library: {', '.join(f'`{name}`' for name in by_library)}"] if by_library else []
    said += [f"we change {', '.join(list(by_us)[:3])}"] if by_us else []
    said += [f"the page asks {', '.join(asked)}"] if asked else []
    return "; ".join(said)
