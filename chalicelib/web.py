"""Between Chalice and the flows: what a request says, and how an error is answered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from chalice import CORSConfig, Response

from chalicelib.assets import PageFile
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import Incoming
from chalicelib.core.dialects.own import KEY_PARAMETERS
from chalicelib.errors import Problem, StoreFailed, Unavailable

_log = logging.getLogger(__name__)

# User agents are kept as they come, but for absurd ones.
_MAX_USER_AGENT = 1024

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


def key_of(request: Any) -> str | None:
    """The key that a request names in its headers: X-Write-Key, Bearer, or Basic's user name."""
    if named := request.headers.get("x-write-key"):
        return str(named)
    scheme, _, credentials = str(request.headers.get("authorization", "")).strip().partition(" ")
    if scheme.lower() != "basic":
        return credentials.strip() or scheme or None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode("ascii").partition(":")[0] or None
    except (ValueError, binascii.Error):
        return credentials  # which is no key of anybody


def key_in_query(request: Any) -> str | None:
    """The key that beacons and images, which have no headers of their own, name in the query."""
    parameters = parameters_of(request)
    return next((parameters[name] for name in KEY_PARAMETERS if parameters.get(name)), None)


def sender_of(request: Any, project: str, now: datetime) -> Sender:
    user_agent = request.headers.get("user-agent")
    return Sender(
        project=project,
        received=now,
        source_ip=request.context.get("identity", {}).get("sourceIp"),
        user_agent=user_agent[:_MAX_USER_AGENT] if user_agent else None,
    )


def incoming_of(request: Any, now: datetime) -> Incoming:
    """What a dialect may read of a request."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Incoming(body_of(request), headers, parameters_of(request), now)


def address_of(request: Any) -> str:
    """Where this stage is reached, as the client sees it: a stage's name or a mapped path comes after the host."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    prefix = str(request.context.get("path", "")).partition("/v1/")[0]
    return f"{scheme}://{request.headers.get('host', '')}{prefix}"


def body_of(request: Any) -> bytes:
    """The bytes of the body, whatever content type the client named."""
    body = request.raw_body
    return body if isinstance(body, bytes) else str(body or "").encode("utf-8", "surrogatepass")


def parameters_of(request: Any) -> dict[str, str]:
    """The query parameters; of a repeated one the last."""
    return dict(request.query_params or {})


def answer(body: dict[str, Any]) -> Response:
    """Always 200: some client libraries take any other success for a failure and send again."""
    return Response(body, status_code=200, headers={**_HEADERS, "Content-Type": "application/json"})


@cache
def _shipped(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


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
