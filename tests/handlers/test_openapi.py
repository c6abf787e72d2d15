"""The description of the API: what it says is so, and it says all there is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

import app
from handlers.api_client import Api
from millrace.api_docs import openapi

Environ = dict[str, Any]
OPERATIONS = {
    (path, method): operation
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
}


def handler_of(path: str, method: str) -> Callable[..., Any]:
    handler: Callable[..., Any] = app.app.routes[path][method.upper()].view_function
    return handler


def takes_input_that_can_be_wrong(operation: dict[str, Any]) -> bool:
    return "parameters" in operation and not {"400", "404", "422"}.isdisjoint(operation["responses"])


# One operation for each handler: client libraries have several paths for one.
DISTINCT = list({handler_of(*each): each for each in reversed(OPERATIONS)}.values())


def wsgi_of(api: Api) -> Callable[[Environ, Callable[..., Any]], Iterable[bytes]]:
    """The stage as a WSGI application, which is what schemathesis can call without a socket."""

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {name[5:].lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["content_type"] = environ["CONTENT_TYPE"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        response = api.request(environ["REQUEST_METHOD"], target_of(environ), body, **headers)
        start_response(
            f"{response.status_code} Answer", [(name, str(value)) for name, value in response.headers.items()]
        )
        return [response.body]

    return application


# Longer literal beginnings first, so that /v1/projects/{key}/settings is no call of /v1/{call}.
TEMPLATES = sorted(app.app.routes, key=lambda path: -len(path.partition("{")[0]))


def target_of(environ: Environ) -> str:
    """Path and query as a client sends them: a parameter in the path is one segment, whatever it holds."""
    sent = b"/" + environ["PATH_INFO"].encode("latin-1").lstrip(b"/")
    path = quote(sent)
    for template in TEMPLATES:
        before, _, rest = template.partition("{")
        after = rest.partition("}")[2]
        value = sent[len(before) : len(sent) - len(after)]
        if rest and value and sent == before.encode() + value + after.encode():
            path = f"{before}{quote(value, safe='')}{after}"
            break
    return f"{path}?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else path


@pytest.fixture(scope="module")
def described(stage_api: Api) -> Any:
    """The stage with some history, as its own description says it is."""
    for number in range(3):
        stage_api.post({"event_type": "click", "user_id": "u1", "timestamp": 1431857100 + number})
    stage_api.post([{"user_id": "u1"}])
    stage_api.process()
    stage_api.aggregate()
    return schemathesis.openapi.from_wsgi("/openapi.json", wsgi_of(stage_api))


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        *[(*each, GenerationMode.POSITIVE) for each in DISTINCT],
        *[(*each, GenerationMode.NEGATIVE) for each in DISTINCT if takes_input_that_can_be_wrong(OPERATIONS[each])],
    ],
)
def test_no_request_gets_an_answer_that_is_not_described(
    described: Any, path: str, method: str, mode: GenerationMode, pytestconfig: pytest.Config
) -> None:
    operation = described[path][method]
    cases = operation.as_strategy(generation_mode=mode)
    examples = 300 if pytestconfig.getoption("thorough") else 30

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases)
    def call(case: Any) -> None:
        # Two checks know less than the API: not every string is a cursor, and of several events one good one is enough.
        unknowing = [positive_data_acceptance, *([negative_data_rejection] if method == "post" else [])]
        case.call_and_validate(excluded_checks=unknowing)

    call()


def test_the_paths_of_one_handler_are_described_alike() -> None:
    fuzzed = {handler_of(*each): OPERATIONS[each] for each in DISTINCT}
    assert {each: fuzzed[handler_of(*each)] for each in OPERATIONS} == OPERATIONS


def test_the_description_is_served_as_it_is_committed(api: Api) -> None:
    response = api.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.body) == openapi.document()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_needs_nothing_that_its_policy_forbids(api: Api) -> None:
    response = api.get("/docs")
    page = response.body.decode()
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{style_hash}';")
    assert "unsafe" not in policy
    parsed = _Page()
    parsed.feed(page)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "img", "link", "iframe", "form", "object", "base"})
    for _, attributes in parsed.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}
        assert (attributes.get("href") or "#").startswith(("#", "openapi.json", "."))


def test_the_page_tells_every_operation_and_schema(api: Api) -> None:
    page = api.get("/docs").body.decode()
    for path, methods in openapi.document()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    for name in openapi.document()["components"]["schemas"]:
        assert f'id="{name}"' in page
