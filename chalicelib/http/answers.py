"""Answers to requests: JSON, the pixel, and problem+json (RFC 9457) for every error."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any

from chalice import Chalice, CORSConfig, Response

from chalicelib.core import compact, limits
from chalicelib.errors import TITLES, Problem, StoreFailed

_log = logging.getLogger(__name__)

#: Headers of every answer: browsers must neither cache it nor guess its type.
HEADERS: dict[str, Any] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# An error that Chalice itself answers keeps the headers that begin like this.
_KEPT = ("Allow", "Access-Control-")

# One pixel. All bytes are ASCII, so API Gateway passes them as text. Whether it passes other bytes depends on the
# Accept header, of which it reads only the first type.
_GIF = "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;"

#: Web pages of any site may send events and read the answers, without credentials. Pages add headers such as
#: traceparent: "*" allows all headers except Authorization, which Chalice names. Older browsers need the names.
#: https://fetch.spec.whatwg.org/#http-new-header-syntax
CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["*", "X-Write-Key", "Idempotency-Key", "X-Retry-Count"],
    expose_headers=["Retry-After"],
    max_age=86400,
)
#: Options of the routes that client libraries call, from any web page and with any content type.
OPEN: dict[str, Any] = {"content_types": ["*/*"], "cors": CORS}

#: Codes of the errors that Chalice itself answers. Others are bad_request.
CODES_OF_CHALICE = {405: "method_not_allowed", 415: "unsupported_media_type"}


class Application(Chalice):
    """Chalice with routes that return an object for a success, and raise Problem or StoreFailed for an error.

    Chalice would answer 500 to exceptions of classes that it does not know, before any middleware sees them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.api.binary_types[:] = limits.BYTE_TYPES
        self.register_middleware(_speak_problem_json, "http")

    def route(self, path: str, **options: Any) -> Callable[..., Any]:
        """Declare a route, as Chalice does. A route for GET answers HEAD as well."""
        if "GET" in options["methods"]:
            options["methods"] = [*options["methods"], "HEAD"]
        register = super().route(path, **options)

        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            register(_answering(view))
            return view

        return declare

    def open_routes(self, routes: Iterable[tuple[str, str]]) -> Callable[..., Any]:
        """Declare a view for each (method, path), as routes that web pages of any site may call."""

        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            for method, path in routes:
                self.route(path, methods=[method], **OPEN)(view)
            return view

        return declare


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answer_or_problem(**parameters: Any) -> Any:
        try:
            returned = view(**parameters)
            return returned if isinstance(returned, Response) else answer(returned)
        except (Problem, StoreFailed) as error:
            return problem(_told(error))

    return answer_or_problem


def _told(error: Problem | StoreFailed) -> Problem:
    """Return the problem that the client sees for an error."""
    if isinstance(error, Problem):
        return error
    _log.warning("a store failed: %s", error)  # only the log names the failed call
    return Problem("store_unavailable", "The store did not answer. Ask again.", retry_after=5)


def answer(body: dict[str, Any]) -> Response:
    """Return a success. Its status is always 200, since some client libraries retry after any other success."""
    return Response(compact.dump(body), status_code=200, headers={**HEADERS, "Content-Type": "application/json"})


def for_library(answer: Any) -> Any:
    """Return an answer to another request of a library. Browsers may cache a script, which holds no private data."""
    if not isinstance(answer, str):
        return answer
    headers = {**HEADERS, "Cache-Control": "public, max-age=3600", "Content-Type": "text/javascript; charset=utf-8"}
    return Response(answer, status_code=200, headers=headers)


def pixel(receive: Callable[[], Any]) -> Response:
    """Return the image even after an error, since visitors would see a broken image. A header names the error."""
    headers = {**HEADERS, "Content-Type": "image/gif"}
    try:
        receive()
    except (Problem, StoreFailed) as failed:
        error = _told(failed)
        headers["Millrace-Rejected"] = error.extra.get("events", [{"code": error.code}])[0]["code"]
    return Response(_GIF, status_code=200, headers=headers)


def _speak_problem_json(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: turn Chalice's own error answers into application/problem+json, and drop the body for HEAD."""
    response = _as_problem(get_response(event))
    if event.method == "HEAD":
        response.body = ""
    return response


def _as_problem(response: Response) -> Response:
    if response.status_code < 400 or str(response.headers.get("Content-Type", "")).startswith("application/problem"):
        return response
    if response.status_code >= 500:
        error = Problem("internal_error")  # the cause is only logged
    else:
        error = Problem(CODES_OF_CHALICE.get(response.status_code, "bad_request"), response.body.get("Message", ""))
    answered = problem(error)
    answered.headers.update({name: text for name, text in response.headers.items() if name.startswith(_KEPT)})
    return answered


def problem(error: Problem) -> Response:
    """Return the answer for an error."""
    extra = dict(error.extra)
    headers = {**HEADERS, "Content-Type": "application/problem+json"}
    if "retry_after" in extra:
        headers["Retry-After"] = str(extra.pop("retry_after"))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"  # with Basic, a browser would ask its user for a password
    body = {
        "type": "about:blank",
        "title": TITLES[error.status],
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "message": error.message,
        **extra,
    }
    return Response(json.dumps(body), status_code=error.status, headers=headers)
