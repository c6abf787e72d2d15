"""The table of error codes: what the code raises is in it, and the docs say the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.errors import ERROR_CODES, TITLES
from chalicelib.http import answers
from millrace.api_docs import openapi

PROJECT = Path(__file__).parents[2]
SOURCES = [PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py"), *(PROJECT / "millrace").rglob("*.py")]


def first_arguments(path: Path) -> Iterator[ast.expr]:
    """Where a problem is made, what its code is said to be."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            made = ast.unparse(node.func)
            if made == "Problem" or (path.name == "errors.py" and made == "super().__init__"):
                yield from node.args[:1]


def raised(path: Path) -> set[str]:
    return {
        node.value
        for argument in first_arguments(path)
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_code_that_is_raised_is_in_the_table_and_the_reverse() -> None:
    found = set(answers.CODES_OF_CHALICE.values()).union(*(raised(path) for path in SOURCES))
    assert found == set(ERROR_CODES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_problem_names_its_code_where_it_is_made(path: Path) -> None:
    unnamed = [each for each in first_arguments(path) if not isinstance(each, ast.Constant)]
    # What Chalice answers is looked up by its status; the class itself hands its message on.
    assert [ast.unparse(each) for each in unnamed if "CODES_OF_CHALICE" not in ast.unparse(each)] == (
        ["self.message"] if path.name == "errors.py" else []
    )


def test_the_codes_that_chalice_answers_have_the_status_that_chalice_gives_them() -> None:
    assert {ERROR_CODES[code].status: code for code in answers.CODES_OF_CHALICE.values()} == answers.CODES_OF_CHALICE


def test_every_status_has_a_title() -> None:
    assert {code.status for code in ERROR_CODES.values()} == set(TITLES)


def test_the_docs_list_every_code_with_its_status_meaning_and_advice() -> None:
    rows = [
        f"| {status} | `{code}` | {meaning} | {advice} |" for code, (status, meaning, advice) in ERROR_CODES.items()
    ]
    section = (PROJECT / "docs" / "api.md").read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| ")][1:] == rows


def test_the_description_tells_every_code_at_its_status_and_what_it_means() -> None:
    described = openapi.document()
    code_of_a_problem = described["components"]["schemas"]["Problem"]["properties"]["code"]
    assert code_of_a_problem["enum"] == sorted(ERROR_CODES)
    responses = described["paths"]["/events"]["post"]["responses"]
    for code, (status, meaning, advice) in ERROR_CODES.items():
        assert f"{code}: {meaning} {advice}" in code_of_a_problem["description"]
        assert str(status) not in responses or code in responses[str(status)]["description"]
