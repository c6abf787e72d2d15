"""The live page's files, as they are answered; read when they are first asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chalicelib.errors import NotFound

_FOLDER = Path(__file__).parent / "static" / "page"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
# Stands in index.html for the version, a part of every other file's address: a changed file has a new
# address, and what modules import of one another by relative addresses comes along.
_VERSION_MARK = "VERSION"


@dataclass(frozen=True, slots=True)
class PageFile:
    """`tag` changes when `text` does; `never_changes`: whether the address changes then too."""

    text: str
    content_type: str
    tag: str
    never_changes: bool = True


def index() -> PageFile:
    """The page itself, with the addresses of its other files."""
    text = (_FOLDER / "index.html").read_text("utf-8").replace(_VERSION_MARK, version())
    return PageFile(text, "text/html; charset=utf-8", _hash(text.encode()), never_changes=False)


def asset(of_version: str, name: str) -> PageFile:
    """One of the page's other files. Raises NotFound for what is none, or of another version."""
    found = _assets().get(name)
    if found is None or of_version != version():
        raise NotFound("no_such_file", "The page has no such file. Load the page again.")
    return found


@cache
def version() -> str:
    """A hash of all files but the index."""
    return _hash("\n".join(f"{name} {file.tag}" for name, file in sorted(_assets().items())).encode())


@cache
def _assets() -> dict[str, PageFile]:
    found = {
        path.name: (path.read_text("utf-8"), _TYPES[path.suffix]) for path in _FOLDER.iterdir() if path.suffix in _TYPES
    }
    return {name: PageFile(text, content_type, _hash(text.encode())) for name, (text, content_type) in found.items()}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
