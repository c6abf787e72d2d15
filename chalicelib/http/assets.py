"""Serves the files that ship with the code: the live page, the script for web sites and the API's description."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from chalice import Response

from chalicelib.errors import Problem
from chalicelib.http.answers import HEADERS

_STATIC = Path(__file__).parent / "static"
_PAGE = _STATIC / "page"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_HTML = "text/html; charset=utf-8"
# The placeholder in index.html for the version, which is part of all other addresses. So a changed file gets a new
# address, and modules that import each other by relative addresses get matching versions.
_VERSION_MARK = "VERSION"
_START = "start.js"
_NOT_FRAMED = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The page may run its own scripts and request only this stage. Scripts may still set styles.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " + _NOT_FRAMED
)
_AN_HOUR, _A_YEAR = 3600, 365 * 24 * 3600
_SCRIPT = "m.js"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page. `tag`: changes with `text`. `never_changes`: browsers may cache its address forever."""

    text: str
    content_type: str
    tag: str
    never_changes: bool = True


def file_at(request: Any) -> Response:
    """Return the file at a request's path. Raises Problem if there is none."""
    match request.path:
        case "/":
            return _index(request)
        case "/docs":
            return _description_page()
        case "/openapi.json":
            return Response(_shipped("openapi.json"), headers={**HEADERS, "Content-Type": "application/json"})
        case "/m.js":
            return _script(None)
    version, name = request.uri_params["version"], request.uri_params["name"]
    return _script(version) if name == _SCRIPT else _show(_asset(version, name), request)


def _index(request: Any) -> Response:
    path = str(request.context.get("path", "/"))
    if path.endswith("/"):
        return _show(index(), request)
    # The page has relative addresses. So under a stage's prefix, the page's own address must end with a slash.
    return Response("", status_code=308, headers={"Location": path.rsplit("/", 1)[-1] + "/"})


def index() -> PageFile:
    """Return the page itself, with the addresses of its other files."""
    text = (_PAGE / "index.html").read_text("utf-8").replace(_VERSION_MARK, current_version())
    return PageFile(text, _HTML, _hash(text.encode()), never_changes=False)


def _asset(version: str, name: str) -> PageFile:
    found = _assets().get(name)
    if found and version != current_version():
        # During a deployment, a page may reach functions of another version. Then this script reloads the page.
        found = replace(found, never_changes=False) if name == _START else None
    if found is None:
        raise Problem("no_such_file", "The page has no such file. Load the page again.")
    return found


def _show(file: PageFile, request: Any) -> Response:
    """Return a file of the page, or 304 if the browser has it."""
    headers: dict[str, str | list[str]] = {
        "ETag": f'W/"{file.tag}"',
        "Cache-Control": f"public, max-age={_A_YEAR}, immutable" if file.never_changes else "no-cache",
        "Content-Type": file.content_type,
        "Content-Security-Policy": _PAGE_POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if f'"{file.tag}"' in request.headers.get("if-none-match", ""):
        return Response("", status_code=304, headers=headers)
    return Response(file.text, status_code=200, headers=headers)


def _script(version: str | None) -> Response:
    """Return the script for web sites. The address of a former version serves the current script for an hour."""
    text = _shipped(_SCRIPT)
    age = f"{_A_YEAR}, immutable" if version == _hash(text.encode()) else str(_AN_HOUR)
    headers: dict[str, str | list[str]] = {
        "Cache-Control": f"public, max-age={age}",
        "Content-Type": _TYPES[".js"],
        "Access-Control-Allow-Origin": "*",  # pages with `integrity` need it
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, headers=headers)


def _description_page() -> Response:
    """Return the page with the API's description. Its policy allows only the style inside the page."""
    page = _shipped("docs.html")
    style = page.partition("<style>")[2].partition("</style>")[0]
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; {_NOT_FRAMED}"
    return Response(page, headers={**HEADERS, "Content-Type": _HTML, "Content-Security-Policy": policy})


@cache
def current_version() -> str:
    """Return a hash of all files except the index."""
    return _hash("\n".join(f"{name} {file.tag}" for name, file in sorted(_assets().items())).encode())


@cache
def _assets() -> dict[str, PageFile]:
    found = {
        path.name: (path.read_text("utf-8"), _TYPES[path.suffix]) for path in _PAGE.iterdir() if path.suffix in _TYPES
    }
    return {name: PageFile(text, content_type, _hash(text.encode())) for name, (text, content_type) in found.items()}


@cache
def _shipped(name: str) -> str:
    return (_STATIC / name).read_text("utf-8")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
