"""What requests are answered: JSON, the pixel, and every error as problem+json (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from chalice import Chalice, CORSConfig, Response

from chalicelib.errors import Problem, StoreFailed, Unavailable

_log = logging.getLogger(__name__)

#: What browsers are told with every answer; nothing here is for embedding or guessing types.
HEADERS: dict[str, Any] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
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

_CODES = {405: "method_not_allowed", 415: "unsupported_media_type"}


class Application(Chalice):
    """Chalice, whose every route answers with a problem where its function raises one.

    Chalice itself makes a 500 of every exception that is not of a class of its own, before middleware sees it.
    """

    def route(self, path: str, **options: Any) -> Callable[..., Any]:
        """Declare a route, as Chalice does."""
        register = super().route(path, **options)

        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            register(_answering(view))
            return view

        return declare


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answer_or_problem(**parameters: Any) -> Any:
        try:
            return view(**parameters)
        except Problem as error:
            return problem(error)
        except StoreFailed as error:
            _log.warning("a store failed: %s", error)  # what failed is for the log alone
            return problem(Unavailable("store_unavailable", "The store did not answer. Ask again.", retry_after=5))

    return answer_or_problem


def answer(body: dict[str, Any]) -> Response:
    """Always 200: some client libraries take any other success for a failure and send again."""
    return Response(body, status_code=200, headers={**HEADERS, "Content-Type": "application/json"})


def pixel(error: Problem | None = None) -> Response:
    """An image in any case, since a broken one would be seen; a header says why an event was not accepted."""
    headers = {**HEADERS, "Content-Type": "image/gif"}
    if error:
        headers["Millrace-Rejected"] = error.extra.get("events", [{"code": error.code}])[0]["code"]
    return Response(_GIF, status_code=200, headers=headers)


def speak_problem_json(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: what Chalice itself answers becomes application/problem+json too."""
    response = get_response(event)
    if response.status_code < 400 or str(response.headers.get("Content-Type", "")).startswith("application/problem"):
        return response
    code = _CODES.get(response.status_code, "internal_error" if response.status_code >= 500 else "bad_request")
    message = response.body.get("Message", "") if isinstance(response.body, dict) else str(response.body)
    if response.status_code >= 500:
        message = "Something broke on our side."  # never what broke: that is in the log
    return _problem_response(response.status_code, code, message or code, response.headers)


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
        json.dumps(body), status_code=status, headers={**HEADERS, **kept, "Content-Type": "application/problem+json"}
    )
