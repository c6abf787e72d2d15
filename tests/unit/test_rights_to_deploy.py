"""The policy that docs/rights-to-deploy.md gives to who deploys covers what the toolbox and the template need."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rights-to-deploy.md").read_text()
POLICY = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def actions() -> set[str]:
    listed = [each["Action"] for each in POLICY["Statement"]]
    return {action for each in listed for action in ([each] if isinstance(each, str) else each)}


def services() -> set[str]:
    """The services that the toolbox calls and those whose resources the template makes."""
    code = "".join(path.read_text() for path in (ROOT / "millrace").rglob("*.py"))
    called = set(re.findall(r"clients?\(\"(\w+)\"", code))
    made = {name.lower() for name in re.findall(r"Type: AWS::(\w+)::", (ROOT / "stack.yaml").read_text())}
    return called | made


@pytest.mark.parametrize("service", sorted(services()))
def test_the_policy_allows_calls_of_each_service(service: str) -> None:
    assert len(services()) > 8
    assert any(action.startswith(f"{service}:") for action in actions())


def test_what_has_a_name_is_allowed_for_names_of_stages_alone() -> None:
    for statement in POLICY["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if any(action.endswith(":*") for action in statement["Action"]) and statement["Sid"] != "TheApi":
            assert [each for each in resources if not re.search(r"millrace[-_]\*|:catalog$", each)] == []
