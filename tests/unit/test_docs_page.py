"""The API's description is that of the code. People can find an operation in it, try it, and come back."""

from __future__ import annotations

import re

import app
from millrace.api_docs import openapi
from millrace.api_docs.docs_page import EXAMPLES, render

DOCUMENT = openapi.document()
PAGE = render(DOCUMENT)
OPERATIONS = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_the_committed_files_are_what_the_code_says() -> None:
    for name, text in openapi.files().items():
        assert (openapi.FOLDER / name).read_text() == text, "run `make openapi`"


def test_every_route_is_described() -> None:
    described = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    routes = {(path, method) for path, methods in app.app.routes.items() for method in methods if method != "HEAD"}
    assert described == routes - {(path, "GET") for path in ("/docs", "/", "/m.js", "/assets/{version}/{name}")}


def test_its_contents_lead_to_every_operation() -> None:
    contents = PAGE.partition("<nav>")[2].partition("</nav>")[0]
    links = re.findall(r'href="#([^"]+)"', contents)
    assert len(links) == len(set(links)) == len(OPERATIONS) + 1  # the schemas
    for name in links:
        assert PAGE.count(f'id="{name}"') == 1, name


def test_every_link_inside_the_page_leads_somewhere() -> None:
    for name in set(re.findall(r'href="#([^"]+)"', PAGE)):
        assert f'id="{name}"' in PAGE, name


def test_it_leads_back_to_the_live_page() -> None:
    assert '<a href=".">' in PAGE


def test_every_question_and_the_sending_of_events_has_an_example_of_a_request_that_exists() -> None:
    assert set(EXAMPLES) <= OPERATIONS
    wanted = {("get", path) for path in ("/events", "/counts", "/reports", "/rejections", "/status", "/events/{key}")}
    assert {("post", "/events"), *wanted} <= set(EXAMPLES)
    for (_, path), text in EXAMPLES.items():
        assert f"HOST{path.partition('{')[0]}" in text
    assert all(escaped in PAGE for escaped in ("HOST/counts?grain=day", "Bearer WRITE_KEY"))


def test_code_stands_as_code_and_not_between_backticks() -> None:
    assert "`" not in re.sub(r"<pre>.*?</pre>", "", PAGE, flags=re.DOTALL)
