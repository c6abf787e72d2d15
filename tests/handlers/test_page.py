"""The live page as a browser gets it: files, addresses, caching, and who sees which numbers."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import chalicelib
from app import app
from chalicelib.http import assets
from handlers.api_client import Api

FOLDER = Path(chalicelib.__file__).parent / "http" / "static" / "page"


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(assets/[^"]+)"', page)


def test_the_page_is_html_that_may_run_nothing_of_others(api: Api) -> None:
    reply = api.get("/")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    page = reply.body.decode()
    assert not re.search(r"<style|style=|<script(?![^>]* src=)| on[a-z]+=", page)


def test_every_address_in_the_page_is_relative_and_answers(api: Api) -> None:
    found = addresses(api.get("/").body.decode())
    assert len(found) > 5
    for address in found:
        reply = api.get(f"/{address}")
        assert reply.status_code == 200, address
        assert reply.headers["Content-Type"].startswith(("text/javascript", "text/css"))


def test_modules_import_only_files_that_exist(api: Api) -> None:
    for path in FOLDER.glob("*.js"):
        for name in re.findall(r'^import .* from "\./([^"]+)"', path.read_text(), re.MULTILINE):
            assert api.get(f"/assets/{assets.current_version()}/{name}").status_code == 200, (path.name, name)


def test_every_script_is_named_in_the_page_so_that_none_is_waited_for_in_turn(api: Api) -> None:
    page = api.get("/").body.decode()
    for path in FOLDER.glob("*.js"):
        assert f"/{path.name}" in page, path.name


def test_files_are_kept_for_a_year_and_the_page_is_asked_for_anew(api: Api) -> None:
    assert api.get("/").headers["Cache-Control"] == "no-cache"
    file = api.get(f"/assets/{assets.current_version()}/page.js")
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_what_the_browser_has_is_not_sent_again(api: Api) -> None:
    for path in ("/", f"/assets/{assets.current_version()}/page.css"):
        first = api.get(path)
        again = api.request("GET", path, if_none_match=first.headers["ETag"])
        assert (again.status_code, again.body) == (304, b"")
        assert api.request("GET", path, if_none_match='W/"another"').status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "index.html",
        "uplot.LICENSE",
        "..",
        ".",
        "..%2Fapp.py",
        "%2e%2e%2fsettings.py",
        "page.js%00",
        "PAGE.JS",
    ],
)
def test_what_is_no_file_of_the_page_is_not_found(api: Api, name: str) -> None:
    reply = api.get(f"/assets/{assets.current_version()}/{name}")
    assert (reply.status_code, reply.json_body["code"]) == (404, "no_such_file")


def test_a_file_of_another_version_is_not_found_but_for_the_one_that_loads_the_page_again(api: Api) -> None:
    assert api.get("/assets/0123456789abcdef/page.js").status_code == 404
    start = api.get("/assets/0123456789abcdef/start.js")
    assert (start.status_code, start.headers["Cache-Control"]) == (200, "no-cache")


def test_under_a_stages_prefix_the_page_ends_in_a_slash() -> None:
    def answer(path: str) -> dict[str, object]:
        context = {"httpMethod": "GET", "resourcePath": "/", "path": path, "identity": {"sourceIp": "127.0.0.1"}}
        event = {
            "requestContext": context,
            "headers": {},
            "pathParameters": {},
            "multiValueQueryStringParameters": None,
            "stageVariables": {},
            "body": None,
        }
        reply: dict[str, object] = app(event, None)
        return reply

    redirect = answer("/api")
    assert (redirect["statusCode"], redirect["headers"]) == (308, {"Location": "api/"})
    assert answer("/api/")["statusCode"] == 200


def test_the_page_is_shown_to_whoever_has_no_key_yet(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPEN_STAGE", "false")
    assert api.get("/").status_code == 200
    assert api.get(f"/assets/{assets.current_version()}/page.js").status_code == 200
    assert api.get("/status").status_code == 401


def test_the_plotting_library_says_its_version_and_has_its_licence_beside_it() -> None:
    assert re.match(r"/\*! https://\S+/uPlot \(v\d+\.\d+\.\d+\) \*/", (FOLDER / "uplot.js").read_text())
    assert "MIT" in (FOLDER / "uplot.LICENSE").read_text()


def test_the_status_tells_the_stages_own_numbers(api: Api) -> None:
    reply = api.get("/status").json_body
    assert reply["project"] == "default"
    assert len(reply["stage"]["minutes"]) == 60
    assert reply["stage"]["queue"]["depth"] == 0


def test_a_project_that_is_not_the_operators_sees_none_of_them(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_PROJECT", "operators")
    assert api.get("/status").json_body == {"project": "default", "stage": None}


def test_the_script_for_sites_has_a_stable_address_and_one_that_never_changes(api: Api) -> None:
    short = api.get("/m.js")
    assert short.headers["Cache-Control"] == "public, max-age=3600"
    assert short.headers["Access-Control-Allow-Origin"] == "*"
    version = hashlib.sha256(short.body).hexdigest()[:16]
    for_ever = api.get(f"/assets/{version}/m.js")
    assert for_ever.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    # A page that names a former version still works after an upgrade.
    former = api.get("/assets/0123456789abcdef/m.js")
    assert (former.status_code, former.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert short.body == for_ever.body == former.body
