"""The routes of the product, and the form of every error that they answer."""

from __future__ import annotations

import json

from chalice.test import HTTPResponse

import app
from chalicelib.core.dialects.registry import ASKING, PIXEL

ROUTES = [(path, method) for path, methods in app.app.routes.items() for method in methods if method != "HEAD"]
GETS = [path for path, methods in app.app.routes.items() if "GET" in methods]
# What a closed stage shows to anybody: it tells nothing of any project.
PUBLIC = {"/assets/{version}/{name}", "/", "/health", "/openapi.json", "/docs", "/m.js"}
PUBLIC |= {path for _, path in (*PIXEL.routes, *ASKING)}


def concrete(path: str) -> str:
    """The path of a route with something in place of its parameters."""
    return path.replace("{", "").replace("}", "")


def assert_problem(response: HTTPResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(response.body)
    assert {"type", "title", "status", "detail", "code", "message"} <= set(problem)
    assert (problem["status"], problem["code"]) == (status, code)
    assert all(isinstance(problem[name], str) and problem[name] for name in ("type", "title", "detail", "message"))
    for inside in ("Traceback", "chalicelib", "botocore", 'File "', "Exception", "stage-"):
        assert inside not in response.body.decode()
