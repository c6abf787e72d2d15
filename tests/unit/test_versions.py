"""Every released version is in the changelog and in versions.json, with the commit that it was released from."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chalicelib.ports import CURRENT_FORMAT

ROOT = Path(__file__).parents[2]
VERSIONS: dict[str, dict[str, Any]] = json.loads((ROOT / "versions.json").read_text())
RELEASED = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def version_in(pyproject: str) -> str:
    found = re.search(r'^version = "(.+)"$', pyproject, re.MULTILINE)
    assert found
    return found[1]


def test_the_changelog_and_versions_json_list_the_same_versions() -> None:
    current = version_in((ROOT / "pyproject.toml").read_text())
    # The commit of a release cannot name itself: the commit after it does.
    assert [version for version in RELEASED if version != current] == list(reversed(VERSIONS))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_released_version_is_what_its_commit_says(version: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this folder is no clone, so it has no commits")
    shown = subprocess.run(
        ["git", "show", f"{VERSIONS[version]['commit']}:pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert version_in(shown.stdout) == version


def test_the_documented_formats_are_those_of_the_versions() -> None:
    documented = re.findall(r"^\| (\d+) \| (\S+) \|", (ROOT / "docs" / "upgrading.md").read_text(), re.MULTILINE)
    formats = {int(number) for number, _ in documented}
    assert CURRENT_FORMAT in formats
    assert formats >= {released["format"] for released in VERSIONS.values() if released["format"]}
