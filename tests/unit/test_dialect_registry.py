"""The registry of dialects: app.py's routes, the docs and the modules say the same."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from chalice.app import Request

import app
from builders import NOW
from chalicelib.core.dialects import Incoming
from chalicelib.core.dialects.registry import DIALECTS, Dialect, dialect_of, load
from chalicelib.http import answers, requests
from millrace.api_docs import openapi

PROJECT = Path(__file__).parents[2]
SENDING = {route for dialect in DIALECTS for route in dialect.routes}
ASKING = {(question.method, question.path) for dialect in DIALECTS for question in dialect.questions}
ROUTES = {
    (method, path): route
    for path, methods in app.app.routes.items()
    for method, route in methods.items()
    if method != "HEAD"  # which is where GET is
}


def by_route() -> dict[tuple[str, str], list[Dialect]]:
    found = defaultdict(list)
    for dialect in DIALECTS:
        for route in dialect.routes:
            found[route].append(dialect)
    return found


def test_app_py_declares_a_route_for_every_path_of_a_dialect_and_the_reverse() -> None:
    views = {route: entry.view_name for route, entry in ROUTES.items()}
    assert {route for route in ROUTES if views[route] in ("post_events", "get_pixel")} == SENDING
    assert {route for route in ROUTES if views[route] == "answer_library"} == ASKING


def test_web_pages_may_call_the_routes_of_dialects_and_no_other_and_never_with_credentials() -> None:
    open_routes = {route: entry.cors for route, entry in ROUTES.items() if entry.cors}
    assert set(open_routes) == SENDING | ASKING
    assert all(cors is answers.CORS for cors in open_routes.values())
    headers = answers.CORS.get_access_control_headers()
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    # The wildcard does not stand for Authorization.
    assert {"*", "Authorization", "X-Write-Key", "Idempotency-Key"} <= set(
        headers["Access-Control-Allow-Headers"].split(",")
    )


def test_every_route_of_a_dialect_has_one_that_fits_whatever_comes_and_it_is_the_last() -> None:
    for route, dialects in by_route().items():
        assert [each.fits is None for each in dialects] == [False] * (len(dialects) - 1) + [True], route


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "own form"),
        ({"content-type": "application/json"}, "own form"),
        ({"content-type": "Application/CloudEvents+JSON; charset=utf-8"}, "CloudEvents"),
        ({"content-type": "application/json", "ce-specversion": "1.0"}, "CloudEvents"),
    ],
)
def test_cloudevents_are_told_by_their_headers(headers: dict[str, str], name: str) -> None:
    incoming = Incoming(b"{}", headers, {}, NOW)
    assert dialect_of("POST", "/events", incoming).name == name


def test_every_function_that_an_entry_names_is_there() -> None:
    named = [dialect.reader for dialect in DIALECTS]
    named += [question.answer for dialect in DIALECTS for question in dialect.questions]
    assert all(callable(load(each)) for each in named)


def test_the_docs_list_every_dialect_with_its_libraries_paths_and_keys() -> None:
    def code(names: list[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows = [
        f"| {each.name} | {', '.join(each.libraries)} | {code([f'{method} {path}' for method, path in each.routes])} "
        f"| {code([f'{question.method} {question.path}' for question in each.questions])} "
        f"| {code([*each.key_in_body])} |"
        for each in DIALECTS
    ]
    table = (PROJECT / "docs" / "clients.md").read_text().partition("| dialect |")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == rows
    [header_and_query] = {(each.key_in_headers, each.key_in_query) for each in DIALECTS}  # or the docs must tell
    assert header_and_query == (("x-write-key",), ("write_key", "writeKey", "key", "api_key"))


def test_the_description_tells_whose_libraries_send_to_a_path() -> None:
    described = openapi.document()["paths"]
    for (method, path), dialects in by_route().items():
        summary = described[path][method.lower()]["summary"]
        for library in {library for each in dialects for library in each.libraries if path != "/events"}:
            assert library in summary


@pytest.mark.parametrize("prefix", ["", "/prod", "/a/b"])
@pytest.mark.parametrize(("route", "path"), [("/events", "/events"), ("/a/{key}/c", "/a/b/c/")])
def test_the_address_of_a_stage_keeps_what_stands_before_its_routes(prefix: str, route: str, path: str) -> None:
    event = {
        "headers": {"Host": "in.example.com", "X-Forwarded-Proto": "https"},
        "requestContext": {"httpMethod": "GET", "resourcePath": route, "path": prefix + path},
        **dict.fromkeys(("multiValueQueryStringParameters", "pathParameters", "body", "stageVariables")),
    }
    request = requests.incoming_of(Request(event), NOW)
    assert request.address == f"https://in.example.com{prefix}"
