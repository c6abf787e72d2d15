"""What requests are answered: JSON, files of the page, images, and errors as problem+json."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from chalice import CORSConfig, Response

from chalicelib.errors import Problem, StoreFailed, Unavailable
from chalicelib.http.assets import PageFile

_log = logging.getLogger(__name__)

#: What browsers are told with every answer; nothing here is for embedding or guessing types.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# What an error of Chalice's keeps of its headers.
_KEPT = ("Retry-After", "Allow")

# One pixel. Every byte is ASCII, so that it passes API Gateway as text: as bytes it would depend on the
# Accept header, of which API Gateway reads the first type only.
_GIF = "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;"

#: Browsers of any site may send events, and read nothing else; never with credentials.
CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["X-Write-Key", "Idempotency-Key", "X-Retry-Count"],
    expose_headers=["Retry-After"],
    max_age=86400,
)

# A page that runs nothing and asks nobody but this stage. Styles set by scripts are none of its business.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_A_YEAR = 365 * 24 * 3600

_CODES = {403: "forbidden", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}


def answer(body: dict[str, Any]) -> Response:
    """Always 200: some client libraries take any other success for a failure and send again."""
    return Response(body, status_code=200, headers={**_HEADERS, "Content-Type": "application/json"})


@cache
def _shipped(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")


def file(name: str) -> Response:
    """A file that ships beside the code. Of a page the one style inside it is allowed, and nothing else."""
    content = _shipped(name)
    if name.endswith(".json"):
        return Response(content, headers={**_HEADERS, "Content-Type": "application/json"})
    style = content.partition("<style>")[2].partition("</style>")[0]
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(
        content, headers={**_HEADERS, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    )


def show(file: PageFile, request: Any) -> Response:
    """A file of the page, or 304 where the browser has it."""
    path = str(request.context.get("path", "/"))
    if not file.never_changes and not path.endswith("/"):
        # The page's addresses are relative: under a stage's prefix it must end in a slash.
        return Response("", status_code=308, headers={"Location": path.rsplit("/", 1)[-1] + "/"})
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


def pixel(error: Problem | None = None) -> Response:
    """An image in any case, since a broken one would be seen; a header says why an event was not accepted."""
    headers: dict[str, Any] = {**_HEADERS, "Content-Type": "image/gif"}
    if error:
        headers["Millrace-Rejected"] = error.extra.get("events", [{"code": error.code}])[0]["code"]
    return Response(_GIF, status_code=200, headers=headers)


def speak_problem_json(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: every error, ours or Chalice's, becomes application/problem+json (RFC 9457)."""
    try:
        response = get_response(event)
    except Problem as error:
        return problem(error)
    except StoreFailed as error:
        return store_failed(error)
    if response.status_code < 400 or _is_problem(response):
        return response
    code = _CODES.get(response.status_code, "internal_error" if response.status_code >= 500 else "bad_request")
    message = response.body.get("Message", "") if isinstance(response.body, dict) else str(response.body)
    if response.status_code >= 500:
        message = "Something broke on our side."  # never what broke: that is in the log
    return _problem_response(response.status_code, code, message or code, response.headers)


def _is_problem(response: Response) -> bool:
    return str(response.headers.get("Content-Type", "")).startswith("application/problem+json")


def store_failed(error: StoreFailed) -> Response:
    """The answer to a call to AWS that failed: what it was is in the log."""
    _log.warning("a store failed: %s", error)
    return problem(Unavailable("store_unavailable", "The store did not answer. Ask again.", retry_after=5))


def problem(error: Problem) -> Response:
    """The answer that an error is."""
    extra = dict(error.extra)
    headers = {"Retry-After": str(extra.pop("retry_after"))} if "retry_after" in extra else {}
    return _problem_response(error.status, error.code, error.message, headers, title=error.title, extra=extra)


def _problem_response(
    status: int,
    code: str,
    message: str,
    headers: dict[str, Any],
    *,
    title: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    body = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        **(extra or {}),
    }
    kept = {name: value for name, value in headers.items() if name in _KEPT or name.startswith("Access-Control-")}
    if status == HTTPStatus.UNAUTHORIZED:
        kept["WWW-Authenticate"] = "Bearer"  # not Basic, for which a browser would ask its user
    return Response(
        json.dumps(body), status_code=status, headers={**_HEADERS, **kept, "Content-Type": "application/problem+json"}
    )
