"""The errors that API Gateway answers by itself, in the API's own form. The local stack gives the same answers."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib.errors import Problem
from chalicelib.http import answers

NO_SUCH_PATH = Problem("not_found")
BODY_TOO_LARGE = Problem("body_too_large", "The request is over 10 MB.")
_KEPT_OUT = Problem("forbidden", "A rule of this stage's operators refuses the request.")

#: By type of gateway response. The other types are for authorizers, usage plans and validators, which are not used:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_PROBLEMS: dict[str, Problem] = {
    "MISSING_AUTHENTICATION_TOKEN": NO_SUCH_PATH,
    # The usual cause is an unknown path in a request with a key: API Gateway takes the Authorization header for a bad
    # signature. Its own answer would repeat the key.
    "DEFAULT_4XX": NO_SUCH_PATH,
    "RESOURCE_NOT_FOUND": NO_SUCH_PATH,
    "BAD_REQUEST_BODY": Problem("bad_request", "The request's body cannot be read."),
    "BAD_REQUEST_PARAMETERS": Problem("bad_request", "A parameter of the request cannot be read."),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-make-request-with-compressed-payload.html
    "UNSUPPORTED_MEDIA_TYPE": Problem("bad_gzip", "The Content-Encoding is not gzip, or the body does not match it."),
    "ACCESS_DENIED": _KEPT_OUT,
    "WAF_FILTERED": _KEPT_OUT,
    "REQUEST_TOO_LARGE": BODY_TOO_LARGE,
    "THROTTLED": Problem("too_many_requests", "This stage gets too many requests. Wait.", retry_after=1),
    "INTEGRATION_TIMEOUT": Problem(
        "timed_out",
        "The request took longer than 29 seconds, and may still be done. Repeat the request.",
        retry_after=5,
    ),
    "DEFAULT_5XX": Problem("internal_error"),
}


def answer(error: Problem) -> Response:
    """Return the answer for an error. Web pages of any site may read it, since no route's rules apply."""
    response = answers.problem(error)
    response.headers.update(answers.CORS.get_access_control_headers())
    return response


def _documented(error: Problem) -> dict[str, Any]:
    response = answer(error)
    return {
        "statusCode": str(response.status_code),
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{text}'" for name, text in response.headers.items()
        },
        # API Gateway uses the template for JSON, whatever the Content-Type says. It replaces variables ($context...),
        # which the body does not contain, and knows no loops or conditions.
        "responseTemplates": {"application/json": response.body},
    }


#: The arguments of PutGatewayResponse, and of OpenAPI's x-amazon-apigateway-gateway-responses, by type.
RESPONSES = {kind: _documented(error) for kind, error in _PROBLEMS.items()}
