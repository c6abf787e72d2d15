"""What the HTTP side makes of errors, on whatever route they are raised."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.local import LocalChalice
from chalice.test import Client, HTTPResponse

from chalicelib.errors import Problem, StoreFailed
from chalicelib.http import answers

ERRORS: dict[str, Exception] = {
    "missing": Problem("no_such_event"),
    "later": Problem("queue_unavailable", retry_after=7),
    "failed": StoreFailed("PutItem on the table shop-prod"),
    "broken": RuntimeError("a secret"),
}


def application() -> answers.Application:
    app = answers.Application(app_name="made-up", configure_logs=False)

    @app.route("/open/{name}", methods=["POST"], cors=answers.CORS, content_types=["*/*"])
    @app.route("/also/{name}", methods=["POST"], cors=answers.CORS)
    @app.route("/own/{name}", methods=["POST"])
    def fail(name: str) -> Any:
        raise ERRORS[name]

    return app


def ask(path: str, app: answers.Application | None = None) -> HTTPResponse:
    return Client(app or application()).http.post(path)


@pytest.mark.parametrize("route", ["open", "also", "own"])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("missing", 404, "no_such_event"),
        ("later", 503, "queue_unavailable"),
        ("failed", 503, "store_unavailable"),
        ("broken", 500, "internal_error"),
    ],
)
def test_an_error_is_a_problem_that_follows_its_routes_rules_for_browsers(
    route: str, name: str, status: int, code: str
) -> None:
    response = ask(f"/{route}/{name}")
    assert (response.status_code, response.json_body["status"], response.json_body["code"]) == (status, status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers.get("Access-Control-Allow-Origin") == (None if route == "own" else "*")


def test_what_is_worth_sending_again_says_when_in_a_header_alone() -> None:
    response = ask("/own/later")
    assert response.headers["Retry-After"] == "7"
    assert "retry_after" not in response.json_body


@pytest.mark.parametrize("name", ["failed", "broken"])
def test_what_failed_inside_is_not_told(name: str) -> None:
    body = ask(f"/own/{name}").body.decode()
    assert "shop-prod" not in body
    assert "secret" not in body


def test_routes_keep_their_errors_when_the_local_server_takes_the_application_over() -> None:
    app = application()
    app.__class__ = LocalChalice  # type: ignore[assignment]  # as `millrace up` does; `chalice local` adds a base
    assert ask("/own/missing", app).status_code == 404


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, None),
        (Problem("no_key"), "no_key"),
        (Problem("all_rejected", events=[{"code": "missing_field"}]), "missing_field"),
        (StoreFailed("GetItem"), "store_unavailable"),
    ],
)
def test_a_pixel_is_an_image_whatever_fails(error: Exception | None, code: str | None) -> None:
    def receive() -> None:
        if error:
            raise error

    response = answers.pixel(receive)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/gif")
    assert response.body.startswith("GIF89a")
    assert response.headers.get("Millrace-Rejected") == code
