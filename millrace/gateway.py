"""What API Gateway answers without asking a function, said as the API says it: on AWS and by the local stack."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib.errors import Problem
from chalicelib.http import answers

NO_SUCH_PATH = Problem("not_found")
BODY_TOO_LARGE = Problem("body_too_large", "The request is over 10 MB.")
_KEPT_OUT = Problem("forbidden", "A rule of this stage's operators keeps the request out.")

#: By type of gateway response. What is not named here is for authorizers, usage plans, and validators, of which
#: there are none: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_PROBLEMS: dict[str, Problem] = {
    "MISSING_AUTHENTICATION_TOKEN": NO_SUCH_PATH,
    # Mostly an unknown path with a key: API Gateway takes the Authorization header for a bad signature, and its own
    # answer would repeat the key.
    "DEFAULT_4XX": NO_SUCH_PATH,
    "RESOURCE_NOT_FOUND": NO_SUCH_PATH,
    "BAD_REQUEST_BODY": Problem("bad_request", "The request's body cannot be read."),
    "BAD_REQUEST_PARAMETERS": Problem("bad_request", "A parameter of the request cannot be read."),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-make-request-with-compressed-payload.html
    "UNSUPPORTED_MEDIA_TYPE": Problem("bad_gzip", "The Content-Encoding is not gzip, or the body is not what it says."),
    "ACCESS_DENIED": _KEPT_OUT,
    "WAF_FILTERED": _KEPT_OUT,
    "REQUEST_TOO_LARGE": BODY_TOO_LARGE,
    "THROTTLED": Problem("too_many_requests", "This stage gets too many requests. Wait.", retry_after=1),
    "INTEGRATION_TIMEOUT": Problem(
        "timed_out", "It took longer than 29 seconds. It may be done: send or ask the same again.", retry_after=5
    ),
    "DEFAULT_5XX": Problem("internal_error"),
}


def answer(error: Problem) -> Response:
    """A problem that scripts of any site may read, since API Gateway knows no route whose rules it could follow."""
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
        # Of templates it takes the one for JSON; what the body is called says the header. It fills in variables
        # ($context...), of which there are none, and knows no loops or conditions.
        "responseTemplates": {"application/json": response.body},
    }


#: As PutGatewayResponse and the extension x-amazon-apigateway-gateway-responses of OpenAPI take them, by type.
RESPONSES = {kind: _documented(error) for kind, error in _PROBLEMS.items()}
