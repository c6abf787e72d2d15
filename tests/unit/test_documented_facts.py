"""Facts that the documentation takes from the code: rights, codes and what the access log holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib.core.failures import REASONS
from chalicelib.errors import ERROR_CODES
from millrace.deploy.finishing import ACCESS_LOG_FORMAT
from millrace.deploy.rights import RIGHTS

DOCS = Path(__file__).parents[2] / "docs"
#: Rights that Chalice and the trigger need, beside the calls of the code.
MORE = {"process": {"ReceiveMessage", "GetQueueAttributes"}}


def documented_rights() -> dict[str, set[str]]:
    """The actions of each function in the table of docs/security.md; a row without a function goes on with the last."""
    rows = re.findall(
        r"^\| (\w*) *\| ([A-Za-z, ]+) \| .* \|$",
        (DOCS / "security.md").read_text().partition("## What is encrypted")[0],
        re.MULTILINE,
    )
    found: dict[str, set[str]] = {}
    function = ""
    for name, actions, *_ in rows:
        function = name or function
        found.setdefault(function, set()).update(actions.split(", "))
    return {name: found[name] for name in RIGHTS}


def action(call: str) -> str:
    return call.title().replace("_", "").replace("Partiql", "PartiQL")


@pytest.mark.parametrize("function", sorted(RIGHTS))
def test_the_page_of_security_lists_the_rights_of_each_function(function: str) -> None:
    needed = {action(call) for right in RIGHTS[function] for call in right.calls}
    assert documented_rights()[function] == needed | MORE.get(function, set())


def test_the_page_of_data_lists_every_reason_of_a_failure() -> None:
    section = (DOCS / "data.md").read_text().partition("\n## Quarantine\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) - {"code"}
    assert listed == {*REASONS, "committed"}


def test_the_codes_of_the_runbook_have_their_status() -> None:
    named = [
        (int(status), code)
        for status, codes in re.findall(r"^\| (\d{3}) ([^|]*) \|", (DOCS / "operating.md").read_text(), re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    ]
    assert len(named) >= 5
    assert [(status, code) for status, code in named if ERROR_CODES[code].status != status] == []


def test_the_access_log_holds_routes_and_no_paths_queries_or_headers() -> None:
    """A path may hold a write key or the id of a user, and so may a query."""
    variables = set(re.findall(r"\$context\.([\w.]+)", ACCESS_LOG_FORMAT))
    assert "resourcePath" in variables
    assert not variables & {"path", "requestOverride.path", "customDomain.basePathMatched", "authorizer.principalId"}
    assert not [name for name in variables if "header" in name.lower() or "query" in name.lower()]
