"""The documentation: links lead somewhere, and pages that are made from the code are up to date."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import reference
from chalicelib.core import limits
from chalicelib.core.dialects.registry import DIALECTS
from chalicelib.core.event import REJECTION_CODES
from chalicelib.core.metrics import CATALOGUE
from chalicelib.errors import ERROR_CODES
from command_examples import WITHOUT
from millrace.api_docs import openapi

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Links of a page to files and headings of the repository that do not exist."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not re.match(r"\w+:", link) and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_the_repository_leads_somewhere(page: str) -> None:
    assert broken_links(ROOT / page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# A b: `c`\n[x](#a-b-c) [x](a.md#a-b-c) [x](b.md) [x](a.md#b) [x](https://b.test)\n"
    )
    assert broken_links(tmp_path / "a.md") == ["b.md", "a.md#b"]


def test_the_contents_list_every_page_once() -> None:
    listed = re.findall(r"\]\(([^)#\s]+)\)", (ROOT / "docs" / "index.md").read_text())
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")} - {"docs/index.md", "index.md"}
    assert {each for each in listed if not each.startswith("..")} >= pages
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", reference.pages())
def test_pages_that_are_made_from_the_code_are_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == reference.pages()[name], "run `make openapi`"


def rows(page: str) -> list[list[str]]:
    """The cells of all rows of a page's tables, without the heads."""
    lines = re.findall(r"^\| (.*) \|$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    return [line.split(" | ") for line in lines if "`" in line and "`limits.py`" not in line]


def test_the_page_of_metrics_lists_every_metric_with_its_unit() -> None:
    single = {name: unit for name, unit in CATALOGUE.items() if name.removeprefix("rejected_") not in REJECTION_CODES}
    assert {name.strip("`"): unit for name, unit, _ in rows("metrics.md")} == single | {"rejected_CODE": "Count"}


@pytest.mark.parametrize("row", rows("limits.md"), ids=lambda row: row[0])
def test_the_page_of_limits_says_the_numbers_of_the_code(row: list[str]) -> None:
    units = {"KiB": 1024, "MiB": 1024**2}
    numbers = [
        int(number.replace(",", "")) * units.get(unit, 1)
        for number, unit in re.findall(r"([\d,]*\d)(?: (KiB|MiB))?", row[1])
    ]
    assert numbers == [getattr(limits, name) for name in re.findall(r"`(\w+)`", row[3])]
    codes = re.findall(r"(\d{3}|rejected:) `(\w+)`", row[2])
    assert all(
        code in REJECTION_CODES if status == "rejected:" else ERROR_CODES[code].status == int(status)
        for status, code in codes
    )


def described() -> list[tuple[str, str, list[str]]]:
    """Method, path and query parameters of each route of the API's description that is not a client library's."""
    libraries = {path for each in DIALECTS for _, path in each.routes} | {
        question.path for each in DIALECTS for question in each.questions
    }
    return [
        (method.upper(), path, [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"])
        for path, methods in openapi.document()["paths"].items()
        for method, operation in methods.items()
        if path in ("/events", "/pixel.gif") or path not in libraries
    ]


@pytest.mark.parametrize(("method", "path", "parameters"), described(), ids=str)
def test_the_page_of_the_api_has_the_routes_and_parameters_of_its_description(
    method: str, path: str, parameters: list[str]
) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    overview = page.partition("\n## Sending\n")[0]
    assert f"`{method} {path}`" in overview
    elsewhere = {
        "POST /events": "## Sending",
        "GET /pixel.gif": "### The pixel",
        "GET /rejections": "## Rejections",
        "GET /openapi.json": "### Pages for people",
    }
    heading = elsewhere.get(f"{method} {path}", f"### {method} {path}")
    section = page.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    assert section
    if path != "/pixel.gif":  # its fields are those of an event
        assert [name for name in parameters if f"`{name}`" not in section] == []


def test_the_page_of_the_api_lists_every_code_of_a_rejection() -> None:
    table = (ROOT / "docs" / "api.md").read_text().partition("\n## Rejections\n")[2].partition("\n## ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    assert set(listed) - {"code"} == set(REJECTION_CODES)


def test_every_command_is_shown_with_its_output() -> None:
    page = reference.pages()["commands.md"].split("\n## millrace ")[1:]
    groups = ("dlq", "keys", "projects", "quarantine", "reports", "schemas")
    without = {
        name
        for name, _, text in (part.partition("\n") for part in page)
        if "\n$ millrace " not in text and "is on another page" not in text
    }
    assert without == WITHOUT | set(groups)
