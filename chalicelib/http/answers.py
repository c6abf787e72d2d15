"""What requests are answered: JSON, the pixel, and every error as problem+json (RFC 9457)."""

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

#: What browsers are told with every answer; nothing here is for embedding or guessing types.
HEADERS: dict[str, Any] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# How the headers begin that an error of Chalice's keeps.
_KEPT = ("Allow", "Access-Control-")

# One pixel. Every byte is ASCII, so that it passes API Gateway as text: as bytes it would depend on the
# Accept header, of which API Gateway reads the first type only.
_GIF = "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;"

#: Browsers of any site may send events, and read nothing else; never with credentials. Pages add headers of their own
#: (traceparent, baggage): "*" allows all but Authorization, which Chalice names. Older browsers need names.
#: https://fetch.spec.whatwg.org/#http-new-header-syntax
CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["*", "X-Write-Key", "Idempotency-Key", "X-Retry-Count"],
    expose_headers=["Retry-After"],
    max_age=86400,
)
#: The routes that client libraries call: from any web page, whatever they call what they send.
OPEN: dict[str, Any] = {"content_types": ["*/*"], "cors": CORS}

#: What else Chalice itself refuses is a bad request.
CODES_OF_CHALICE = {405: "method_not_allowed", 415: "unsupported_media_type"}


class Application(Chalice):
    """Chalice, whose routes answer an object, which is a success, or what is raised, which is a problem.

    Chalice itself makes a 500 of every exception that is not of a class of its own, before middleware sees it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.api.binary_types[:] = limits.BYTE_TYPES
        self.register_middleware(_speak_problem_json, "http")

    def route(self, path: str, **options: Any) -> Callable[..., Any]:
        """Declare a route, as Chalice does; one for GET answers HEAD as well."""
        if "GET" in options["methods"]:
            options["methods"] = [*options["methods"], "HEAD"]
        register = super().route(path, **options)

        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            register(_answering(view))
            return view

        return declare

    def open_routes(self, routes: Iterable[tuple[str, str]]) -> Callable[..., Any]:
        """Declare a view for each of these (method, path): routes that web pages of any site may call."""

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
    """What the caller hears of an error."""
    if isinstance(error, Problem):
        return error
    _log.warning("a store failed: %s", error)  # what failed is for the log alone
    return Problem("store_unavailable", "The store did not answer. Ask again.", retry_after=5)


def answer(body: dict[str, Any]) -> Response:
    """Always 200: some client libraries take any other success for a failure and send again."""
    return Response(compact.dump(body), status_code=200, headers={**HEADERS, "Content-Type": "application/json"})


def for_library(answer: Any) -> Any:
    """What a library asked for. A script may be kept by browsers for a while: it says nothing of anybody."""
    if not isinstance(answer, str):
        return answer
    headers = {**HEADERS, "Cache-Control": "public, max-age=3600", "Content-Type": "text/javascript; charset=utf-8"}
    return Response(answer, status_code=200, headers=headers)


def pixel(receive: Callable[[], Any]) -> Response:
    """An image in any case, since a broken one would be seen; a header says why an event was not accepted."""
    headers = {**HEADERS, "Content-Type": "image/gif"}
    try:
        receive()
    except (Problem, StoreFailed) as failed:
        error = _told(failed)
        headers["Millrace-Rejected"] = error.extra.get("events", [{"code": error.code}])[0]["code"]
    return Response(_GIF, status_code=200, headers=headers)


def _speak_problem_json(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: what Chalice itself answers becomes application/problem+json too, and HEAD gets no body."""
    response = _as_problem(get_response(event))
    if event.method == "HEAD":
        response.body = ""
    return response


def _as_problem(response: Response) -> Response:
    if response.status_code < 400 or str(response.headers.get("Content-Type", "")).startswith("application/problem"):
        return response
    if response.status_code >= 500:
        error = Problem("internal_error")  # never what broke: that is in the log
    else:
        error = Problem(CODES_OF_CHALICE.get(response.status_code, "bad_request"), response.body.get("Message", ""))
    answered = problem(error)
    answered.headers.update({name: text for name, text in response.headers.items() if name.startswith(_KEPT)})
    return answered


def problem(error: Problem) -> Response:
    """The answer that an error is."""
    extra = dict(error.extra)
    headers = {**HEADERS, "Content-Type": "application/problem+json"}
    if "retry_after" in extra:
        headers["Retry-After"] = str(extra.pop("retry_after"))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"  # not Basic, for which a browser would ask its user
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
