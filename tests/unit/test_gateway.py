"""What API Gateway answers by itself: the documents that it is given."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest

from chalicelib.http import answers
from millrace import gateway

KINDS = sorted(gateway.RESPONSES)


def body_of(kind: str) -> dict[str, Any]:
    [body] = gateway.RESPONSES[kind]["responseTemplates"].values()
    document: dict[str, Any] = json.loads(body)
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_the_problem_that_the_api_would_make(kind: str) -> None:
    problem = body_of(kind)
    assert set(problem) == {"type", "title", "status", "detail", "code", "message"}
    assert str(problem["status"]) == gateway.RESPONSES[kind]["statusCode"]
    assert problem["detail"] == problem["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_browsers_may_read_an_answer_and_nobody_keeps_it(kind: str) -> None:
    headers = gateway.RESPONSES[kind]["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"
    assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_takes_nothing_from_the_request(kind: str) -> None:
    """API Gateway's own text repeats an Authorization header that it cannot read: a key."""
    whole = json.dumps(gateway.RESPONSES[kind])
    assert "$" not in whole
    assert "method.request" not in whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_s_text_cannot_end_its_quotes(kind: str) -> None:
    for name, text in gateway.RESPONSES[kind]["responseParameters"].items():
        assert name.startswith("gatewayresponse.header.")
        assert (text[0], text[-1], text.count("'")) == ("'", "'", 2)


@pytest.mark.parametrize("kind", KINDS)
def test_api_gateway_knows_the_type(kind: str) -> None:
    shapes = botocore.session.get_session().get_service_model("apigateway")
    assert kind in shapes.shape_for("GatewayResponseType").enum


def test_what_is_worth_sending_again_says_when() -> None:
    again = {
        kind for kind in KINDS if "gatewayresponse.header.Retry-After" in gateway.RESPONSES[kind]["responseParameters"]
    }
    assert again == {"THROTTLED", "INTEGRATION_TIMEOUT"}


def test_an_unknown_path_has_one_answer_with_and_without_a_key() -> None:
    missing = gateway.RESPONSES["MISSING_AUTHENTICATION_TOKEN"]
    assert missing == gateway.RESPONSES["DEFAULT_4XX"]
    assert (missing["statusCode"], body_of("DEFAULT_4XX")["code"]) == ("404", "not_found")


def test_making_the_documents_leaves_the_problem_as_it_was() -> None:
    assert "Access-Control-Allow-Origin" not in answers.problem(gateway.NO_SUCH_PATH).headers
